// The search field and the two filters. The loaded invoices are searched at once. From three letters on, and for the filters,
// the server also searches all invoices.

import { find, write } from "./live-format.js";
import { findByNumber } from "./live-list.js";
import { canonical, leadKeys, scanned, whenTabEndsScan } from "./live-scan.js";

// The server's index (trigrams) needs at least this number of letters.
const LETTERS = 3;
// After a pause of this length in typing, the search starts.
const TYPING_MS = 250;
// The most characters of a text that a message repeats.
const NAMED = 24;
// The interval between two updates of the options.
const OFFER_MS = 1000;

export class Filter {
  // The board sets this.
  onChange = () => {};
  #text = find("search");
  #salesman = find("salesman");
  #customer = find("customer");
  #typing = 0;
  #offering = 0;
  // The number that Enter has not found; "" if the text has been changed since then.
  #missing = "";
  #store;
  #open;

  /** open(invoice, element) shows the detail of the invoice; the element gets the focus when the detail is closed. */
  constructor(store, open) {
    this.#store = store;
    this.#open = open;
    this.#text.addEventListener("input", () => {
      this.#missing = "";
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.onChange(), TYPING_MS);
    });
    for (const choice of [this.#salesman, this.#customer]) choice.addEventListener("change", () => this.onChange());
    find("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter();
    });
    whenTabEndsScan(this.#text, () => this.#enter());
    find("filter").addEventListener("reset", () => {
      this.#missing = "";
      setTimeout(() => this.onChange());
    });
    find("filter-toggle").addEventListener("click", () => {
      const isOpen = find("filter").classList.toggle("open");
      find("filter-toggle").setAttribute("aria-expanded", String(isOpen));
    });
    leadKeys(() => (document.querySelector("dialog[open]") ? null : this.#text));
  }

  /** Returns the parameters for the server's list, or null if the server need not be asked. */
  asked() {
    const search = this.#typed();
    const asked = {
      ...([...search].length >= LETTERS && { search }),
      ...(this.#salesman.value && { salesman: this.#salesman.value }),
      ...(this.#customer.value && { customer: this.#customer.value }),
    };
    return Object.keys(asked).length ? asked : null;
  }

  /** Returns a function that says whether an invoice matches; null without a filter. As on the server, the text may occur anywhere
      in one of the fields, and case is ignored. */
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
    this.showResult("");
  }

  /** Opens the invoice with the number that was scanned elsewhere on the page, as if it had been scanned here. */
  scan(text) {
    this.#text.value = text;
    this.#missing = "";
    this.#enter();
  }

  showResult(words) {
    const missing = this.#missing && `There is no invoice ${shortened(this.#missing)}.`;
    write(find("found"), [missing, words].filter(Boolean).join(" "), "");
    find("found").classList.toggle("missing", Boolean(missing));
    find("clear").hidden = !this.matches();
    const narrowed = Boolean(this.#salesman.value || this.#customer.value);
    find("filter-toggle").dataset.narrowed = narrowed;
  }

  /** Updates the options of both filters from the invoices in the store. */
  offer(store) {
    this.#offering ||= setTimeout(() => {
      this.#offering = 0;
      const { invoices } = store;
      choices(this.#salesman, invoices.map(({ salesman }) => salesman && [salesman.name, salesman.name]));
      choices(this.#customer, invoices.map(({ customer }) => customer && [customer.code, nameOf(customer)]));
    }, OFFER_MS);
  }

  #typed() {
    return canonical(this.#text.value).trim();
  }

  /** Handles Enter, which a barcode scanner sends too: opens the invoice with the typed number, in whatever column it is. Only a whole
      number opens one: what is scanned next, a worker's e-mail address, must not start the work on another invoice. */
  async #enter() {
    clearTimeout(this.#typing);
    const number = scanned(this.#text.value);
    this.#text.value = number;
    if (!number) return this.onChange();
    // The next scan replaces this one.
    this.#text.select();
    try {
      const known = this.#store.invoices.find((invoice) => invoice.invoice_no === number);
      const found = known ?? (await findByNumber(number));
      // The user has typed more in the meantime.
      if (this.#typed() !== number) return undefined;
      if (found) {
        // The field is ready for the next scan.
        find("filter").reset();
        return this.#open(found, this.#text);
      }
      this.#missing = number;
    } catch {
      // The connection state at the top shows that the server is unreachable.
    }
    return this.onChange();
  }
}

const shortened = (text) => (text.length > NAMED ? `${text.slice(0, NAMED - 1)}…` : text);

const nameOf = ({ name, area }) => (area ? `${name}, ${area}` : name);

/** Sets the options of the select, sorted by name. The selected option stays, and a select that has the focus does not change. */
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
