// The invoices that the page knows, and how many there are. No elements here.
//
// Of each column it knows every invoice down to a floor, an id; what lies below was not loaded. So it can tell whether an
// invoice that comes through the stream was counted before: one above all floors that it doesn't know is new. Of one below
// it can't, and says so (isInDoubt); then the server has to be asked for its counts.

import { LOADED, STATUSES } from "./live-list.js";

const ROOM = 100; // that a column may grow beyond what was loaded, before its oldest go: the page stays open for weeks

/** Which invoices are looked at: how many of each status the server has, and down to which id they are all known. */
class View {
  constructor(matches, columns) {
    this.matches = matches;
    this.counts = {};
    this.isExact = {};
    this.floors = {};
    for (const column of columns) this.note(column);
  }

  note(column) {
    this.counts[column.status] = column.count;
    this.isExact[column.status] = column.isExact;
    this.floors[column.status] = floorOf(column);
  }

  summary(status) {
    return { count: this.counts[status], isExact: this.isExact[status], isMore: this.floors[status] > 0 };
  }

  change(before, after) {
    if (before && this.matches(before)) this.counts[before.status] -= 1;
    if (after && this.matches(after)) this.counts[after.status] += 1;
  }

  reachesBelow(id) {
    return STATUSES.every((status) => this.floors[status] <= id);
  }
}

function floorOf({ isAll, invoices }) {
  return isAll ? 0 : Math.min(...invoices.map(({ id }) => id));
}

const NOTHING = STATUSES.map((status) => ({ status, count: 0, isExact: true, invoices: [], isAll: true }));

export class Store {
  isInDoubt = false; // whether the counts may be wrong
  newest = 0; // the highest id ever seen
  #records = new Map(); // id -> {invoice, entered, isExtra}; extra: found by a filter, below the floor
  #entries = 0;
  #limits = { ...LOADED };
  #all = new View(() => true, NOTHING);
  #found = null; // the view of the filter, once the server has answered for it
  #matches = null; // the filter itself

  get size() {
    return this.#records.size;
  }

