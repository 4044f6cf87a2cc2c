// The editor of a quote or an invoice. What is typed is kept on this device until the server has it, and the paper stands beside it.

import { attempt, Changed, get, isQuiet, Missing, perform, read, Refused, waitWords, wordsOf } from "./books-api.js";
import { settle } from "./books-conflict.js";
import { button, make, none } from "./books-dom.js";
import { clearProblems, field, fill, formFoot, showProblems, valuesOf } from "./books-form.js";
import { fraction, money, percent, plusDays, today, typedNumber } from "./books-format.js";
import { Lines } from "./books-lines.js";
import { forgetPlaces } from "./books-list.js";
import { keep, kept, markSaved, newName } from "./books-memory.js";
import { paperOf } from "./books-paper.js";
import { ClientPicker } from "./books-picker.js";
import { Preview } from "./books-preview.js";
import { loadProfile } from "./books-profile.js";
import { failed, go, setTitle, tell, waiting } from "./books-shell.js";
import { say } from "./books-words.js";

// Members of the document that are edited, in the order in which a difference is shown.
const EDITED = ["client", "issue_date", "title", "line_items", "tax_rate", "tax_amount", "terms", "notes"];
// Between the last key and the moment when what was typed is kept and shown.
const QUIET_MS = 120;
const NO_SUMS = { line_items: [], subtotal: "0.00", tax_amount: "0.00", total_amount: "0.00" };

export async function editorView(page) {
  const { kind, id, query } = page;
  const back = id ? `#/${kind.room}/${id}` : `#/${kind.room}`;
  setTitle(say(id ? `edit-${kind.name}` : `new-${kind.name}`), back);
  if (!id && !query.get("draft")) {
    query.set("draft", newName());
    page.setQuery(query);
  }
  page.outlet.replaceChildren(waiting());
  const name = id ? `${kind.name}-${id}` : `${kind.name}-new-${query.get("draft")}`;
  try {
    const { company, preferences } = await loadProfile();
    const before = kept(name);
    if (before?.savedAs) {
      go(before.savedAs, { replace: true });
      return;
    }
    const start = before ?? await begun(page, preferences);
    if (page.signal.aborted) return;
    if (id && !before && start.base.status !== "draft") {
      tell(say(`only-draft-${kind.name}`), { isWrong: true });
      go(back, { replace: true });
      return;
    }
    new Editor(page, name, start, company);
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    page.outlet.replaceChildren(error instanceof Missing ? none(error.message) : failed(wordsOf(error), () => editorView(page)));
  }
}

/** Returns {values, base, etag} of a new editor: the stored paper, or an empty one with the preferences of the account. */
async function begun({ kind, id, query, signal }, preferences) {
  if (id) {
    const { document, etag } = await read(`${kind.path}${id}/`, signal);
    const client = await get(`/api/clients/${document.client}/`, {}, signal);
    return { values: valuesOfDocument(kind, document, client), base: document, etag };
  }
  const client = query.get("client");
  // The tax of the last paper is likely that of the next.
  const [chosen, last] = await Promise.all([
    client ? get(`/api/clients/${client}/`, {}, signal).catch((error) => { if (error instanceof Missing) return null; throw error; }) : null,
    get(kind.path, { page_size: 1 }, signal),
  ]);
  const rate = percent(last.results[0]?.tax_rate);
  const values = {
    client: chosen, issue_date: today(), until: plusDays(today(), preferences[`${kind.name}_days`]), title: "", terms: preferences[`${kind.name}_terms`], notes: "",
    tax: rate && rate !== "0" ? "rate" : "none", tax_value: rate === "0" ? "" : rate, lines: [],
  };
  return { values, base: null, etag: "" };
}

function valuesOfDocument(kind, document, client) {
  const { issue_date, title, terms, notes } = document;
  const tax = document.tax_rate !== null && Number(document.tax_rate) ? "rate" : Number(document.tax_amount) ? "amount" : "none";
  return {
    client, issue_date, until: document[kind.until], title, terms, notes, tax,
    tax_value: { rate: percent(document.tax_rate), amount: document.tax_amount, none: "" }[tax],
    lines: document.line_items.map(({ description, quantity, unit_price: price }) => ({ description, quantity: String(quantity), unit_price: price })),
  };
}

/** Returns the names of the values that make up a member of the document. */
function valueNames(kind, member) {
  const names = { [kind.until]: ["until"], line_items: ["lines"], tax_rate: ["tax", "tax_value"], tax_amount: ["tax", "tax_value"] };
  return names[member] ?? [member];
}

class Editor {
  #page;
  #kind;
  #name;
  #company;
  #base;
  #etag;
  #sums = NO_SUMS;
  #form;
  #lines = new Lines(() => this.#changed());
  #picker;
  #preview;
  #paper = make("div", { class: "paper-place" });
  #total = make("output", { class: "bar-total", "aria-live": "polite" });
  #save;
  // The timer of what was typed and is not kept yet; 0: there is nothing.
  #due = 0;

