// Keeps the board true: the stream for what happens, the list for what happened before.
//
// Without a gap: the stream is opened first, what it brings is held back, then the list is loaded and the held applied on
// top of it. Without an end: every failure, of whatever kind, leads to another try. EventSource's own reconnecting is not
// used: it gives up for good on an HTTP error (the 503 of a proxy whose server restarts), tells nobody how long it waits,
// and all boards of a building would come back in the same second. So one path: close it, wait, open a new one that
// resumes after the last id seen.

import { loadColumns, loadCounts } from "./live-list.js";
import { accessToken, SignInNeeded } from "./live-session.js";

const STREAM = "/api/sales/sse/invoices/";
const MOST_HELD = 500; // waiting to be shown, while nothing else is waited for
const FIRST_WAIT = 2; // seconds at most before the first retry, doubling
const LONGEST_WAIT = 30;
const OPEN_SECONDS = 15; // a connection that isn't open by then won't be
const STEADY_SECONDS = 5; // a connection that held so long was a good one: the next waits begin short again
const SLEPT_SECONDS = 20; // a gap so long in a clock that ticks each second: the machine slept, its connections are gone
const CHECK_SECONDS = 60; // between two looks whether the stream has gone silent without ending
const GRACE_SECONDS = 5; // for what the lists tell to come through the stream too
const QUIET_SECONDS = 0.3; // without an event after counting: then the count is of what the board shows
const LONGEST_DOUBT = 30; // seconds at most between two counts while there is no such quiet
const GATHER_MS = 50; // changes that come together are shown together

/**
 * `new Connection(board, onState).start()`. The board has `load(columns)`, `show(invoices)`, `agrees(counted)`,
 * `recount(counts, isExact)` and `isInDoubt`.
 * onState(state, details) with state one of connecting, live, reconnecting ({seconds}), signed-out ({why}).
 */
export class Connection {
  #board;
  #onState;
  #source = null;
  #lastId = ""; // of the last event; "" before the first, then only the list can tell what we missed
  #isComplete = false; // the list was loaded and nothing can have been missed since
  #attempt = 0; // counts connect()s; an outdated one must not touch anything
  #loading = 0; // counts list loads; only the newest may be shown
  #holds = false;
  #held = new Map(); // id -> the newest state of it
  #gathering = 0;
  #received = 0; // events
  #recounting = 0;
  #recounts = 0; // in a row
  #failures = 0;
  #liveSince = 0;
  #retryAt = 0; // while waiting
  #lastTick = Date.now();
  #checkAt = 0;
  #state = "";

  constructor(board, onState) {
    this.#board = board;
    this.#onState = onState;
  }

