// The detail of one invoice: whose it is, its items in the order of the walk, and the step that comes next.

import { amount, copy, counted, fieldsOf, find, moment, titled, whole, write } from "./live-format.js";
import { loadInvoice } from "./live-list.js";
import { Steps } from "./live-steps.js";

const TICKED_IN = { PENDING: "pick", PICKING: "pick", PICKED: "pack", PACKING: "pack" }; // by status, what ticks are about

const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const byTouch = matchMedia("(pointer: coarse)");

export class Drawer {
  onClose = () => null; // set by the board: (id) => the element that gets the focus
  #dialog = find("drawer");
  #fields = fieldsOf(this.#dialog);
  #steps;
  #invoice = null;
  #opener = null;
  #listed = ""; // what the items' rows were made of
  #ticks = new Map(); // "17 pick" -> the ids of the items ticked

  /** signIn: see live-sign-in.js. */
  constructor(signIn) {
    this.#steps = new Steps(signIn, () => this.refresh());
    find("close").addEventListener("click", () => this.close());
    this.#dialog.addEventListener("close", () => this.#closed());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.close(); // beside it
    });
    this.#fields.items.addEventListener("change", (event) => this.#tick(event.target));
  }

  /** 0 when closed. */
  get shownId() {
    return this.#invoice?.id ?? 0;
  }

  show(invoice, opener) {
    if (!invoice) return;
    this.#invoice = invoice;
    this.#opener = opener;
    this.#fill();
    this.#steps.begin(invoice);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#fields.body.scrollTop = 0;
    // A scanner types into what has the focus. A finger would get a keyboard over the items that it came to see.
    const field = byTouch.matches ? null : this.#steps.field();
    (field ?? this.#fields.number).focus();
    field?.select();
  }

  /** The same invoice, changed; null: it was deleted. */
  update(invoice) {
    this.#steps.change(invoice);
    if (!invoice) return;
    this.#invoice = invoice;
    this.#fill();
  }

  /** Ask the server, where the stream may not have told. */
  async refresh() {
    const id = this.shownId;
    if (!id) return;
    try {
      const invoice = await loadInvoice(id);
      if (id === this.shownId && JSON.stringify(invoice) !== JSON.stringify(this.#invoice)) this.update(invoice);
    } catch { /* the stream brings it when the server is back */ }
  }

  close() {
    this.#dialog.close();
  }

  #closed() {
    const id = this.shownId;
    if (!id) return;
    this.#invoice = null;
    this.#steps.end();
    // Its card may be another one by now, or in another column.
    const opener = this.#opener?.isConnected && this.#opener.checkVisibility() ? this.#opener : this.onClose(id);
    (opener ?? find("search")).focus();
  }

  #fill() {
    const { customer, status, salesman, ...invoice } = this.#invoice;
    const fields = this.#fields;
    write(fields.number, invoice.invoice_no);
    write(fields.status, titled(status), "");
    fields.status.dataset.status = status;
    write(fields.customer, customer?.name);
    write(fields.place, [customer?.address1, customer?.address2, customer?.area].filter(Boolean).join(", "), "");
    this.#line("phones", [customer?.phone1, customer?.phone2].filter(Boolean).join(", "));
    this.#line("salesman", [salesman?.name, salesman?.phone].filter(Boolean).join(", "));
    this.#line("date", invoice.invoice_date);
    this.#line("arrived", moment(invoice.created_at));
    this.#line("total", amount(invoice.total_amount));
    this.#line("remarks", invoice.remarks);
    this.#list(invoice, TICKED_IN[status]);
    this.#tellProgress();
  }

  /** Only when something about them is another: one may have the focus. */
  #list({ id, items = [] }, work) {
    const listed = JSON.stringify([id, work, items]);
    if (listed === this.#listed) return;
    this.#listed = listed;
    const ticked = this.#ticked();
    this.#fields.items.replaceChildren(...walk(items).map((item) => row(item, work, ticked.has(item.id))));
  }

  #line(field, text) {
    write(this.#fields[field], text ?? "", "");
    this.#fields[field].parentElement.hidden = !text;
  }

  // Ticking off: for whoever holds the page in the hand, so it is kept here alone, and while the page is open

  #ticked() {
    const key = `${this.#invoice.id} ${TICKED_IN[this.#invoice.status]}`;
    if (!this.#ticks.has(key)) this.#ticks.set(key, new Set());
    return this.#ticks.get(key);
  }

  #tick(box) {
    const ticked = this.#ticked();
    if (box.checked) ticked.add(Number(box.value));
    else ticked.delete(Number(box.value));
    this.#tellProgress();
  }

  #tellProgress() {
    const items = this.#invoice.items ?? [];
    const ticked = items.filter(({ id }) => this.#ticked().has(id)).length;
    const is = TICKED_IN[this.#invoice.status] && items.length;
    const all = counted(items.length, "item", "items");
    write(this.#fields.progress, is ? `${whole.format(ticked)} of ${all}` : all);
    this.#fields.progress.dataset.all = Boolean(is) && ticked === items.length;
  }
}

/** In the order of the shelves, R-2 before R-12; what has none comes last. */
export function walk(items) {
  const place = (item) => item.shelf_location?.trim() ?? "";
  return [...items].sort((one, other) =>
    Number(!place(one)) - Number(!place(other)) || natural.compare(place(one), place(other))
    || natural.compare(one.name, other.name) || one.id - other.id);
}

function row(item, work, isTicked) {
  const element = copy(work ? "item" : "item-done");
  const fields = fieldsOf(element);
  write(fields.shelf, item.shelf_location?.trim(), "No shelf");
  fields.shelf.classList.toggle("none", !item.shelf_location?.trim());
  write(fields.name, item.name);
  const notes = [
    item.item_code, item.company_name, item.packing, item.batch_no && `batch ${item.batch_no}`,
    item.expiry_date && `expires ${item.expiry_date}`, Number.isFinite(item.mrp) && `MRP ${amount(item.mrp)}`, item.remarks,
  ];
  fields.note.replaceChildren(...notes.filter(Boolean).flatMap((note) => [piece(note), " "]));
  write(fields.quantity, Number.isFinite(item.quantity) ? whole.format(item.quantity) : "");
  if (fields.box) {
    fields.box.value = item.id;
    fields.box.checked = isTicked;
  }
  return element;
}

/** Not broken in its middle, as a date would be. */
function piece(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}