  constructor(page, name, { values, base, etag, attempt: before }, company) {
    [this.#page, this.#kind, this.#name, this.#base, this.#etag, this.#company] = [page, page.kind, name, base, etag, company];
    this.#picker = new ClientPicker({ label: say("client"), signal: page.signal, onChange: () => this.#changed() });
    this.#preview = new Preview(page.kind, { signal: page.signal, onSums: (sums) => this.#showSums(sums), onProblem: (words, fields) => this.#showProblem(words, fields) });
    this.#save = button(say("save"), { type: "submit", class: "", icon: "check" });
    this.#form = this.#build();
    this.#write(values);
    const tabs = ["write", "paper"].map((tab) => make("button", { type: "button", class: "chip", text: say(tab), "aria-pressed": String(tab === "write"), on: { click: () => this.#turn(tab, tabs) }, data: { tab } }));
    page.outlet.replaceChildren(make("div", { class: "editor", data: { tab: "write" } }, make("div", { class: "tabs", role: "group", "aria-label": say("view") }, tabs), this.#form, this.#paper));
    document.body.dataset.bar = "true";
    this.#settleTyped({ isFirst: true });
    const settleNow = () => this.#due && this.#settleTyped();
    page.onLeave(settleNow);
    window.addEventListener("pagehide", settleNow, { signal: page.signal });
    if (before) this.#perform(before);
    else if (!base && !values.client && matchMedia("(pointer: fine)").matches) this.#picker.focus();
  }

  #build() {
    const taxKinds = ["none", "rate", "amount"].map((tax) => [tax, say(`tax-${tax}`)]);
    const form = make("form", { class: "editor-form", autocomplete: "off", novalidate: true, on: {
      input: (event) => this.#typed(event), submit: (event) => { event.preventDefault(); this.#submit(); },
    } },
    make("div", { class: "fields card" }, this.#picker.element,
      field("title", say("title-what"), { maxlength: "255", wide: true, placeholder: say(`title-hint-${this.#kind.name}`) }),
      make("div", { class: "wide pair" }, field("issue_date", say("issue-date"), { type: "date" }), field("until", say(this.#kind.until), { type: "date" }))),
    this.#lines.element,
    make("div", { class: "fields card tax-card" },
      field("tax", say("tax"), { choices: taxKinds }), field("tax_value", say("tax-value"), { inputmode: "decimal", maxlength: "14" })),
    make("div", { class: "fields card" },
      field("terms", say("terms"), { tag: "textarea", maxlength: "10000", wide: true }), field("notes", say("notes"), { tag: "textarea", maxlength: "10000", wide: true })),
    ...formFoot());
    form.querySelector(".buttons").replaceWith(make("div", { class: "bar" }, make("span", { class: "bar-sum" }, make("span", { class: "note", text: say("total") }), this.#total), this.#save));
    return form;
  }

  #turn(tab, tabs) {
    this.#page.outlet.querySelector(".editor").dataset.tab = tab;
    for (const one of tabs) one.setAttribute("aria-pressed", String(one.dataset.tab === tab));
    scrollTo(0, 0);
  }

  #typed({ target }) {
    target.removeAttribute("aria-invalid");
    const place = target.name && this.#form.querySelector(`[data-problem="${CSS.escape(target.name)}"]`);
    if (place) place.textContent = "";
    this.#changed();
  }

  // Values

  get #values() {
    return { ...valuesOf(this.#form), client: this.#picker.client, lines: this.#lines.typed };
  }

  #write(values) {
    this.#picker.client = values.client;
    this.#lines.typed = values.lines;
    fill(this.#form, values);
  }

  /** The values as the API takes them. */
  #body() {
    const { client, issue_date, until, title, terms, notes, tax, tax_value: value } = this.#values;
    return {
      ...((client || this.#base) && { client: client?.id ?? null }), issue_date, [this.#kind.until]: until, title, terms, notes, line_items: this.#lines.items,
      tax_rate: tax === "rate" ? fraction(value || "0") : null, tax_amount: tax === "amount" ? typedNumber(value || "0") : "0",
    };
  }

  /** Something was typed: it is kept and shown a moment later, so that a long paper doesn't slow each key. */
  #changed() {
    clearTimeout(this.#due);
    this.#due = setTimeout(() => this.#settleTyped(), QUIET_MS);
  }

  #settleTyped({ isFirst = false } = {}) {
    clearTimeout(this.#due);
    this.#due = 0;
    const { tax } = this.#values;
    const rate = this.#form.elements.tax_value.closest(".part");
    rate.hidden = tax === "none";
    rate.querySelector("label").textContent = say(tax === "amount" ? "tax-amount" : "tax-rate");
    if (!isFirst) this.#keep();
    const { line_items, tax_rate, tax_amount } = this.#body();
    // Only what changes the sums is sent, so that a long text costs no request for each of its words.
    this.#preview.ask({ line_items, tax_rate, tax_amount });
    this.#showPaper();
  }

  #keep(attempted) {
    const values = this.#values;
    const isEmpty = !this.#base && !values.client && !values.title && !this.#lines.items.length;
    const label = say(`unsaved-${this.#kind.name}`, { name: this.#base?.[this.#kind.number] ?? values.client?.name ?? values.title });
    const isKept = keep(this.#name, isEmpty && !attempted ? null : { at: Date.now(), hash: this.#page.hash, label, values, base: this.#base, etag: this.#etag, attempt: attempted });
    if (!isKept) tell(say("no-storage"), { isWrong: true });
  }

  // The paper

  #showSums(sums) {
    const isOutdated = sums === null;
    this.#total.dataset.outdated = isOutdated;
    this.#paper.dataset.outdated = isOutdated;
    if (isOutdated) return;
    this.#sums = sums;
    this.#lines.showTotals(sums.line_items);
    this.#say("");
    this.#total.textContent = money(sums.total_amount, this.#company);
    this.#showPaper();
  }

  #showPaper() {
    const { client, issue_date, until, title, terms, notes } = this.#values;
    const { tax_rate } = this.#body();
    const shown = { ...this.#sums, status: "draft", issue_date, [this.#kind.until]: until, title, terms, notes, tax_rate, [this.#kind.number]: this.#base?.[this.#kind.number] };
    this.#paper.replaceChildren(paperOf(this.#kind, shown, client, this.#company, { isTyped: true }));
    this.#total.textContent ||= money(this.#sums.total_amount, this.#company);
  }

  #say(words, kind = "wrong") {
    const place = this.#form.querySelector(".form-problem");
    place.textContent = words;
    place.dataset.kind = kind;
  }

  /** Shows what is wrong with what is typed. A line that lacks something is no problem until it is to be saved. */
  #showProblem(words, fields) {
    const { line_items: lines, tax_rate: rate, tax_amount: amount, [this.#kind.until]: until, ...others } = fields;
    const named = { ...others, ...((rate || amount) && { tax_value: rate || amount }), ...(until && { until }) };
    const homeless = showProblems(this.#form, named);
    const hasLines = lines && this.#lines.showProblems(lines);
    this.#say(homeless || (hasLines || Object.keys(named).length ? "" : words));
    if (hasLines && !Object.keys(named).length) this.#form.querySelector('.line [aria-invalid="true"]')?.focus();
  }

  // Saving

  #submit() {
    if (this.#due) this.#settleTyped();
    clearProblems(this.#form);
    this.#lines.clearProblems();
    this.#say("");
    const { path } = this.#kind;
    const body = this.#body();
    this.#perform(this.#base ? attempt("PATCH", `${path}${this.#base.id}/`, body, this.#etag) : attempt("POST", path, body));
  }

  async #perform(attempted) {
    this.#disable(true);
    this.#keep(attempted);
    const { signal } = this.#page;
    try {
      const { document: paper } = await perform(attempted, { isWanted: () => !signal.aborted, onWait: (tries, error) => this.#say(waitWords(tries, error), "waiting") });
      const hash = `#/${this.#kind.room}/${paper.id}`;
      markSaved(this.#name, hash);
      forgetPlaces();
      tell(say("saved", { name: paper[this.#kind.number] }));
      go(hash, { replace: true });
    } catch (error) {
      if (signal.aborted || isQuiet(error)) return;
      this.#disable(false);
      this.#keep();
      if (error instanceof Changed) this.#settle(JSON.parse(attempted.body)).catch((again) => isQuiet(again) || this.#showProblem(wordsOf(again), {}));
      else this.#showProblem(wordsOf(error), error instanceof Refused ? error.fields : {});
    }
  }

  async #settle(mine) {
    const now = await read(`${this.#kind.path}${this.#base.id}/`, this.#page.signal);
    const take = () => { [this.#base, this.#etag] = [now.document, now.etag]; };
    const fields = [...EDITED.slice(0, 2), this.#kind.until, ...EDITED.slice(2)].filter((name) => name !== "tax_amount" || mine.tax_rate === null);
    if (now.document.status !== "draft") {
      this.#say(say(`only-draft-${this.#kind.name}`));
      return;
    }
    const client = await get(`/api/clients/${now.document.client}/`, {}, this.#page.signal);
    const theirs = valuesOfDocument(this.#kind, now.document, client);
    settle({
      form: this.#form, mine, base: this.#base, now: now.document, fields,
      onMine: () => { take(); this.#submit(); },
      onTheirs: take,
      takeTheirs: (names) => this.#write({ ...this.#values, ...Object.fromEntries(names.flatMap((name) => valueNames(this.#kind, name)).map((name) => [name, theirs[name]])) }),
    });
  }

  #disable(isDisabled) {
    for (const control of this.#form.elements) control.disabled = isDisabled;
    this.#form.toggleAttribute("aria-busy", isDisabled);
  }
}
