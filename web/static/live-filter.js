// Search and the two filters. What is typed is looked for in the loaded cards at once; from three letters on, and for the
// filters, the server looks too, through all invoices there are.

import { find, write } from "./live-format.js";
import { findByNumber, sameNumber } from "./live-list.js";

const LETTERS = 3; // from so many on the server's index helps
const TYPING_MS = 250; // a pause so long: what was typed may be a word
const OFFER_MS = 1000; // between two updates of the choices

export class Filter {
  onChange = () => {}; // set by the board
  #text = find("search");
  #salesman = find("salesman");
  #customer = find("customer");
  #typing = 0;
  #offering = 0;
  #open;

  /** open(invoice, element): show its detail; the element gets the focus back. */
  constructor(store, open) {
    this.#open = open;
    this.#text.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.onChange(), TYPING_MS);
    });
    for (const choice of [this.#salesman, this.#customer]) choice.addEventListener("change", () => this.onChange());
    find("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter(store);
    });
    find("filter").addEventListener("reset", () => setTimeout(() => this.onChange()));
    find("filter-toggle").addEventListener("click", () => {
      const isOpen = find("filter").classList.toggle("open");
      find("filter-toggle").setAttribute("aria-expanded", String(isOpen));
    });
    document.addEventListener("keydown", (event) => this.#shortcut(event));
  }

  /** What the server is to be asked for; null when it need not be. */
  asked() {
    const search = this.#typed();
    const asked = {
      ...([...search].length >= LETTERS && { search }),
      ...(this.#salesman.value && { salesman: this.#salesman.value }),
      ...(this.#customer.value && { customer: this.#customer.value }),
    };
    return Object.keys(asked).length ? asked : null;
  }

  /** The test of an invoice; null without a filter. As the server has it: somewhere in one of these, whatever the case. */
  matches() {
    const text = this.#typed().toLowerCase();
    const salesman = this.#salesman.value;
    const customer = this.#customer.value;
    if (!text && !salesman && !customer) return null;
    const has = (value) => Boolean(value) && value.toLowerCase().includes(text);
    return (invoice) =>
      (!salesman || invoice.salesman?.name === salesman) && (!customer || invoice.customer?.code === customer)
      && (!text || has(invoice.invoice_no) || has(invoice.customer?.name) || has(invoice.customer?.code)
        || (invoice.items ?? []).some((item) => has(item.name) || has(item.item_code)));
  }

  clear() {
    find("filter").reset();
    for (const choice of [this.#salesman, this.#customer]) choice.length = 1;
    this.tell("");
  }

  tell(words) {
    write(find("found"), words, "");
    find("clear").hidden = !this.matches();
    const narrowed = Boolean(this.#salesman.value || this.#customer.value);
    find("filter-toggle").dataset.narrowed = narrowed;
  }

  /** The salesmen and customers there are to choose from. */
  offer(store) {
    this.#offering ||= setTimeout(() => {
      this.#offering = 0;
      const { invoices } = store;
      choices(this.#salesman, invoices.map(({ salesman }) => salesman && [salesman.name, salesman.name]));
      choices(this.#customer, invoices.map(({ customer }) => customer && [customer.code, nameOf(customer)]));
    }, OFFER_MS);
  }

  #typed() {
    return this.#text.value.trim();
  }

  /** Enter, as a scanner sends it too: the invoice of that number, wherever it is. */
  async #enter(store) {
    clearTimeout(this.#typing);
    const number = this.#typed();
    if (!number) return this.onChange();
    try {
      const known = store.invoices.find((invoice) => sameNumber(invoice, number));
      const found = known ?? (await findByNumber(number)) ?? this.#only(store);
      if (this.#typed() !== number) return undefined; // somebody types on
      if (found) {
        find("filter").reset(); // ready for the next one
        return this.#open(found, this.#text);
      }
    } catch { /* the state on top says that the server is away */ }
    return this.onChange();
  }

  #only(store) {
    const matches = this.matches();
    const matching = store.invoices.filter(matches);
    return matching.length === 1 ? matching[0] : null;
  }

  #shortcut(event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || event.target.closest?.("input, select, textarea")) return;
    event.preventDefault();
    this.#text.focus();
    this.#text.select();
  }
}

const nameOf = ({ name, area }) => (area ? `${name}, ${area}` : name);

/** The select's options: what there is to choose, by name. What is chosen stays, and nothing changes under a hand. */
function choices(select, found) {
  if (document.activeElement === select) return;
  const chosen = select.value;
  const wanted = new Map(found.filter(Boolean));
  if (chosen && !wanted.has(chosen)) wanted.set(chosen, select.selectedOptions[0].textContent);
  const sorted = [...wanted].sort(([, one], [, other]) => one.localeCompare(other));
  const shown = [...select.options].slice(1);
  if (sorted.length === shown.length && sorted.every(([value, name], n) => {
    return shown[n].value === value && shown[n].textContent === name;
  })) return;
  select.length = 1;
  select.append(...sorted.map(([value, name]) => new Option(name, value)));
  select.value = chosen;
}
