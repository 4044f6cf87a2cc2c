// What the page knows and shows: brings what comes in to the store, and from there to the columns, the open detail, the
// screen readers and the ears.

import { Columns } from "./live-columns.js";
import { counted, find, titled, write } from "./live-format.js";
import { loadColumns, loadMore, STATUSES } from "./live-list.js";

const AGES_MS = 10000; // between two updates of "2 min"
const NEWS_MS = 3000; // what happens in so long is told to screen readers in one sentence

export class Board {
  #store;
  #columns;
  #drawer;
  #filter;
  #onArrivals;
  #clockOffset = 0; // ms that the server's clock is ahead of ours: a wall screen's may be hours off
  #isLoaded = false;
  #arrived = [];
  #moved = [];
  #asked = 0; // counts questions of the filter; only the newest may be shown

  /** onArrivals(): new invoices came in. */
  constructor(store, filter, drawer, onArrivals) {
    this.#store = store;
    this.#filter = filter;
    this.#drawer = drawer;
    this.#onArrivals = onArrivals;
    const now = () => Date.now() + this.#clockOffset;
    const open = (id, opener) => drawer.show(store.get(id), opener);
    this.#columns = new Columns(store, { open, more: (status) => this.#more(status), now });
    filter.onChange = () => {
      this.#look();
      this.#columns.rewind();
    };
    drawer.onClose = (id) => this.#columns.stopAt(id);
    setInterval(() => this.#columns.updateAges(), AGES_MS);
    document.addEventListener("visibilitychange", () => this.#columns.updateAges());
  }

  get isInDoubt() {
    return this.#store.isInDoubt;
  }

  /** Whether what the server counts is what we have. */
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
    this.#look();
    if (!this.#store.get(this.#drawer.shownId)) this.#drawer.refresh();
  }

  /** New or changed invoices. */
  show(invoices) {
    this.#show(invoices.flatMap((invoice) => this.#store.put(invoice)), true);
  }

  recount(counts, isExact) {
    this.#store.recount(counts, isExact);
    this.#columns.mark([]);
    if (isExact && this.#filter.asked()) this.#ask();
  }

  /** Forget everything: whoever looks now may not be the one who signed in. */
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
      if (!this.#arrived.length && !this.#moved.length) setTimeout(() => this.#tellNews(), NEWS_MS);
      if (isNew) this.#arrived.push(after);
      else if (before.status !== after.status) this.#moved.push(after);
    }
    if (isNews && changes.some(({ isNew }) => isNew)) this.#onArrivals();
    this.#filter.offer(this.#store);
    this.#columns.mark([]);
    this.#settle();
  }

  #settle() {
    find("empty").hidden = !this.#isLoaded || this.#store.total > 0 || this.#store.size > 0;
    find("board").hidden = !this.#isLoaded || !find("empty").hidden;
  }

  #tellNews() {
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

  // Filter, and what lies further below

  /** The filter is another, or the store has been filled anew: show what we have of it, then ask the server for the rest. */
  #look() {
    this.#asked += 1;
    this.#show(this.#store.filter(this.#filter.matches()), false);
    this.#columns.markAll();
    if (this.#filter.asked() && this.#isLoaded) this.#ask();
    else this.#tellFound();
  }

  async #ask() {
    const mine = ++this.#asked;
    try {
      const columns = await loadColumns(this.#filter.asked());
      if (mine !== this.#asked) return;
      this.#show(this.#store.find(columns), false);
      this.#tellFound();
    } catch {
      if (mine === this.#asked) this.#tellFound(); // of what we have; the state on top says that the server is away
    }
  }

  #tellFound() {
    if (!this.#filter.matches()) return this.#filter.tell("");
    let [found, isAll] = [0, true];
    for (const status of STATUSES) {
      const { count, isExact } = this.#store.summary(status);
      isAll &&= isExact;
      found += count ?? this.#store.invoices.filter((one) => one.status === status && this.#store.shows(one.id)).length;
    }
    const told = isAll ? counted(found, "invoice", "invoices") : `${counted(found, "invoice", "invoices")} or more`;
    return this.#filter.tell(found ? `${told} found` : "Nothing found");
  }

  async #more(status) {
    const mine = this.#asked;
    try {
      const column = await loadMore(status, this.#filter.asked() ?? {}, this.#store.known(status));
      if (mine === this.#asked) this.#show(this.#store.extend(column), false);
    } catch {
      this.#filter.tell("The server does not answer. Try again in a moment.");
    }
  }
}
