// Forms: fields with their labels and problems, what is kept of them while they are typed in, and how they are sent.

import { attempt, isQuiet, perform, Refused, waitWords, wordsOf } from "./books-api.js";
import { make } from "./books-dom.js";
import { keep, kept, markSaved } from "./books-memory.js";
import { say } from "./books-words.js";

let numbers = 0;

/**
 * Returns a field: the label, the control and the place for its problem. options: of make() for the control, and `tag`, `hint`, `wide`,
 * `choices` [[value, words], …] of a select, and `before`, a text before the control.
 */
export function field(name, words, { tag = "input", hint, wide, choices, before, ...options } = {}) {
  const id = `field-${++numbers}`;
  const kind = choices ? "select" : tag;
  const described = hint ? `${id}-hint ${id}-problem` : `${id}-problem`;
  const control = make(kind, { id, name, "aria-describedby": described, ...options },
    (choices ?? []).map(([value, text]) => make("option", { value, text })));
  if (choices && options.value !== undefined) control.value = options.value;
  if (kind === "textarea") grow(control);
  return make("p", { class: `part${wide ? " wide" : ""}` },
    make("label", { for: id, text: words }),
    before ? make("span", { class: "affixed" }, make("span", { class: "affix", text: before, "aria-hidden": "true" }), control) : control,
    hint && make("span", { class: "hint", id: `${id}-hint`, text: hint }),
    make("span", { class: "problem", id: `${id}-problem`, role: "alert", data: { problem: name } }));
}

/** Returns a box that is checked or not, with its label beside it. */
export function check(name, words, isChecked) {
  const id = `field-${++numbers}`;
  const box = make("input", { type: "checkbox", id, name, checked: isChecked });
  return make("p", { class: "part check" }, box, make("label", { for: id, text: words }));
}

/** Makes a text area as high as its text. */
export function grow(area) {
  area.classList.add("grows");
  area.setAttribute("rows", area.getAttribute("rows") ?? "2");
  // A browser without field-sizing measures the text.
  if (!CSS.supports("field-sizing", "content")) {
    const measure = () => {
      area.style.height = "auto";
      area.style.height = `${area.scrollHeight + 2}px`;
    };
    area.addEventListener("input", measure);
    // Once it stands in the page with its text.
    requestAnimationFrame(measure);
  }
  return area;
}

/** Returns the values of the controls by their names; a box is true or false. */
export function valuesOf(form) {
  const named = [...form.elements].filter((control) => control.name && !control.dataset.line && control.type !== "file");
  return Object.fromEntries(named.map((control) => [control.name, control.type === "checkbox" ? control.checked : control.value.trim()]));
}

/** Writes values into the controls of these names. */
export function fill(form, values) {
  for (const control of form.elements) {
    if (!control.name || control.dataset.line || control.type === "file" || values?.[control.name] === undefined) continue;
    if (control.type === "checkbox") control.checked = Boolean(values[control.name]);
    else control.value = values[control.name] ?? "";
  }
}

/** Shows the messages at their fields, and moves to the first. Returns those that have no field, as a sentence. */
export function showProblems(form, fields) {
  clearProblems(form);
  const homeless = [];
  for (const [name, said] of Object.entries(fields)) {
    const words = sentences(said).join(" ");
    const place = form.querySelector(`[data-problem="${CSS.escape(name)}"]`);
    if (!place) {
      homeless.push(...(name === "non_field_errors" ? [words] : [`${say(`field-${name}`, {}, name)}: ${words}`]));
      continue;
    }
    place.textContent = words;
    const control = form.elements[name] ?? place.closest(".part")?.querySelector("input, select, textarea");
    control?.setAttribute?.("aria-invalid", "true");
  }
  form.querySelector('[aria-invalid="true"]')?.focus();
  return homeless.join(" ");
}

