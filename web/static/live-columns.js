// The columns of the board, one for each status, with the newest card first. A wide screen shows them side by side. A narrow
// screen shows one at a time, and tabs select it.
//
// A change only marks the cards that it concerns. Once in each frame all marked cards are updated together, so that a burst of
// events costs one update.

import { Card } from "./live-card.js";
import { age, copy, fieldsOf, find, recall, remember, titled, whole, write } from "./live-format.js";
import { STATUSES } from "./live-list.js";
import { signedInAs } from "./live-session.js";

// The most flight animations in one second. With more, nobody can follow them.
const MOST_FLIGHTS = 6;

// The same width as in live-board.css.
const wide = matchMedia("(min-width: 75rem)");

export class Columns {
  #store;
  #open;
  #now;
  #onMore;
  #onPrint;
  // From the status to {section, tab, fields, tabFields, list}.
  #columns = new Map();
  // From the id of an invoice to its Card.
  #cards = new Map();
  // From the id of an invoice to its highlight: "", "new" or "changed".
  #marked = new Map();
  #isScheduled = false;
  // The start times of the flights in the last second.
  #flights = [];
  // The status of the selected tab.
  #chosen = "PENDING";

  /** open(id, button) is called when a card is pressed, more(status) when "Show more" is pressed, print(ids) with the invoices to pick,
      the oldest first, when their lists are to be printed. now() returns the time of the server's clock in ms. */
  constructor(store, { open, more, print, now }) {
    this.#store = store;
    this.#open = open;
    this.#onMore = more;
    this.#onPrint = print;
    this.#now = now;
    for (const status of STATUSES) this.#build(status);
    this.#choose(STATUSES.includes(recall("column")) ? recall("column") : "PENDING");
    this.#setRoles();
    wide.addEventListener("change", () => this.#setRoles());
    document.addEventListener("session", () => this.mark([]));
    find("tabs").addEventListener("keydown", (event) => this.#moveAlongTabs(event));
    this.#collapse(recall("delivered") === "collapsed");
  }

  /** Schedules an update of the counts and of the cards with these ids. */
  mark(ids, how = "") {
    for (const id of ids) if (!this.#marked.get(id)) this.#marked.set(id, how);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
    });
  }

  markAll() {
    this.mark([...this.#cards.keys(), ...this.#store.invoices.map(({ id }) => id)]);
  }

  /** Scrolls all columns to the top, because they show other invoices now. */
  rewind() {
    for (const { section } of this.#columns.values()) section.querySelector(".scroll").scrollTop = 0;
  }

  updateAges() {
    const now = this.#now();
    for (const card of this.#cards.values()) card.updateAge(now);
    for (const status of STATUSES) this.#drawOldest(status);
  }

  /** Returns the element that gets the focus after the detail of an invoice is closed: the button of its card, else the selected
      tab, else null. */
  stopAt(id) {
    const { tab } = this.#columns.get(this.#chosen);
    return [this.#cards.get(id)?.button, tab].find((stop) => stop?.checkVisibility()) ?? null;
  }

  #build(status) {
    const section = copy("column");
    const tab = copy("tab");
    const fields = fieldsOf(section);
    section.id = `column-${status}`;
    section.dataset.status = tab.dataset.status = status;
    tab.id = `tab-${status}`;
    tab.setAttribute("aria-controls", section.id);
    fields.title.id = `title-${status}`;
    fields.title.textContent = titled(status);
    fields.list.setAttribute("aria-labelledby", fields.title.id);
    const tabFields = fieldsOf(tab);
    tabFields.title.textContent = titled(status);
    tab.addEventListener("click", () => this.#choose(status));
    fields.more.addEventListener("click", () => this.#onMore(status));
    fields.list.addEventListener("click", (event) => this.#press(event));
    fields.list.addEventListener("keydown", (event) => this.#moveAlongCards(event, status));
    fields.list.addEventListener("focusin", (event) => this.#rove(fields.list, event.target));
    if (status === "DELIVERED") {
      fields.fold.hidden = false;
      fields.fold.setAttribute("aria-controls", section.id);
      fields.fold.addEventListener("click", () => this.#collapse(!section.classList.contains("collapsed")));
    } else fields.fold.remove();
    if (status === "PENDING") fields.print.addEventListener("click", () => this.#onPrint(this.#shownIds(fields.list)));
    else fields.print.remove();
    find("invoices").append(section);
    find("tabs").append(tab);
    this.#columns.set(status, { section, tab, fields, tabFields, list: fields.list });
  }

  // Drawing

  #draw() {
    const focused = this.#focusedCard();
    const now = this.#now();
    // The oldest cards come first, so that each one is inserted at the top.
    const marked = [...this.#marked].sort(([one], [other]) => one - other);
    this.#marked.clear();
    const flights = this.#takeOff(marked.map(([id]) => id).filter((id) => this.#isMoving(id)));
    const touched = new Set();
    for (const [id, how] of marked) {
      touched.add(this.#cards.get(id)?.status);
      this.#drawCard(id, how, now);
      touched.add(this.#cards.get(id)?.status);
    }
    for (const status of STATUSES) this.#drawHeader(status, touched.has(status));
    for (const [card, origin] of flights) if (origin) card.flyFrom(origin);
    if (focused && document.activeElement !== focused.button) {
      if (focused.button.checkVisibility()) focused.button.focus({ preventScroll: true });
      else this.#columns.get(this.#chosen).tab.focus({ preventScroll: true });
    }
  }

  /** Returns the positions of the cards that will fly: [[card, place]]. */
  #takeOff(ids) {
    const now = performance.now();
    this.#flights = this.#flights.filter((begun) => now - begun < 1000);
    if (this.#flights.length + ids.length > MOST_FLIGHTS) return [];
    this.#flights.push(...ids.map(() => now));
    return ids.map((id) => [this.#cards.get(id), this.#cards.get(id).place()]);
  }

  #isMoving(id) {
    const card = this.#cards.get(id);
    return Boolean(card?.status) && this.#store.shows(id) && this.#store.get(id).status !== card.status;
  }

  #drawCard(id, how, now) {
    const invoice = this.#store.get(id);
    let card = this.#cards.get(id);
    if (!invoice || !this.#store.shows(id)) {
      if (!card) return;
      card.element.remove();
      card.status = null;
      this.#cards.delete(id);
      return;
    }
    if (!card) this.#cards.set(id, (card = new Card(invoice)));
    card.fill(invoice, now);
    if (card.status !== invoice.status) {
      const { list } = this.#columns.get(invoice.status);
      list.insertBefore(card.element, below(list, id));
      card.status = invoice.status;
    }
    if (how) card.highlight(how === "new");
  }

  #drawHeader(status, isTouched) {
    const { fields, tabFields, list, section } = this.#columns.get(status);
    const { count, isExact, isMore } = this.#store.summary(status);
    const number = whole.format(count ?? list.childElementCount) + (isExact ? "" : "+");
    write(fields.count, number);
    // A long number gets a smaller font, so that the title beside it stays readable.
    fields.count.classList.toggle("long", number.length > 5);
    write(tabFields.count, number);
    fields.nothing.hidden = list.childElementCount > 0;
    fields.more.hidden = !isMore;
    if (status === "PENDING") fields.print.hidden = !signedInAs() || !list.childElementCount;
    const unseen = (count ?? 0) - list.childElementCount;
    write(fields.more, unseen > 0 ? `Show more (${whole.format(unseen)}${isExact ? "" : "+"} older)` : "Show more");
    section.dataset.empty = list.childElementCount === 0;
    if (!list.querySelector('button[tabindex="0"]')) {
      const first = list.querySelector("button");
      if (first) first.tabIndex = 0;
    }
    if (isTouched) this.#drawOldest(status);
  }

  #shownIds(list) {
    return [...list.children].map(({ dataset }) => Number(dataset.id)).reverse();
  }

  /** Shows the age of the oldest invoice in the column. The age is unknown unless all invoices of the column are loaded. */
  #drawOldest(status) {
    const { fields, list } = this.#columns.get(status);
    const isKnown = status !== "DELIVERED" && list.childElementCount && !this.#store.summary(status).isMore;
    let oldest = Infinity;
    for (const card of isKnown ? this.#cards.values() : []) {
      if (card.status === status) oldest = Math.min(oldest, card.created);
    }
    write(fields.oldest, Number.isFinite(oldest) ? `oldest ${age((this.#now() - oldest) / 1000)}` : "", "");
  }

  // Tabs, and the collapsed column

  #setRoles() {
    for (const { section, tab, fields } of this.#columns.values()) {
      // Columns side by side are regions of the page. A column that a tab selects is the panel of that tab.
      section.setAttribute("role", wide.matches ? "region" : "tabpanel");
      section.setAttribute("aria-labelledby", wide.matches ? fields.title.id : tab.id);
    }
  }

  #choose(chosen) {
    this.#chosen = chosen;
    for (const [status, { section, tab }] of this.#columns) {
      section.classList.toggle("chosen", status === chosen);
      tab.setAttribute("aria-selected", String(status === chosen));
      tab.tabIndex = status === chosen ? 0 : -1;
    }
    remember("column", chosen);
  }

  #collapse(isCollapsed) {
    const { section, fields } = this.#columns.get("DELIVERED");
    section.classList.toggle("collapsed", isCollapsed);
    find("invoices").classList.toggle("one-less", isCollapsed);
    fields.fold.setAttribute("aria-expanded", String(!isCollapsed));
    remember("delivered", isCollapsed ? "collapsed" : "");
  }

  #moveAlongTabs(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 4, ArrowUp: -4 }[event.key];
    const at = STATUSES.indexOf(this.#chosen);
    const to = event.key === "Home" ? 0 : event.key === "End" ? STATUSES.length - 1 : step && at + step;
    if (to === undefined || !STATUSES[to]) return;
    event.preventDefault();
    this.#choose(STATUSES[to]);
    this.#columns.get(STATUSES[to]).tab.focus();
  }

  // Cards: the Tab key reaches one card of each column, the arrow keys reach the others (roving tabindex)

  #press(event) {
    const button = event.target.closest("button");
    if (button) this.#open(Number(button.closest("li").dataset.id), button);
  }

  #rove(list, target) {
    for (const other of list.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1;
    target.closest("button").tabIndex = 0;
  }

  #moveAlongCards(event, status) {
    const item = event.target.closest("li");
    const { list } = this.#columns.get(status);
    const next = {
      ArrowDown: () => item.nextElementSibling,
      ArrowUp: () => item.previousElementSibling,
      Home: () => list.firstElementChild,
      End: () => list.lastElementChild,
      ArrowRight: () => this.#beside(item, status, 1),
      ArrowLeft: () => this.#beside(item, status, -1),
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    next.querySelector("button").focus();
  }

  /** Returns a card at about the same height in the nearest column that has cards; null if there is no such column. */
  #beside(item, status, step) {
    for (let at = STATUSES.indexOf(status) + step; STATUSES[at]; at += step) {
      const { section, list } = this.#columns.get(STATUSES[at]);
      if (!section.checkVisibility() || !list.checkVisibility() || !list.childElementCount) continue;
      const { top } = item.getBoundingClientRect();
      return [...list.children].find((other) => other.getBoundingClientRect().bottom > top) ?? list.lastElementChild;
    }
    return null;
  }

  #focusedCard() {
    const item = document.activeElement?.closest?.("#invoices li");
    return item ? this.#cards.get(Number(item.dataset.id)) : null;
  }
}

/** Returns the element before which the card `id` is inserted. This is not always the first: concurrent imports can arrive out
    of order, and old invoices change columns too. */
function below(list, id) {
  let element = list.firstElementChild;
  while (element && Number(element.dataset.id) > id) element = element.nextElementSibling;
  return element;
}
