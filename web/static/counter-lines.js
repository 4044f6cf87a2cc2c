// The cart as it is shown: its lines, the sums, and the buttons that pay.

import { MOST } from "./counter-cart.js";
import { isSome, money } from "./counter-money.js";
import { say } from "./counter-words.js";
import { copy, fieldsOf, find, whole, write } from "./live-format.js";

// What stands for an amount that the server has yet to say.
const OUTSTANDING = "…";

/** Returns why the line can't be sold, or "". */
export function problemOf(cart, line) {
  if (line.problem || !cart.lacks(line)) return line.problem;
  return line.stock > 0 ? say("only-left", { count: whole.format(line.stock) }) : say("no-stock");
}

export class Lines {
  #cart;
  #list = find("lines");
  #rows = new Map();

  constructor(cart) {
    this.#cart = cart;
    this.#list.addEventListener("click", (event) => this.#click(event));
    this.#list.addEventListener("change", (event) => this.#typed(event));
    this.#list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Puts the focus on the last line, or on the one that it was on. */
  focus() {
    [...this.#list.children].at(-1)?.focus();
  }

  /** Marks the line that has just been added to. */
  mark(id) {
    const row = this.#rows.get(id)?.element;
    if (!row) return;
    row.scrollIntoView({ block: "nearest" });
    row.classList.remove("fresh");
    // The animation begins again only after the page was laid out without it.
    requestAnimationFrame(() => row.classList.add("fresh"));
  }

  update() {
    const cart = this.#cart;
    this.#updateRows();
    find("cart-empty").hidden = !cart.isEmpty;
    find("sums").hidden = cart.isEmpty;
    const { priced } = cart;
    const amount = (text) => (cart.isPriced ? money(text) : OUTSTANDING);
    write(find("subtotal"), amount(priced?.subtotal));
    write(find("tax"), amount(priced?.total_tax));
    write(find("saved"), amount(priced?.money_saved_total));
    find("saved-part").hidden = !isSome(priced?.money_saved_total);
    write(find("points-earned"), cart.isPriced ? whole.format(priced.points_earned) : OUTSTANDING);
    find("points-part").hidden = !priced?.customer || !priced.points_earned;
    const total = cart.isEmpty ? money("0.00") : amount(priced?.final_amount);
    write(find("total"), total);
    write(find("bar-total"), total);
    const count = cart.lines.reduce((sum, { quantity }) => sum + quantity, 0);
    write(find("view-word"), document.body.dataset.view === "cart" ? say("to-search") : say("cart-count", { count: whole.format(count) }));
    write(find("cart-problem"), cart.trouble, "");
    find("pay-open").disabled = find("bar-pay").disabled = !cart.isReady;
    find("total").dataset.outstanding = !cart.isEmpty && !cart.isPriced;
    this.#updateCustomer();
  }

  #updateCustomer() {
    const { customer, priced } = this.#cart;
    write(find("customer-name"), customer?.name ?? say("no-customer"));
    find("customer-remove").hidden = !customer;
    find("customer-open").classList.toggle("chosen", Boolean(customer));
    const notes = customer ? [
      customer.is_frequent && say("frequent"),
      say("points", { count: whole.format(customer.current_points) }),
      customer.is_frequent && say("credit", { amount: money(customer.available_credit) }),
      priced?.customer && priced.is_birthday && say("birthday"),
    ] : [];
    const shown = notes.filter(Boolean).join(" · ");
    write(find("customer-notes"), shown, "");
    find("customer-notes").classList.toggle("birthday", Boolean(priced?.customer && priced.is_birthday));
  }

  /** Rows are kept as long as their line is, so that the focus stays. */
  #updateRows() {
    const ids = new Set(this.#cart.lines.map(({ product_id }) => product_id));
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.closest(".line") : null;
    const place = [...this.#list.children].indexOf(focused);
    for (const [id, { element }] of this.#rows) {
      if (ids.has(id)) continue;
      this.#rows.delete(id);
      element.remove();
    }
    for (const line of this.#cart.lines) {
      if (!this.#rows.has(line.product_id)) this.#append(line);
      this.#fill(line, this.#rows.get(line.product_id));
    }
    if (focused && !focused.isConnected) (this.#list.children[Math.min(place, this.#list.children.length - 1)] ?? find("search")).focus();
  }

  #append(line) {
    const element = copy("line");
    element.dataset.id = line.product_id;
    this.#rows.set(line.product_id, { element, fields: fieldsOf(element) });
    this.#list.append(element);
  }

  #fill(line, { element, fields }) {
    const price = this.#cart.priceOf(line);
    const isCurrent = this.#cart.isPriced;
    write(fields.name, line.name);
    write(fields.sku, line.sku);
    write(fields.amount, isCurrent && price ? money(price.amount) : OUTSTANDING);
    write(fields.unit, price ? say("each", { amount: money(price.unit_price) }) : "", "");
    write(fields.was, price && price.price !== price.unit_price ? money(price.price) : "", "");
    write(fields.promotion, price?.promotion_name, "");
    write(fields.spared, isCurrent && isSome(price?.discount_amount) ? say("saved-line", { amount: money(price.discount_amount) }) : "", "");
    const problem = problemOf(this.#cart, line);
    write(fields.problem, problem, "");
    element.classList.toggle("lacking", Boolean(problem));
    // What somebody is typing there stays.
    const { quantity } = fields;
    if (document.activeElement !== quantity || quantity.value === quantity.dataset.shown) quantity.value = line.quantity;
    quantity.dataset.shown = line.quantity;
    for (const [field, words] of [["quantity", "quantity"], ["less", "less"], ["more", "one-more"], ["remove", "remove"]]) {
      fields[field].setAttribute("aria-label", say(words, { name: line.name }));
    }
  }

  #line(event) {
    return this.#cart.get(Number(event.target.closest(".line")?.dataset.id));
  }

  #click(event) {
    const line = this.#line(event);
    const step = { less: -1, more: 1, remove: -Infinity }[event.target.closest("button")?.dataset.field];
    if (line && step) this.#cart.setQuantity(line.product_id, line.quantity + step);
  }

  #typed(event) {
    const line = this.#line(event);
    if (!line) return;
    const quantity = Number.parseInt(event.target.value, 10);
    if (quantity >= 0 && quantity <= MOST) this.#cart.setQuantity(line.product_id, quantity);
    event.target.value = this.#cart.get(line.product_id)?.quantity ?? "";
  }

  #key(event) {
    const line = this.#line(event);
    if (!line || event.ctrlKey || event.altKey || event.metaKey) return;
    const row = event.target.closest(".line");
    const isField = event.target.localName === "input";
    const step = { "+": 1, "-": -1, Delete: isField ? 0 : -Infinity }[event.key];
    if (step) {
      this.#cart.setQuantity(line.product_id, line.quantity + step);
      if (isField) event.target.value = line.quantity;
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      (event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling)?.focus();
    } else if (event.key === "Enter" && isField) {
      this.#typed(event);
      row.focus();
    } else if (event.key === "Enter" && event.target === row) {
      const { quantity } = this.#rows.get(line.product_id).fields;
      quantity.focus();
      quantity.select();
    } else if (event.key === "Escape" && isField) {
      event.target.value = line.quantity;
      row.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
