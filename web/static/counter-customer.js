// Who buys: found by phone number or name, or made.

import { get, post, wordsOf } from "./counter-api.js";
import { Choices } from "./counter-choices.js";
import { money } from "./counter-money.js";
import { say } from "./counter-words.js";
import { copy, fieldsOf, find, whole, write } from "./live-format.js";
import { SignInNeeded } from "./live-session.js";

const CUSTOMERS = "/api/pos/customers/";
const SHOWN = 30;
// The server finds nothing by less.
const SHORTEST = 3;

export class Customers {
  #dialog = find("customer");
  #field = find("customer-search");
  #form = find("new-customer");
  #save = this.#form.querySelector("[type=submit]");
  #choices;
  #onChoose;

  /** onChoose(customer) is called with who buys, as GET /api/pos/customers/ shows them. */
  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.#choices = new Choices(this.#field, find("customers"), {
      row,
      load: (text) => (text.trim().length < SHORTEST ? [] : get(CUSTOMERS, { search: text.trim(), limit: SHOWN })),
      onChoose: (customer) => this.#choose(customer),
      onShown: (text, error) => this.#shown(text, error),
    });
    find("customer-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter();
    });
    find("new-customer-open").addEventListener("click", () => this.#openForm());
    find("new-customer-back").addEventListener("click", () => this.#openSearch());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#make();
    });
    this.#form.addEventListener("input", (event) => this.#showProblem(event.target.name, ""));
    this.#dialog.addEventListener("cancel", (event) => {
      if (this.#form.hidden) return;
      event.preventDefault();
      this.#openSearch();
    });
  }

  open() {
    this.#field.value = "";
    this.#choices.show([], "");
    this.#form.reset();
    this.#clearProblems();
    this.#dialog.showModal();
    this.#openSearch();
  }

  #openSearch() {
    this.#form.hidden = true;
    for (const id of ["customer-form", "customers", "customers-none", "new-customer-open"]) find(id).hidden = false;
    this.#field.focus();
    this.#field.select();
  }

  /** What was searched for is likely the phone number, or the name, of who is not there yet. */
  #openForm() {
    const typed = this.#field.value.trim();
    for (const id of ["customer-form", "customers", "customers-none", "new-customer-open"]) find(id).hidden = true;
    this.#form.hidden = false;
    if (/^[+\d][\d\s().-]*$/.test(typed)) this.#form.elements.phone_number.value ||= typed;
    else if (typed) {
      const [first, ...last] = typed.split(/\s+/);
      this.#form.elements.first_name.value ||= first;
      this.#form.elements.last_name.value ||= last.join(" ");
    }
    this.#form.elements.first_name.focus();
  }

  #shown(text, error) {
    const isShort = text.trim().length < SHORTEST;
    write(find("customers-none"), error ? say("no-answer") : isShort ? say("type-more") : this.#choices.items.length ? "" : say("no-such-customer"), "");
  }

  async #enter() {
    const typed = this.#field.value;
    if (!this.#choices.isOf(typed)) await this.#choices.load(typed);
    else if (this.#choices.active) this.#choose(this.#choices.active);
    else if (typed.trim().length >= SHORTEST) this.#openForm();
  }

  #choose(customer) {
    this.#dialog.close();
    this.#onChoose(customer);
  }

  async #make() {
    if (this.#save.disabled) return;
    this.#clearProblems();
    this.#save.disabled = true;
    const body = Object.fromEntries([...new FormData(this.#form)].map(([name, value]) => [name, value.trim()]));
    // The server's sentence for an absent field is about a field that is not filled in; the one for an empty date is about its form.
    for (const name of Object.keys(body)) if (!body[name]) delete body[name];
    try {
      const made = await post("/api/customers/", body);
      if (this.#dialog.open) this.#choose({ ...made, name: `${made.first_name} ${made.last_name}` });
    } catch (error) {
      if (!(error instanceof SignInNeeded)) this.#refuse(error);
    } finally {
      this.#save.disabled = false;
    }
  }

  #refuse(error) {
    let first = null;
    for (const [name, words] of Object.entries(error.fields ?? {})) {
      const field = this.#form.elements[name];
      if (!field) continue;
      this.#showProblem(name, [words].flat().join(" "));
      first ??= field;
    }
    if (!first) write(find("new-customer-problem"), wordsOf(error), "");
    const fields = [...this.#form.elements];
    fields.find((field) => field.getAttribute("aria-invalid"))?.focus();
  }

  #showProblem(name, words) {
    const field = this.#form.elements[name];
    if (!field) return;
    write(find(`${name}-problem`), words, "");
    if (words) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  #clearProblems() {
    for (const { name } of this.#form.elements) if (name) this.#showProblem(name, "");
    write(find("new-customer-problem"), "", "");
  }
}

function row(customer) {
  const element = copy("buyer");
  const fields = fieldsOf(element);
  write(fields.name, customer.name);
  write(fields.phone, customer.phone_number);
  const notes = [
    customer.is_frequent && say("frequent"), say("points", { count: whole.format(customer.current_points) }),
    customer.is_frequent && say("credit", { amount: money(customer.available_credit) }), customer.email,
  ];
  write(fields.notes, notes.filter(Boolean).join(" · "));
  return element;
}
