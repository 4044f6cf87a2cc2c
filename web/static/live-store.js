// The invoices that the page has loaded, and the number of invoices by status. This module does not touch the page.
//
// Each column has a floor, which is an id: every invoice of the column from this id upwards is loaded, those with lower ids are
// not. So an invoice from the stream that is not loaded and whose id is above all floors is new: it was not counted before. For an
// id below a floor this is unknown. Then isInDoubt becomes true, and the server must be asked for its counts.

import { LOADED, STATUSES } from "./live-list.js";

// How many more invoices than were loaded a column may hold before the oldest are removed. The page stays open for weeks.
const ROOM = 100;

/** A selection of invoices: all, or those that match the filter. For each status it has the server's count and the floor. */
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

  /** Returns whether every invoice from this id upwards is loaded. */
  reachesBelow(id) {
    return STATUSES.every((status) => this.floors[status] <= id);
  }
}

function floorOf({ isAll, invoices }) {
  return isAll ? 0 : Math.min(...invoices.map(({ id }) => id));
}

const NOTHING = STATUSES.map((status) => ({ status, count: 0, isExact: true, invoices: [], isAll: true }));

export class Store {
  // True if the counts may be wrong.
  isInDoubt = false;
  // The highest id so far.
  newest = 0;
  // From the id to {invoice, entered, isExtra}. entered is a sequence number of the entry into the column. isExtra is true for
  // an invoice below the floor, which was found by a filter.
  #records = new Map();
  #entries = 0;
  #limits = { ...LOADED };
  #all = new View(() => true, NOTHING);
  // The view of the filter; null until the server has responded.
  #found = null;
  // The function of the filter; null without a filter.
  #matches = null;

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

  /** Returns whether the card is shown. */
  shows(id) {
    const record = this.#records.get(id);
    if (!record) return false;
    return this.#matches ? this.#matches(record.invoice) : !record.isExtra;
  }

  /** Returns {count, isExact, isMore} of one column with the current filter. count is null until the server has responded. If
      isExact is false, there are at least that many. */
  summary(status) {
    if (!this.#matches) return this.#all.summary(status);
    return this.#found?.summary(status) ?? { count: null, isExact: true, isMore: false };
  }

  /** Returns the number of invoices of this status on the server, whatever the filter is. */
  count(status) {
    return this.#all.counts[status];
  }

  // The following methods return the changes: [{id, before, after, isNew, isGone}]. before is null if the invoice was not loaded,
  // after is null if it is no longer loaded. isGone is true if it was deleted on the server.

  /** Replaces all invoices with these. */
  load(columns) {
    const listed = new Map(columns.flatMap(({ invoices }) => invoices.map((invoice) => [invoice.id, invoice])));
    const lines = columns.reduce((sum, { invoices }) => sum + invoices.length, 0);
    // If two lists contain the same invoice, its status changed between the two requests, and both counts include it.
    this.isInDoubt = lines > listed.size;
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

  /** Adds or updates an invoice from the stream. */
  put(invoice) {
    const { id } = invoice;
    const record = this.#records.get(id);
    const before = record?.invoice ?? null;
    const after = invoice.is_active === false || !STATUSES.includes(invoice.status) ? null : invoice;
    const isCertain = this.#all.reachesBelow(id);
    if ((!record && !isCertain) || (record?.isExtra && same(before, after))) this.isInDoubt = true;
    if (same(before, after)) return [];
    // The count is an estimate until the server responds.
    if (!before && !isCertain && after) this.#all.counts[after.status] += 1;
    else this.#all.change(before, after);
    this.#found?.change(before, after);
    if (!after) return [{ ...this.#drop(id), isGone: true }];
    const hasMoved = before?.status !== after.status;
    this.#keep(invoice, Boolean(record?.isExtra) && !hasMoved);
    return [{ id, before, after, isNew: !before && isCertain }, ...(hasMoved ? this.#trim(after.status) : [])];
  }

  /** Adds the next page of a column. */
  extend(column) {
    const { status } = column;
    const view = this.#found ?? this.#all;
    const changes = this.#add(column.invoices, Boolean(this.#found));
    view.note(column);
    if (!this.#found) this.#limits[status] += column.invoices.length;
    return changes;
  }

  /** Sets the filter; null shows all invoices. */
  filter(matches) {
    this.#matches = matches;
    this.#found = null;
    if (matches) return [];
    return [...this.#records].filter(([, { isExtra }]) => isExtra).map(([id]) => this.#drop(id));
  }

  /** Adds the server's response for the filter. */
  find(columns) {
    this.#found = new View(this.#matches, columns);
    return columns.flatMap(({ invoices }) => this.#add(invoices, true));
  }

  /** Takes over the server's counts. isExact: no event has arrived in the meantime. */
  recount(counts, isExact) {
    Object.assign(this.#all.counts, counts);
    this.isInDoubt = !isExact;
  }

  /** Returns how many invoices of a column are loaded without a gap, from the newest downwards. */
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

  /** Adds invoices from a list. Skips those that are loaded already, because the stream keeps them up to date, and those above all
      floors, because the stream is about to deliver them. */
  #add(invoices, isExtra) {
    const added = invoices.filter(({ id }) => !this.#records.has(id) && !this.#all.reachesBelow(id));
    for (const invoice of added) this.#keep(invoice, isExtra);
    if (!isExtra) for (const { id } of invoices) if (this.#records.has(id)) this.#records.get(id).isExtra = false;
    return added.map((invoice) => ({ id: invoice.id, before: null, after: invoice, isNew: false }));
  }

  /** If the column is full, removes the invoice that entered it first. */
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
