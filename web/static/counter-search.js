// The search for products: by name, by SKU, or a scanned code. `3*` or `3x` before it means three.

import { get } from "./counter-api.js";
import { Choices } from "./counter-choices.js";
import { money } from "./counter-money.js";
import { say } from "./counter-words.js";
import { copy, fieldsOf, find, whole, write } from "./live-format.js";
import { scanned } from "./live-scan.js";
import { SignInNeeded, Unavailable } from "./live-session.js";

const PRODUCTS = "/api/pos/products/";
const SHOWN = 40;
// Fewer than these left are worth a look before they are promised to somebody.
const FEW = 5;
const TIMES = /^\s*(\d{1,6})\s*[*x×]\s*(.*)$/is;

export class Search {
  #field = find("search");
  #choices;
  #add;
  #tell;
  // Scans are looked up one after the other, in the order in which they came.
  #scans = Promise.resolve();

  /** add(product, quantity) puts it into the cart; tell(words, isWrong) shows a message. */
  constructor({ add, tell }) {
    this.#add = add;
    this.#tell = tell;
    this.#choices = new Choices(this.#field, find("results"), {
      row,
      load: (text) => products(asked(text).text, SHOWN),
      onChoose: (product) => this.#choose(product),
      onShown: (text, error) => this.#shown(text, error),
    });
    this.#field.addEventListener("input", () => tell("", false));
    find("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter();
    });
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  /** Shows what sells most, in an empty field. */
  reset() {
    this.#field.value = "";
    this.#choices.load("");
  }

  /** Loads what is shown again: stock or prices have changed. */
  refresh() {
    this.#choices.load(this.#field.value, { isQuiet: this.#choices.isOf(this.#field.value) });
  }

  /** Shows nothing any more: another person will sign in. */
  clear() {
    this.#field.value = "";
    this.#choices.show([], "");
    this.#tell("", false);
  }

  /** An event of the stream of stock. */
  stockChanged({ id, current_stock, available_to_sell, is_active }) {
    const product = this.#choices.items.find((item) => item.id === id);
    if (!product) return;
    if (is_active) this.#choices.replace({ ...product, current_stock, available_to_sell });
    else this.refresh();
  }

  /** Adds what was scanned, wherever the focus is. Nothing but the very code is added. */
  scan(typed) {
    const { quantity, text } = asked(typed);
    const code = scanned(text);
    this.#field.value = "";
    this.#scans = this.#scans.then(() => this.#lookUp(code, quantity));
  }

  async #lookUp(code, quantity) {
    if (!code) return;
    try {
      const product = await exactly(code);
      if (product) this.#add(product, quantity);
      else this.#tell(say("unknown", { code }), true);
    } catch (error) {
      if (!(error instanceof SignInNeeded)) this.#tell(say("not-looked-up", { code }), true);
    }
    if (!this.#choices.isOf("")) this.refresh();
  }

  /** Enter adds the product with exactly this SKU; else the active one, if the list is that of the text. Nothing is added unseen. */
  async #enter() {
    const typed = this.#field.value;
    const { quantity, text } = asked(typed);
    const code = scanned(text);
    if (!code) {
      if (this.#choices.active && this.#choices.isOf(typed)) this.#choose(this.#choices.active);
      return;
    }
    if (this.#choices.isOf(typed)) {
      const first = this.#choices.items[0];
      if (this.#choices.active && (this.#choices.active !== first || !first.is_exact)) this.#choose(this.#choices.active);
      else if (first?.is_exact) this.#took(first, quantity);
      else this.#tell(say("nothing-found", { text: code }), true);
      return;
    }
    try {
      const product = await exactly(code);
      if (this.#field.value !== typed) return;
      if (product) this.#took(product, quantity);
      else await this.#choices.load(typed);
      if (!product && this.#choices.isOf(typed) && !this.#choices.items.length) this.#tell(say("nothing-found", { text: code }), true);
    } catch (error) {
      if (!(error instanceof SignInNeeded)) this.#tell(say("not-looked-up", { code }), true);
    }
  }

  #choose(product) {
    this.#took(product, asked(this.#field.value).quantity);
  }

  #took(product, quantity) {
    this.#add(product, quantity);
    const isListed = this.#choices.isOf("");
    this.#field.value = "";
    if (!isListed) this.#choices.load("");
  }

  #shown(text, error) {
    const isSearch = Boolean(asked(text).text.trim());
    const count = this.#choices.items.length;
    write(find("results-title"), say(isSearch ? "found" : "sells-most"));
    find("results-title").hidden = !count && isSearch;
    find("results-none").hidden = !(error instanceof Unavailable) && (count > 0 || !isSearch);
    write(find("results-none"), error ? say("no-answer") : say("nothing-found", { text: asked(text).text.trim() }));
  }
}

/** Returns {quantity, text} of what was typed. */
export function asked(typed) {
  const [, times, rest] = TIMES.exec(typed) ?? [];
  return Number(times) > 0 ? { quantity: Number(times), text: rest } : { quantity: 1, text: typed };
}

function products(search, limit) {
  return get(PRODUCTS, { ...(search.trim() && { search: search.trim() }), limit });
}

/** Returns the product with this SKU, or null. */
async function exactly(code) {
  const [first] = await products(code, 1);
  return first?.is_exact ? first : null;
}

function row(product) {
  const element = copy("product");
  const fields = fieldsOf(element);
  write(fields.name, product.name);
  write(fields.price, money(product.final_price));
  fields.price.title = `${say("taxed")}: ${product.tax_rate_display}`;
  write(fields.sku, product.sku);
  write(fields.promotion, product.promotion_name, "");
  const left = product.current_stock;
  write(fields.stock, left > 0 ? say("left", { count: whole.format(left) }) : say("none-left"));
  element.dataset.stock = left <= 0 ? "none" : left < FEW ? "few" : "";
  return element;
}
