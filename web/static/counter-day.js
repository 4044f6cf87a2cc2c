// Today's sales: the sums by payment method, and the orders, newest first. It follows the stream of orders while it is open.

import { get, page, wordsOf } from "./counter-api.js";
import { money } from "./counter-money.js";
import { cancelOrder } from "./counter-sale.js";
import { language, say, speak } from "./counter-words.js";
import { copy, fieldsOf, find, whole, write } from "./live-format.js";
import { SignInNeeded } from "./live-session.js";

const FIRST = "/api/pos/day/orders/?limit=50";
// Orders that change together change the sums once.
const SUMS_MS = 250;

const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "full", timeZone: "UTC" });

export class Day {
  // The page sets these. onOpen(), onClose(): the stream of orders is needed, or not any more. onPay(order), onReceipt(order).
  onOpen = () => {};
  onClose = () => {};
  onPay = () => {};
  onReceipt = () => {};
  #dialog = find("day");
  #list = find("orders");
  // From the id of an order to {order, element, fields}.
  #rows = new Map();
  #next = "";
  #asked = 0;
  #summing = 0;
  // True until the first list has come: then its first order gets the focus.
  #isNew = false;

  constructor() {
    this.#dialog.addEventListener("close", () => {
      this.#asked += 1;
      this.onClose();
    });
    find("orders-more").addEventListener("click", () => this.#more());
    this.#list.addEventListener("click", (event) => this.#click(event.target.closest("button")));
    this.#list.addEventListener("keydown", (event) => this.#key(event));
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open() {
    if (this.#dialog.open) return;
    this.#fill([], "");
    find("day-sums").replaceChildren();
    write(find("day-date"), "", "");
    this.#dialog.showModal();
    this.#isNew = true;
    this.onOpen();
    this.refresh();
  }

  close() {
    this.#dialog.close();
  }

  /** Loads all again: the page was opened, or the stream has missed something. */
  async refresh() {
    if (!this.isOpen) return;
    const mine = ++this.#asked;
    this.#sum();
    try {
      const { rows, next } = await page(FIRST);
      if (mine !== this.#asked) return;
      write(find("day-problem"), "", "");
      this.#fill(rows, next);
      if (this.#isNew) this.#list.querySelector("button")?.focus();
      this.#isNew = false;
    } catch (error) {
      if (mine === this.#asked && !(error instanceof SignInNeeded)) write(find("day-problem"), wordsOf(error), "");
    }
  }

  /** An event of the stream of orders: the order, or {id, status: "DELETED"}. */
  orderChanged(order) {
    if (!this.isOpen) return;
    const row = this.#rows.get(order.id);
    const newest = Math.max(0, ...this.#rows.keys());
    if (order.status === "DELETED") this.#remove(order.id);
    else if (row) this.#show(order, row);
    else if (order.id > newest) this.#list.prepend(this.#made(order).element);
    this.#showNone();
    clearTimeout(this.#summing);
    this.#summing = setTimeout(() => this.#sum(), SUMS_MS);
  }

  async #sum() {
    try {
      const sums = await get("/api/pos/day/");
      write(find("day-date"), day.format(new Date(`${sums.day}T00:00:00Z`)));
      const tiles = [[say("revenue"), sums.revenue, sums.tickets, "all"]];
      for (const { payment_method, tickets, amount } of sums.payment_methods) tiles.push([say(payment_method), amount, tickets, ""]);
      find("day-sums").replaceChildren(...tiles.map(tile));
    } catch (error) {
      if (!(error instanceof SignInNeeded)) write(find("day-problem"), wordsOf(error), "");
    }
  }

  async #more() {
    const mine = this.#asked;
    const button = find("orders-more");
    button.disabled = true;
    try {
      const { rows, next } = await page(this.#next);
      if (mine !== this.#asked) return;
      for (const order of rows) if (!this.#rows.has(order.id)) this.#list.append(this.#made(order).element);
      this.#next = next;
      button.hidden = !next;
    } catch (error) {
      if (!(error instanceof SignInNeeded)) write(find("day-problem"), wordsOf(error), "");
    } finally {
      button.disabled = false;
    }
  }

  /** Shows these orders. Rows that stay are not touched, so a press on one is not lost, nor is the focus. */
  #fill(orders, next) {
    const ids = new Set(orders.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#remove(id);
    orders.forEach((order, n) => {
      const row = this.#rows.get(order.id);
      if (row) this.#show(order, row);
      const { element } = row ?? this.#made(order);
      if (this.#list.children[n] !== element) this.#list.insertBefore(element, this.#list.children[n] ?? null);
    });
    this.#next = next;
    find("orders-more").hidden = !next;
    this.#showNone();
  }

  #showNone() {
    find("orders-none").hidden = this.#rows.size > 0;
  }

  #made(order) {
    const element = copy("order");
    speak(element);
    const row = { order, element, fields: fieldsOf(element) };
    element.dataset.id = order.id;
    row.fields.more.id = `order-${order.id}`;
    row.fields.head.setAttribute("aria-controls", row.fields.more.id);
    this.#rows.set(order.id, row);
    this.#show(order, row);
    return row;
  }

  #show(order, row) {
    const { fields } = row;
    row.order = order;
    write(fields.folio, order.ticket_folio);
    write(fields.time, time.format(new Date(order.created_at)));
    fields.time.dateTime = order.created_at;
    write(fields.customer, order.customer_name);
    write(fields.seller, say("by-seller", { name: order.seller_name }));
    write(fields.status, order.status === "PAID" ? say(order.payment_method) : say(order.status));
    fields.status.dataset.status = order.status;
    write(fields.total, money(order.final_amount));
    fields.items.replaceChildren(...order.items.map(line));
    fields.pay.hidden = fields.cancel.hidden = order.status !== "PENDING";
  }

  #remove(id) {
    this.#rows.get(id)?.element.remove();
    this.#rows.delete(id);
  }

  #toggle({ fields }, isOpen) {
    fields.more.hidden = !isOpen;
    fields.head.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) fields.more.scrollIntoView({ block: "nearest" });
  }

  #click(button) {
    const row = this.#rows.get(Number(button?.closest(".order")?.dataset.id));
    if (!row) return;
    const does = button.dataset.field;
    if (does === "head") this.#toggle(row, row.fields.more.hidden);
    else if (does === "pay") this.onPay(row.order);
    else if (does === "receipt") this.onReceipt(row.order);
    else if (does === "cancel") this.#cancel(row, button);
  }

  async #cancel(row, button) {
    button.disabled = true;
    write(row.fields.problem, "", "");
    try {
      const order = await cancelOrder(row.order.id);
      this.#show(order, row);
      if (order.status === "PAID") write(row.fields.problem, say("paid-elsewhere", { method: say(order.payment_method) }));
      row.fields.head.focus();
    } catch (error) {
      if (!(error instanceof SignInNeeded)) write(row.fields.problem, wordsOf(error), "");
    } finally {
      button.disabled = false;
    }
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.#list.querySelectorAll("button")].filter((button) => button.checkVisibility());
    buttons[buttons.indexOf(document.activeElement) + step]?.focus();
  }
}

function tile([name, amount, tickets, kind]) {
  const element = document.createElement("div");
  element.className = kind;
  element.append(
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: money(amount) }),
    Object.assign(document.createElement("dd"), { className: "notes", textContent: say("tickets", { count: whole.format(tickets) }) }),
  );
  return element;
}

function line(item) {
  const row = document.createElement("tr");
  const name = [item.product_name, item.promotion_name].filter(Boolean).join(" · ");
  for (const [text, kind] of [[`${whole.format(item.quantity)} ×`, "times"], [name, ""], [money(item.amount), "figure"]]) {
    row.append(Object.assign(document.createElement("td"), { textContent: text, className: kind }));
  }
  return row;
}