  get total() {
    return Object.values(this.#all.counts).reduce((sum, count) => sum + count, 0);
  }

  get invoices() {
    return [...this.#records.values()].map(({ invoice }) => invoice);
  }

  get(id) {
    return this.#records.get(id)?.invoice ?? null;
  }

  /** Whether the card is to be seen. */
  shows(id) {
    const record = this.#records.get(id);
    if (!record) return false;
    return this.#matches ? this.#matches(record.invoice) : !record.isExtra;
  }

  /** {count, isExact, isMore}: of one column as it is looked at now. count is null where only the server could tell; not exact:
      there are at least so many. */
  summary(status) {
    if (!this.#matches) return this.#all.summary(status);
    return this.#found?.summary(status) ?? { count: null, isExact: true, isMore: false };
  }

  /** All the server counts in a column, filter or not. */
  count(status) {
    return this.#all.counts[status];
  }

  // Each of these returns what changed: [{id, before, after, isNew, isGone}]; before or after is null where there was,
  // or is, none; isGone: deleted, rather than no longer known here.

  /** Know exactly these. */
  load(columns) {
    const listed = new Map(columns.flatMap(({ invoices }) => invoices.map((invoice) => [invoice.id, invoice])));
    const lines = columns.reduce((sum, { invoices }) => sum + invoices.length, 0);
    this.isInDoubt = lines > listed.size; // one moved between two requests, and both count it
    this.#all = new View(() => true, columns);
    this.#found = null;
    this.#limits = { ...LOADED };
    const isFirst = !this.newest;
    const reached = this.newest;
    const changes = [];
    for (const id of this.#records.keys()) if (!listed.has(id)) changes.push(this.#drop(id));
    for (const invoice of [...listed.values()].sort((one, other) => one.id - other.id)) {
      const before = this.get(invoice.id);
      this.#keep(invoice, false);
      changes.push({ id: invoice.id, before, after: invoice, isNew: !isFirst && invoice.id > reached });
    }
    return changes.filter(({ before, after }) => !same(before, after));
  }

  /** One that came through the stream. */
  put(invoice) {
    const { id } = invoice;
    const record = this.#records.get(id);
    const before = record?.invoice ?? null;
    const after = invoice.is_active === false || !STATUSES.includes(invoice.status) ? null : invoice;
    const isCertain = this.#all.reachesBelow(id);
    if ((!record && !isCertain) || (record?.isExtra && same(before, after))) this.isInDoubt = true;
    if (same(before, after)) return [];
    if (!before && !isCertain && after) this.#all.counts[after.status] += 1; // until the server has been asked
    else this.#all.change(before, after);
    this.#found?.change(before, after);
    if (!after) return [{ ...this.#drop(id), isGone: true }];
    const hasMoved = before?.status !== after.status;
    this.#keep(invoice, Boolean(record?.isExtra) && !hasMoved);
    return [{ id, before, after, isNew: !before && isCertain }, ...(hasMoved ? this.#trim(after.status) : [])];
  }

  /** Further ones of a column, which lie below those known. */
  extend(column) {
    const { status } = column;
    const view = this.#found ?? this.#all;
    const changes = this.#add(column.invoices, Boolean(this.#found));
    view.note(column);
    if (!this.#found) this.#limits[status] += column.invoices.length;
    return changes;
  }

  /** Look at those only that match; null: at all of them. */
  filter(matches) {
    this.#matches = matches;
    this.#found = null;
    if (matches) return [];
    return [...this.#records].filter(([, { isExtra }]) => isExtra).map(([id]) => this.#drop(id));
  }

  /** What the server has for the filter. */
  find(columns) {
    this.#found = new View(this.#matches, columns);
    return columns.flatMap(({ invoices }) => this.#add(invoices, true));
  }

  /** What the server counts. isExact: nothing happened meanwhile. */
  recount(counts, isExact) {
    Object.assign(this.#all.counts, counts);
    this.isInDoubt = !isExact;
  }

  /** How many of a column are known without a gap, from the newest on. */
  known(status) {
    const { floors, matches } = this.#found ?? this.#all;
    let known = 0;
    for (const { invoice, isExtra } of this.#records.values()) {
      if (invoice.status !== status || invoice.id < floors[status]) continue;
      if (this.#found ? matches(invoice) : !isExtra) known += 1;
    }
    return known;
  }

  clear() {
    const changes = [...this.#records.keys()].map((id) => this.#drop(id));
    this.#all = new View(() => true, NOTHING);
    this.#found = null;
    this.newest = 0;
    this.isInDoubt = false;
    return changes;
  }

  #keep(invoice, isExtra) {
    const record = this.#records.get(invoice.id);
    const entered = record?.invoice.status === invoice.status ? record.entered : (this.#entries += 1);
    this.#records.set(invoice.id, { invoice, entered, isExtra });
    this.newest = Math.max(this.newest, invoice.id);
  }

  #drop(id) {
    const before = this.get(id);
    this.#records.delete(id);
    return { id, before, after: null, isNew: false };
  }

  /** From a list. What is known already the stream keeps, and what is above the floors it is about to bring. */
  #add(invoices, isExtra) {
    const added = invoices.filter(({ id }) => !this.#records.has(id) && !this.#all.reachesBelow(id));
    for (const invoice of added) this.#keep(invoice, isExtra);
    if (!isExtra) for (const { id } of invoices) if (this.#records.has(id)) this.#records.get(id).isExtra = false;
    return added.map((invoice) => ({ id: invoice.id, before: null, after: invoice, isNew: false }));
  }

  /** The one that has been longest in a column that is full goes. */
  #trim(status) {
    const most = this.#limits[status] + (status === "DELIVERED" ? 0 : ROOM);
    let oldest = null;
    let size = 0;
    for (const record of this.#records.values()) {
      if (record.isExtra || record.invoice.status !== status) continue;
      size += 1;
      if (!oldest || record.entered < oldest.entered) oldest = record;
    }
    if (size <= most) return [];
    const { id } = oldest.invoice;
    this.#all.floors[status] = Math.max(this.#all.floors[status], id + 1);
    if (this.#matches?.(oldest.invoice)) {
      oldest.isExtra = true;
      return [];
    }
    return [this.#drop(id)];
  }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