export function clearProblems(form) {
  for (const place of form.querySelectorAll("[data-problem]")) place.textContent = "";
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

/** Returns the sentences of a refusal in whatever depth. */
export function sentences(said) {
  if (typeof said === "string") return [said];
  return said && typeof said === "object" ? Object.values(said).flatMap(sentences) : [];
}

/**
 * A form that keeps what is typed under `name` until the server has taken it, and sends it once. Its last paragraph `.form-problem` says what
 * belongs to no field.
 */
export class KeptForm {
  #form;
  #name;
  #label;
  #hash;
  #signal;
  #beside;
  #isBegun;
  #untouched;
  #savedAs;
  #request;
  #taken;
  #saved;
  #isSending = false;
  #failed;

  /**
   * label: how the home view names what is unfinished, or a function of the values; hash: where it is gone on with. request(values): {method, path, body, etag}; taken({document}): a promise of
   * what must be done before what was typed is forgotten; saved({document, etag}): it is done; failed(error): returns true if it has dealt with the error. initial: the values of a form in which nothing was typed.
   * signal: aborted when the view is left. beside(): what is kept beside the values; isBegun(): whether that alone is worth keeping.
   * savedAs(document): the address at which the saved document is shown, if the form is left for it.
   */
  constructor(form, { name, label, hash = location.hash, request, saved, taken = () => {}, failed = () => false, initial = {}, signal, beside = () => ({}), isBegun = () => false, savedAs = null }) {
    [this.#form, this.#name, this.#label, this.#request, this.#taken, this.#saved, this.#failed] = [form, name, label, request, taken, saved, failed];
    this.#signal = signal;
    [this.#hash, this.#beside, this.#isBegun, this.#savedAs] = [hash, beside, isBegun, savedAs];
    const before = kept(name);
    fill(form, initial);
    this.#untouched = JSON.stringify(valuesOf(form));
    fill(form, before?.values);
    form.noValidate = true;
    form.addEventListener("input", (event) => {
      const place = form.querySelector(`[data-problem="${CSS.escape(event.target.name ?? "")}"]`);
      if (place) place.textContent = "";
      event.target.removeAttribute("aria-invalid");
      this.keep();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    if (before?.attempt) this.#perform(before.attempt);
  }

  get isSending() {
    return this.#isSending;
  }

  keep(attempted) {
    const values = valuesOf(this.#form);
    if (!attempted && !this.#isBegun() && JSON.stringify(values) === this.#untouched) {
      this.forget();
      return;
    }
    const label = typeof this.#label === "function" ? this.#label(values) : this.#label;
    keep(this.#name, { at: Date.now(), hash: this.#hash, label, values, attempt: attempted, ...this.#beside() });
  }

  forget() {
    keep(this.#name, null);
  }

  send() {
    if (this.#isSending) return undefined;
    clearProblems(this.#form);
    this.say("");
    const { method, path, body, etag } = this.#request(valuesOf(this.#form));
    return this.#perform(attempt(method, path, body, etag));
  }

  /** Says what belongs to no field. */
  say(words, kind = "wrong") {
    const place = this.#form.querySelector(".form-problem");
    place.textContent = words;
    place.dataset.kind = kind;
  }

  async #perform(attempted) {
    this.#isSending = true;
    this.#disable(true);
    this.keep(attempted);
    try {
      const done = await perform(attempted, {
        isWanted: () => !this.#signal?.aborted,
        onWait: (tries, error) => this.say(waitWords(tries, error), "waiting"),
      });
      await this.#taken(done);
      if (this.#savedAs) markSaved(this.#name, this.#savedAs(done.document));
      else this.forget();
      this.say("");
      this.#isSending = false;
      await this.#saved(done);
    } catch (error) {
      this.#isSending = false;
      if (this.#signal?.aborted || isQuiet(error)) return;
      // The request is answered, so the next one is another one.
      this.keep();
      this.#disable(false);
      this.say("");
      if (await this.#failed(error, attempted)) return;
      const homeless = error instanceof Refused ? showProblems(this.#form, error.fields) : wordsOf(error);
      this.say(homeless || (this.#form.querySelector('[aria-invalid="true"]') ? "" : wordsOf(error)));
    } finally {
      this.#disable(false);
    }
  }

  #disable(isDisabled) {
    for (const control of this.#form.elements) control.disabled = isDisabled;
    this.#form.toggleAttribute("aria-busy", isDisabled);
  }
}

/** Returns the buttons at the foot of a form, below the place for what belongs to no field. */
export function formFoot(...buttons) {
  return [make("p", { class: "form-problem", role: "alert" }), make("p", { class: "buttons" }, ...buttons)];
}
