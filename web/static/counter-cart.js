// The cart: which products, how many, for whom. What they cost is for the server to say: after each change the cart is sent to it, and the
// answer to the newest question is the only one that counts.

import { lineSentences, post, wordsOf } from "./counter-api.js";
import { pause } from "./counter-attempt.js";
import { Refused, SignInNeeded } from "./live-session.js";

// The most of one product, and the most lines that an order may have.
export const MOST = 999999;
const MOST_LINES = 500;
// Stock of products in the cart has changed: the question waits for further changes.
const STOCK_MS = 150;
const WAITS = [0.5, 1, 2, 4];

export class Cart {
  // The page sets these. onChange(): the lines, the customer or the price have changed. onRefusal(words): the server refuses the customer.
  onChange = () => {};
  onRefusal = () => {};
  // [{product_id, sku, name, quantity, stock, problem}], the first one the oldest.
  lines = [];
  customer = null;
  // What the server has said last; and whether that is about the lines as they are now.
  priced = null;
  isPriced = false;
  // What keeps the price from coming: words for the cashier, or "".
  trouble = "";
  #asked = 0;
  #abort = null;
  #timer = 0;

  get isEmpty() {
    return !this.lines.length;
  }

  /** Whether the cart can be sold: its price is known, and there is enough of everything. */
  get isReady() {
    return this.isPriced && !this.isEmpty && this.lines.every((line) => !line.problem && !this.lacks(line));
  }

  lacks(line) {
    return Number.isFinite(line.stock) && line.stock < line.quantity;
  }

  get(id) {
    return this.lines.find((line) => line.product_id === id);
  }

  /** Returns what the server says of the line: {price, unit_price, amount, …}; undefined as long as it says nothing. */
  priceOf(line) {
    return this.priced?.items.find((item) => item.product_id === line.product_id);
  }

  /** Returns whether there was room for it. */
  add({ id, sku, name, current_stock }, quantity = 1) {
    const line = this.get(id);
    if (!line && this.lines.length >= MOST_LINES) return false;
    if (line) line.quantity = Math.min(MOST, line.quantity + quantity);
    else this.lines.push({ product_id: id, sku, name, quantity: Math.min(MOST, quantity), stock: current_stock, problem: "" });
    if (line) line.stock = current_stock ?? line.stock;
    this.#changed();
    return true;
  }

  /** A quantity below one removes the line. */
  setQuantity(id, quantity) {
    const line = this.get(id);
    if (!line || line.quantity === quantity) return;
    if (quantity < 1) this.lines = this.lines.filter((one) => one !== line);
    else line.quantity = Math.min(MOST, quantity);
    this.#changed();
  }

  setCustomer(customer) {
    this.customer = customer;
    this.#changed();
  }

  clear() {
    this.lines = [];
    this.customer = this.priced = null;
    this.#changed();
  }

  /** Takes over what save() of the memory has kept, or nothing. */
  restore(kept) {
    this.lines = kept?.lines ?? [];
    this.customer = kept?.customer ?? null;
    this.priced = null;
    this.#changed();
  }

  kept() {
    return { lines: this.lines, customer: this.customer };
  }

  /** The body of the order. */
  order() {
    return {
      customer: this.customer?.id ?? null,
      items: this.lines.map(({ product_id, quantity }) => ({ product_id, quantity })),
    };
  }

  /** An event of the stream of stock. */
  stockChanged({ id, current_stock, is_active }) {
    const line = this.get(id);
    if (!line || (line.stock === current_stock && is_active)) return;
    line.stock = is_active ? current_stock : 0;
    this.onChange();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), STOCK_MS);
  }

  /** Asks for the price again: prices or stock may have changed. */
  refresh() {
    if (!this.isEmpty || this.customer) this.#price();
  }

  #changed() {
    this.#price();
    this.onChange();
  }

  async #price() {
    clearTimeout(this.#timer);
    const mine = ++this.#asked;
    this.#abort?.abort();
    this.#abort = new AbortController();
    const isNewest = () => mine === this.#asked;
    this.isPriced = false;
    this.trouble = "";
    if (this.isEmpty && !this.customer) {
      this.priced = null;
      return;
    }
    for (let tries = 0; isNewest(); tries += 1) {
      try {
        const priced = await post("/api/pos/cart/", this.order(), this.#abort.signal);
        if (isNewest()) this.#take(priced);
        return;
      } catch (error) {
        if (!isNewest() || error instanceof SignInNeeded) return;
        if (error instanceof Refused) {
          this.#refused(error);
          return;
        }
        this.trouble = wordsOf(error);
        this.onChange();
        await pause(Math.max(error.retryAfter ?? 0, WAITS[Math.min(tries, WAITS.length - 1)]));
      }
    }
  }

  #take(priced) {
    this.priced = priced;
    this.isPriced = true;
    this.trouble = "";
    if (priced.customer) this.customer = priced.customer;
    for (const line of this.lines) {
      const item = this.priceOf(line);
      if (item) Object.assign(line, { sku: item.sku, name: item.product_name, stock: item.current_stock, problem: "" });
    }
    this.onChange();
  }

  /** A product or the customer is no longer there, or the server refuses a quantity. */
  #refused(error) {
    this.lines.forEach((line, n) => { line.problem = lineSentences(error.fields, n).join(" "); });
    if (error.fields?.customer) {
      this.customer = null;
      this.onRefusal(error.message);
      this.#changed();
      return;
    }
    if (this.lines.every(({ problem }) => !problem)) this.trouble = error.message;
    this.onChange();
  }
}
