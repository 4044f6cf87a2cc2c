// The rows: newest first, at most MOST_ROWS, each invoice once.
//
// Invoices come from strangers. All of their text goes in through textContent, and nothing of it becomes markup, an address
// or a class name; a status selects its colour as the value of a data attribute.

const MOST_ROWS = 500; // the page stays open for weeks
const FRESH_MS = 8000; // the highlight's life, as in live.css
const AGES_MS = 5000; // between two updates of "2 min ago"
const NEWS_MS = 3000; // arrivals of so long are told to screen readers in one sentence

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat();
const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const find = (id) => document.getElementById(id);

export class Board {
  #list = find("invoices");
  #rows = new Map(); // id -> {invoice, element, fields, details, timer}
  #isLoaded = false;
  #isAll = false; // the list had no more than we show
  #clockOffset = 0; // ms that the server's clock is ahead of ours: a wall screen's may be hours off
  #news = [];

  constructor() {
    setInterval(() => this.#updateAges(), AGES_MS);
    document.addEventListener("visibilitychange", () => this.#updateAges());
  }

  knows(id) {
    return this.#rows.has(id);
  }

  /** Show exactly these. Rows that stay are kept: one may be open, or have the focus. */
  load(invoices, isAll, serverTime) {
    if (serverTime) this.#clockOffset = serverTime - Date.now();
    const listed = new Set(invoices.map((invoice) => invoice.id));
    for (const id of [...this.#rows.keys()]) if (!listed.has(id)) this.#remove(id);
    const isFirst = !this.#isLoaded;
    this.#isAll = isAll;
    this.#isLoaded = true;
    // Oldest first, so that each goes in at the top.
    for (const invoice of [...invoices].reverse()) this.#put(invoice, !isFirst);
    this.#updateAges();
    this.#settle();
  }

  /** New or changed invoices. A change to one older than the board reaches is left out: it would stand beside strangers. */
  show(invoices) {
    const oldest = Math.min(...this.#rows.keys());
    for (const invoice of invoices) {
      if (this.#rows.has(invoice.id) || this.#isAll || invoice.id > oldest) this.#put(invoice, true);
    }
    this.#settle();
  }

  /** Forget everything: whoever looks now may not be the one who signed in. */
  clear() {
    for (const id of [...this.#rows.keys()]) this.#remove(id);
    this.#isLoaded = false;
    this.#news = [];
    find("empty").hidden = find("board").hidden = true;
    find("news").textContent = "";
  }

  #put(invoice, isNews) {
    const known = this.#rows.get(invoice.id);
    if (known && same(known.invoice, invoice)) return;
    const row = known ?? this.#insert(invoice);
    row.invoice = invoice;
    this.#fill(row);
    if (isNews) this.#highlight(row, !known);
  }

  #insert(invoice) {
    const element = copy("invoice");
    const row = { invoice, element, fields: fieldsOf(element), details: element.querySelector("details"), timer: 0 };
    // Its items are written only when somebody looks: 500 invoices may have 50,000 of them.
    row.details.addEventListener("toggle", () => fillMore(row));
    element.dataset.id = invoice.id;
    this.#list.insertBefore(element, this.#elementBelow(invoice.id));
    this.#rows.set(invoice.id, row);
    if (this.#rows.size > MOST_ROWS) {
      this.#remove(Number(this.#list.lastElementChild.dataset.id));
      this.#isAll = false;
    }
    return row;
  }

  /** Imports that ran at once may arrive out of order, so a new row isn't always the first. */
  #elementBelow(id) {
    let element = this.#list.firstElementChild;
    while (element && Number(element.dataset.id) > id) element = element.nextElementSibling;
    return element;
  }

  #remove(id) {
    const row = this.#rows.get(id);
    clearTimeout(row.timer);
    row.element.remove();
    this.#rows.delete(id);
  }

  #fill(row) {
    const { invoice, fields } = row;
    const items = invoice.items?.length ?? 0;
    write(fields.number, invoice.invoice_no);
    write(fields.name, invoice.customer?.name);
    write(fields.area, invoice.customer?.area ?? "", "");
    write(fields.salesman, invoice.salesman?.name);
    write(fields.count, whole.format(items));
    write(fields.unit, items === 1 ? "item" : "items");
    write(fields.total, amount(invoice.total_amount));
    write(fields.status, titled(invoice.status ?? ""), "");
    fields.status.dataset.status = invoice.status ?? "";
    fields.age.dateTime = invoice.created_at ?? "";
    fields.age.title = moment(invoice.created_at, fullTime);
    this.#updateAge(row);
    fillMore(row);
  }

  #highlight(row, isNew) {
    clearTimeout(row.timer);
    row.element.classList.remove("fresh");
    void row.element.offsetWidth; // lets the animation begin anew for a row that is still highlighted
    row.element.classList.add("fresh");
    row.timer = setTimeout(() => row.element.classList.remove("fresh"), FRESH_MS);
    if (!this.#news.length) setTimeout(() => this.#tellNews(), NEWS_MS);
    if (isNew) this.#news.push(row.invoice);
  }

  #tellNews() {
    const [first] = this.#news;
    if (this.#news.length > 1) write(find("news"), `${this.#news.length} new invoices`);
    else if (first) write(find("news"), `New invoice ${first.invoice_no}, ${first.customer?.name ?? ""}`);
    this.#news = [];
  }

  #updateAges() {
    for (const row of this.#rows.values()) this.#updateAge(row);
  }

  #updateAge({ invoice, fields }) {
    write(fields.age, age(Date.parse(invoice.created_at), Date.now() + this.#clockOffset));
  }

  #settle() {
    find("empty").hidden = this.#rows.size > 0 || !this.#isLoaded;
    find("board").hidden = this.#rows.size === 0;
    const shown = this.#rows.size === 1 ? "One invoice" : `${whole.format(this.#rows.size)} invoices`;
    write(find("shown"), this.#isAll ? `${shown}, which is all there are` : `The newest ${shown}`);
  }
}

/** The part below a row, when it is open. */
function fillMore({ invoice, details }) {
  const place = details.querySelector(".more");
  if (!details.open) {
    place.replaceChildren();
    return;
  }
  const more = copy("more");
  const fields = fieldsOf(more);
  const { name, code, area } = invoice.customer ?? {};
  write(fields.customer, [name, area, code].filter(Boolean).join(", "));
  write(fields.date, invoice.invoice_date);
  write(fields.arrived, moment(invoice.created_at, fullTime));
  write(fields.remarks, invoice.remarks);
  fields.remarks.parentElement.hidden = !invoice.remarks;
  write(fields.caption, `Items of invoice ${invoice.invoice_no}`);
  more.querySelector("tbody").replaceChildren(...(invoice.items ?? []).map(itemRow));
  place.replaceChildren(more);
}

function itemRow(item) {
  const row = copy("item");
  const fields = fieldsOf(row);
  write(fields.shelf, item.shelf_location);
  write(fields.name, item.name);
  const batch = item.batch_no && `batch ${item.batch_no}`;
  const expiry = item.expiry_date && `expires ${item.expiry_date}`;
  write(fields.note, [item.item_code, item.packing, batch, expiry, item.remarks].filter(Boolean).join(", "), "");
  write(fields.quantity, Number.isFinite(item.quantity) ? whole.format(item.quantity) : "");
  write(fields.mrp, amount(item.mrp));
  return row;
}

// Words

/** Text only, and only when it changes: every write would be a layout, and for a live region an announcement. */
function write(element, text, otherwise = "\u2013") {
  const shown = String(text ?? "") || otherwise;
  if (element.textContent !== shown) element.textContent = shown;
}

function age(then, now) {
  if (Number.isNaN(then)) return "";
  const seconds = (now - then) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 12 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  const isToday = new Date(then).toDateString() === new Date(now).toDateString();
  return (isToday ? clockTime : dayTime).format(then);
}

function moment(text, format) {
  const time = Date.parse(text);
  return Number.isNaN(time) ? "" : format.format(time);
}

function amount(value) {
  return Number.isFinite(value) ? money.format(value) : "";
}

function titled(word) {
  return String(word).charAt(0).toUpperCase() + String(word).slice(1).toLowerCase();
}

// Elements

/** A copy of a template's content: all of it, as one element where it is one. */
function copy(template) {
  const content = find(template).content.cloneNode(true);
  return content.childElementCount === 1 ? content.firstElementChild : content;
}

function fieldsOf(element) {
  return Object.fromEntries([...element.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field]));
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