  start() {
    setInterval(() => this.#tick(), 1000);
    document.addEventListener("visibilitychange", () => this.#wake());
    window.addEventListener("online", () => this.#again());
    window.addEventListener("pageshow", (event) => event.persisted && this.#again());
    this.connect();
  }

  /** Try now, whatever we were doing. */
  async connect() {
    this.#stop();
    const attempt = this.#attempt;
    this.#say(this.#failures || this.#lastId ? "reconnecting" : "connecting", { seconds: 0 });
    try {
      const source = await this.#open();
      if (attempt !== this.#attempt) return;
      if (source && !this.#isComplete) await this.#loadList();
      if (attempt !== this.#attempt) return;
      if (source?.readyState === EventSource.OPEN) this.#succeed();
      else this.#retry(0);
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(error);
    }
  }

  /** The open stream; null when it was refused although the list is not. */
  async #open() {
    const token = accessToken();
    this.#holds = true;
    if (await this.#opened(this.#address(token))) return this.#source;
    // EventSource tells no status. The list does; asking for it renews an access token that ran out, and keeps the board
    // fresh even where only streams don't get through.
    await this.#loadList();
    if (token === accessToken()) return null;
    this.#isComplete = false; // the list came first this time, so it has to come again
    this.#holds = true;
    return (await this.#opened(this.#address(accessToken()))) ? this.#source : null;
  }

  #address(token) {
    const query = new URLSearchParams();
    if (this.#lastId) query.set("lastEventId", this.#lastId);
    if (token) query.set("token", token); // EventSource can't send headers
    return `${query}` ? `${STREAM}?${query}` : STREAM;
  }

  /** Whether the stream at `address` opened. Throws when nobody answered. */
  #opened(address) {
    const source = new EventSource(address);
    this.#close();
    this.#source = source;
    source.addEventListener("message", (event) => this.#receive(event));
    source.addEventListener("reset", (event) => this.#reset(event, source));
    return new Promise((resolve, reject) => {
      const tooLate = setTimeout(() => reject(new Error("no answer")), OPEN_SECONDS * 1000);
      source.addEventListener("open", () => {
        clearTimeout(tooLate);
        resolve(true);
      });
      source.addEventListener("error", () => {
        clearTimeout(tooLate);
        const refused = source.readyState === EventSource.CLOSED;
        source.close();
        if (refused) resolve(false);
        else reject(new Error("lost"));
        if (source === this.#source && this.#liveSince) this.#fail(new Error("lost"));
      });
    });
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  // What comes in

  #receive(event) {
    if (event.lastEventId) this.#lastId = event.lastEventId;
    let invoice;
    try {
      invoice = JSON.parse(event.data);
    } catch {
      return; // not ours; the next one may be
    }
    this.#received += 1;
    this.#held.set(invoice.id, invoice);
    if (this.#held.size >= MOST_HELD) this.#release();
    else this.#gathering ||= setTimeout(() => this.#release(), GATHER_MS);
  }

  #release() {
    clearTimeout(this.#gathering);
    this.#gathering = 0;
    if (this.#holds || !this.#held.size) return;
    const invoices = [...this.#held.values()];
    this.#held.clear();
    this.#board.show(invoices);
    this.#settleDoubt();
  }

  /** The server no longer has what we missed (or has another log): begin anew from the list. */
  async #reset(event, source) {
    this.#lastId = event.lastEventId;
    this.#isComplete = false;
    if (!this.#liveSince) return; // connect() is about to load it
    try {
      await this.#loadList();
    } catch (error) {
      if (source === this.#source) this.#fail(error);
    }
  }

  async #loadList() {
    const mine = ++this.#loading;
    this.#holds = true;
    const columns = await loadColumns();
    if (mine !== this.#loading) return;
    this.#isComplete = true;
    this.#holds = false;
    this.#board.load(columns);
    this.#release();
    this.#settleDoubt();
  }

  /** The board may have counted wrong: let the server count, until nothing has happened meanwhile. */
  #settleDoubt() {
    if (!this.#board.isInDoubt || this.#recounting) return;
    this.#recounting = setTimeout(() => this.#recount(), Math.min(LONGEST_DOUBT, 2 ** this.#recounts / 2) * 1000);
  }

  async #recount() {
    const attempt = this.#attempt;
    const received = this.#received;
    try {
      const { counts } = await loadCounts();
      await pause(QUIET_SECONDS);
      if (attempt === this.#attempt) this.#board.recount(counts, received === this.#received);
    } catch { /* the stream tells whether the server is away */ }
    this.#recounting = 0;
    this.#recounts = this.#board.isInDoubt ? this.#recounts + 1 : 0;
    this.#settleDoubt();
  }

  // How it went

  #succeed() {
    this.#liveSince = Date.now();
    this.#checkAt = Date.now() + CHECK_SECONDS * 1000;
    this.#holds = false;
    this.#release();
    this.#settleDoubt();
    this.#say("live");
  }

  #fail(error) {
    if (error instanceof SignInNeeded) this.#signedOut(error.message);
    else this.#retry(error.retryAfter ?? 0);
  }

  #retry(atLeast) {
    if (this.#liveSince && Date.now() - this.#liveSince > STEADY_SECONDS * 1000) this.#failures = 0;
    this.#stop();
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures);
    this.#failures += 1;
    // Half of it is chance: boards that lost the server together must not come back together.
    const wait = Math.max(atLeast, most * (0.5 + Math.random() / 2));
    this.#retryAt = Date.now() + wait * 1000;
    this.#countDown();
  }

  #signedOut(why) {
    this.#stop();
    this.#held.clear();
    this.#lastId = "";
    this.#isComplete = false;
    this.#failures = 0;
    this.#say("signed-out", { why });
  }

  #stop() {
    this.#attempt += 1;
    this.#loading += 1;
    this.#liveSince = 0;
    this.#retryAt = 0;
    if (!this.#lastId) this.#isComplete = false; // the stream can't be asked what we miss now, so the list will be
    this.#close();
  }

  // Time passing

  #tick() {
    const slept = this.#hasSlept();
    this.#lastTick = Date.now();
    if (this.#state === "signed-out") return;
    // A hidden page's clock is slowed down by the browser; that is no sleep.
    if (slept && !document.hidden) this.connect();
    else if (this.#retryAt) this.#countDown();
    else if (this.#liveSince && Date.now() > this.#checkAt) this.#check();
  }

  #countDown() {
    const seconds = Math.ceil((this.#retryAt - Date.now()) / 1000);
    if (seconds > 0) this.#say("reconnecting", { seconds });
    else this.connect();
  }

  /** The network, or the page, came back. While signed out only a person can go on, and may be typing. */
  #again() {
    if (this.#state !== "signed-out") this.connect();
  }

  /** Somebody looks at the page again. */
  #wake() {
    if (document.hidden || this.#state === "signed-out") return;
    if (this.#retryAt || this.#hasSlept()) this.connect();
    else if (this.#liveSince) this.#check();
    this.#lastTick = Date.now();
  }

  #hasSlept() {
    return Date.now() - this.#lastTick > SLEPT_SECONDS * 1000;
  }

  /**
   * Does the stream still bring what the lists have? A connection that died without a word (Wi-Fi, NAT) looks open for ever,
   * and EventSource doesn't show the keep-alives.
   */
  async #check() {
    const attempt = this.#attempt;
    this.#checkAt = Date.now() + CHECK_SECONDS * 1000;
    try {
      if (this.#board.agrees(await loadCounts())) return;
      const received = this.#received;
      await pause(GRACE_SECONDS);
      const counted = await loadCounts();
      if (attempt !== this.#attempt || this.#board.agrees(counted)) return;
      this.#board.recount(counted.counts, false);
      if (received === this.#received) this.connect();
      else this.#settleDoubt();
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(error);
    }
  }

  #say(state, details = {}) {
    this.#state = state;
    this.#onState(state, details);
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
