// The columns: side by side on a wide screen, one at a time behind tabs on a narrow one. Newest cards first.
//
// Changes only mark their cards; once a frame the marked ones are put right together, so that a burst of events costs no
// more than one.

import { Card } from "./live-card.js";
import { age, copy, fieldsOf, find, recall, remember, titled, whole, write } from "./live-format.js";
import { STATUSES } from "./live-list.js";

const MOST_FLIGHTS = 6; // in a second; when more happens nobody can follow anyway

const wide = matchMedia("(min-width: 75rem)"); // as in live-board.css

export class Columns {
  #store;
  #open;
  #now;
  #onMore;
  #columns = new Map(); // status -> {section, list, tab, more, fields, tabFields}
  #cards = new Map(); // id -> Card
  #marked = new Map(); // id -> how: "", "new" or "changed"
  #isScheduled = false;
  #flights = []; // when the last ones began
  #chosen = "PENDING"; // of the tabs

  /** open(id, card's button), more(status): what a press asks for. now(): the server's clock. */
  constructor(store, { open, more, now }) {
    this.#store = store;
    this.#open = open;
    this.#onMore = more;
    this.#now = now;
    for (const status of STATUSES) this.#build(status);
    this.#choose(STATUSES.includes(recall("column")) ? recall("column") : "PENDING");
    this.#lay();
    wide.addEventListener("change", () => this.#lay());
    find("tabs").addEventListener("keydown", (event) => this.#moveAlongTabs(event));
    this.#collapse(recall("delivered") === "collapsed");
  }

  /** These cards, or only the counts, have to be looked at again. */
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

  /** From the top: what is looked at is something else now. */
  rewind() {
    for (const { section } of this.#columns.values()) section.querySelector(".scroll").scrollTop = 0;
  }

  updateAges() {
    const now = this.#now();
    for (const card of this.#cards.values()) card.updateAge(now);
    for (const status of STATUSES) this.#tellOldest(status);
  }

  /** What has the focus after an invoice's detail was closed: its card, or the tab in front; null when neither is there. */
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
    find("invoices").append(section);
    find("tabs").append(tab);
    this.#columns.set(status, { section, tab, fields, tabFields, list: fields.list });
  }

  // Drawing

  #draw() {
    const focused = this.#focusedCard();
    const now = this.#now();
    // Oldest first, so that each goes in at the top.
    const marked = [...this.#marked].sort(([one], [other]) => one - other);
    this.#marked.clear();
    const flights = this.#takeOff(marked.map(([id]) => id).filter((id) => this.#isMoving(id)));
    const touched = new Set();
    for (const [id, how] of marked) {
      touched.add(this.#cards.get(id)?.status);
      this.#drawCard(id, how, now);
      touched.add(this.#cards.get(id)?.status);
    }
    for (const status of STATUSES) this.#tell(status, touched.has(status));
    for (const [card, origin] of flights) if (origin) card.flyFrom(origin);
    if (focused && document.activeElement !== focused.button) {
      if (focused.button.checkVisibility()) focused.button.focus({ preventScroll: true });
      else this.#columns.get(this.#chosen).tab.focus({ preventScroll: true });
    }
  }

  /** Where the cards are that will fly: [[card, place]]. */
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

  #tell(status, isTouched) {
    const { fields, tabFields, list, section } = this.#columns.get(status);
    const { count, isExact, isMore } = this.#store.summary(status);
    const number = whole.format(count ?? list.childElementCount) + (isExact ? "" : "+");
    write(fields.count, number);
    fields.count.classList.toggle("long", number.length > 5); // the title beside it must stay readable
    write(tabFields.count, number);
    fields.nothing.hidden = list.childElementCount > 0;
    fields.more.hidden = !isMore;
    const unseen = (count ?? 0) - list.childElementCount;
    write(fields.more, unseen > 0 ? `Show more (${whole.format(unseen)}${isExact ? "" : "+"} older)` : "Show more");
    section.dataset.empty = list.childElementCount === 0;
    if (!list.querySelector('button[tabindex="0"]')) {
      const first = list.querySelector("button");
      if (first) first.tabIndex = 0;
    }
    if (isTouched) this.#tellOldest(status);
  }

  /** How long the oldest waits; unknown while not all are loaded. */
  #tellOldest(status) {
    const { fields, list } = this.#columns.get(status);
    const isKnown = status !== "DELIVERED" && list.childElementCount && !this.#store.summary(status).isMore;
    let oldest = Infinity;
    for (const card of isKnown ? this.#cards.values() : []) {
      if (card.status === status) oldest = Math.min(oldest, card.created);
    }
    write(fields.oldest, Number.isFinite(oldest) ? `oldest ${age((this.#now() - oldest) / 1000)}` : "", "");
  }

  // Tabs, and what is folded away

  #lay() {
    for (const { section, tab, fields } of this.#columns.values()) {
      // Side by side they are regions of the page; behind tabs, the tabs' panels.
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

  // Cards: one of a column is reached by Tab, the others by arrows

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

  /** The card of the next column that has any, at about the same height. */
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

/** Imports that ran at once may arrive out of order, and old invoices move too: the element that comes after `id`. */
function below(list, id) {
  let element = list.firstElementChild;
  while (element && Number(element.dataset.id) > id) element = element.nextElementSibling;
  return element;
}
