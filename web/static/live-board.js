// The board connects the store with the views: it puts incoming invoices into the store, and passes the changes on to the
// columns, the open detail, the screen reader announcements and the chime.

import { Columns } from "./live-columns.js";
import { counted, find, titled, write } from "./live-format.js";
import { loadColumns, loadMore, STATUSES } from "./live-list.js";

// The interval between two updates of ages such as "2 min".
const AGES_MS = 10000;
// Changes within this time are combined into one announcement for screen readers.
const NEWS_MS = 3000;

export class Board {
  #store;
  #columns;
  #drawer;
  #filter;
  #onArrivals;
  // How many ms the server's clock is ahead of this device's clock. The clock of a wall screen may be wrong by hours.
  #clockOffset = 0;
  #isLoaded = false;
  #arrived = [];
  #moved = [];
  // The number of filter requests so far. Only the response to the latest one is shown.
  #requests = 0;

  /** onArrivals() is called when new invoices arrive, onPrint(ids) when the picking lists of invoices are to be printed. */
  constructor(store, filter, drawer, { onArrivals, onPrint }) {
    this.#store = store;
    this.#filter = filter;
    this.#drawer = drawer;
    this.#onArrivals = onArrivals;
    const now = () => Date.now() + this.#clockOffset;
    const open = (id, opener) => drawer.show(store.get(id), opener);
    this.#columns = new Columns(store, { open, more: (status) => this.#more(status), print: onPrint, now });
    filter.onChange = () => {
      this.#applyFilter();
      this.#columns.rewind();
    };
    drawer.onClose = (id) => this.#columns.stopAt(id);
    setInterval(() => this.#columns.updateAges(), AGES_MS);
    document.addEventListener("visibilitychange", () => this.#columns.updateAges());
  }

  get isInDoubt() {
    return this.#store.isInDoubt;
  }

  /** Returns whether the server's counts equal the counts of the store. */
  agrees({ counts, newest }) {
    return newest <= this.#store.newest && STATUSES.every((status) => counts[status] === this.#store.count(status));
  }

  load(columns) {
    const [{ serverTime }] = columns;
    if (serverTime) this.#clockOffset = serverTime - Date.now();
    const isFirst = !this.#isLoaded;
    this.#isLoaded = true;
    this.#show(this.#store.load(columns), !isFirst);
    this.#columns.updateAges();
    this.#applyFilter();
    if (!this.#store.get(this.#drawer.shownId)) this.#drawer.refresh();
  }

  /** Shows new or changed invoices. */
  show(invoices) {
    this.#show(invoices.flatMap((invoice) => this.#store.put(invoice)), true);
  }

  recount(counts, isExact) {
    this.#store.recount(counts, isExact);
    this.#columns.mark([]);
    if (isExact && this.#filter.asked()) this.#loadMatches();
  }

  /** Removes everything: the next person at this screen may not be the one who signed in. */
  clear() {
    this.#drawer.close();
    this.#filter.clear();
    this.#show(this.#store.clear(), false);
    this.#isLoaded = false;
    this.#arrived = this.#moved = [];
    find("empty").hidden = find("board").hidden = true;
    write(find("news"), "", "");
  }

  #show(changes, isNews) {
    for (const { id, before, after, isNew, isGone } of changes) {
      const isNewsOf = isNews && after && (isNew || before);
      this.#columns.mark([id], isNewsOf ? (isNew ? "new" : "changed") : "");
      if (id === this.#drawer.shownId && (after || isGone)) this.#drawer.update(after);
      if (!isNewsOf) continue;
      if (!this.#arrived.length && !this.#moved.length) setTimeout(() => this.#announce(), NEWS_MS);
      if (isNew) this.#arrived.push(after);
      else if (before.status !== after.status) this.#moved.push(after);
    }
    if (isNews && changes.some(({ isNew }) => isNew)) this.#onArrivals();
    this.#filter.offer(this.#store);
    this.#columns.mark([]);
    this.#showBoardOrHint();
  }

  #showBoardOrHint() {
    find("empty").hidden = !this.#isLoaded || this.#store.total > 0 || this.#store.size > 0;
    find("board").hidden = !this.#isLoaded || !find("empty").hidden;
  }

  #announce() {
    const sentences = [];
    const [first] = this.#arrived;
    if (this.#arrived.length > 1) sentences.push(`${this.#arrived.length} new invoices.`);
    else if (first) sentences.push(`New invoice ${first.invoice_no}, ${first.customer?.name ?? ""}.`);
    const [moved] = this.#moved;
    if (this.#moved.length > 1) sentences.push(`${this.#moved.length} invoices moved.`);
    else if (moved) sentences.push(`${moved.invoice_no} is now ${titled(moved.status)}.`);
    this.#arrived = [];
    this.#moved = [];
    if (sentences.length) write(find("news"), sentences.join(" "));
  }

  // The filter, and further pages of a column

  /** The filter has changed, or the store has been reloaded. The loaded invoices that match are shown at once; then the server
      is asked for the others. */
  #applyFilter() {
    this.#requests += 1;
    this.#show(this.#store.filter(this.#filter.matches()), false);
    this.#columns.markAll();
    if (this.#filter.asked() && this.#isLoaded) this.#loadMatches();
    else this.#showMatchCount();
  }

  async #loadMatches() {
    const mine = ++this.#requests;
    try {
      const columns = await loadColumns(this.#filter.asked());
      if (mine !== this.#requests) return;
      this.#show(this.#store.find(columns), false);
      this.#showMatchCount();
    } catch {
      // Only the loaded invoices are counted. The connection state at the top shows that the server is unreachable.
      if (mine === this.#requests) this.#showMatchCount();
    }
  }

  #showMatchCount() {
    if (!this.#filter.matches()) return this.#filter.showResult("");
    let [found, isAll] = [0, true];
    for (const status of STATUSES) {
      const { count, isExact } = this.#store.summary(status);
      isAll &&= isExact;
      found += count ?? this.#store.invoices.filter((one) => one.status === status && this.#store.shows(one.id)).length;
    }
    const number = isAll ? counted(found, "invoice", "invoices") : `${counted(found, "invoice", "invoices")} or more`;
    return this.#filter.showResult(found ? `${number} found` : "Nothing found");
  }

  async #more(status) {
    const mine = this.#requests;
    try {
      const column = await loadMore(status, this.#filter.asked() ?? {}, this.#store.known(status));
      if (mine === this.#requests) this.#show(this.#store.extend(column), false);
    } catch {
      this.#filter.showResult("The server does not answer. Try again in a moment.");
    }
  }
}
