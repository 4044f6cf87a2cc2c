// The detail of one invoice: the customer, the items in the order of the shelves, and the next step of the workflow.

import { amount, copy, counted, fieldsOf, find, moment, titled, whole, write } from "./live-format.js";
import { loadInvoice } from "./live-list.js";
import { Papers } from "./live-papers.js";
import { Steps } from "./live-steps.js";
import { walk } from "./live-walk.js";

// The work for which items are ticked off, by status. In the other statuses there are no checkboxes.
const TICKED_IN = { PENDING: "pick", PICKING: "pick", PICKED: "pack", PACKING: "pack" };

const byTouch = matchMedia("(pointer: coarse)");

export class Drawer {
  // The board sets this: (id) => the element that gets the focus.
  onClose = () => null;
  // The page sets this. It is called with a scan that belongs to the search, once the detail is closed.
  onNumber = () => {};
  #dialog = find("drawer");
  #fields = fieldsOf(this.#dialog);
  #steps;
  #papers;
  #invoice = null;
  #opener = null;
  // The data from which the rows of the items were made, as JSON.
  #listed = "";
  // From the invoice and the work, such as "17 pick", to the ids of the ticked items.
  #ticks = new Map();

  /** signIn: the SignIn of live-sign-in.js. */
  constructor(signIn) {
    this.#steps = new Steps(signIn, { onDone: () => this.refresh(), onNumber: (text) => this.#leaveFor(text) });
    this.#papers = new Papers(signIn);
    find("close").addEventListener("click", () => this.close());
    this.#dialog.addEventListener("close", () => this.#closed());
    this.#dialog.addEventListener("click", (event) => {
      // A click beside the dialog has the dialog itself as its target.
      if (event.target === this.#dialog) this.close();
    });
    this.#fields.items.addEventListener("change", (event) => this.#tick(event.target));
  }

  /** The id of the invoice that is shown; 0 if the detail is closed. */
  get shownId() {
    return this.#invoice?.id ?? 0;
  }

  show(invoice, opener) {
    if (!invoice) return;
    this.#invoice = invoice;
    this.#opener = opener;
    this.#fill();
    this.#steps.begin(invoice);
    this.#papers.begin(invoice.id);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#fields.body.scrollTop = 0;
    // A barcode scanner types into the element that has the focus, so the e-mail field gets it. On a touch screen the keyboard would
    // cover the items, so there the heading gets it.
    const field = byTouch.matches ? null : this.#steps.field();
    (field ?? this.#fields.number).focus();
    field?.select();
  }

  /** Shows the new state of the invoice; null if it was deleted. */
  update(invoice) {
    this.#steps.change(invoice);
    if (!invoice) return;
    this.#invoice = invoice;
    this.#fill();
  }

  /** Loads the invoice from the server, in case the stream has not delivered a change. */
  async refresh() {
    const id = this.shownId;
    if (!id) return;
    try {
      const invoice = await loadInvoice(id);
      if (id === this.shownId && JSON.stringify(invoice) !== JSON.stringify(this.#invoice)) this.update(invoice);
    } catch {
      // The stream delivers the change when the server is reachable again.
    }
  }

  close() {
    this.#dialog.close();
  }

  /** Closes the detail first, whatever becomes of the number: the e-mail address that is scanned next must not start the work on the invoice
      that was open before. */
  #leaveFor(text) {
    this.#opener = find("search");
    this.close();
    this.onNumber(text);
  }

  #closed() {
    const id = this.shownId;
    // The event of closing comes later than the closing: another invoice may have been opened in between.
    if (!id || this.#dialog.open) return;
    this.#invoice = null;
    this.#steps.end();
    // The card may have been replaced, or may be hidden in another column.
    const opener = this.#opener?.isConnected && this.#opener.checkVisibility() ? this.#opener : this.onClose(id);
    const next = opener ?? find("search");
    next.focus();
    // The browser has already given a field the focus back, but without the caret: what is typed would go nowhere.
    next.select?.();
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
    this.#showProgress();
  }

  /** Replaces the rows of the items only if the data has changed: a row may have the focus. */
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

  // Ticking off items. This is an aid for the person at this device: the ticks are not sent to the server, and are lost when the
  // page is closed.

  #ticked() {
    const key = `${this.#invoice.id} ${TICKED_IN[this.#invoice.status]}`;
    if (!this.#ticks.has(key)) this.#ticks.set(key, new Set());
    return this.#ticks.get(key);
  }

  #tick(box) {
    const ticked = this.#ticked();
    if (box.checked) ticked.add(Number(box.value));
    else ticked.delete(Number(box.value));
    this.#showProgress();
  }

  #showProgress() {
    const items = this.#invoice.items ?? [];
    const ticked = items.filter(({ id }) => this.#ticked().has(id)).length;
    const hasTicks = TICKED_IN[this.#invoice.status] && items.length;
    const all = counted(items.length, "item", "items");
    write(this.#fields.progress, hasTicks ? `${whole.format(ticked)} of ${all}` : all);
    this.#fields.progress.dataset.all = Boolean(hasTicks) && ticked === items.length;
  }
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

/** Returns a span that is not broken across lines; a date, for example, would be. */
function piece(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}
