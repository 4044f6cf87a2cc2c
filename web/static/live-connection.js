// Keeps the board up to date: the list gives the invoices up to now, the stream gives each later change.
//
// No change is missed: the stream is opened first and its events are held back; then the list is loaded, and the held events
// are applied to it. The connection never gives up: after every failure it waits, half of the time at random, because all boards of a
// building would otherwise reconnect in the same second, and resumes after the last event id.

import { Feed, watchForLeader } from "./live-feed.js";
import { loadColumns, loadCounts } from "./live-list.js";
import { accessToken, accountId, SignInNeeded } from "./live-session.js";
import { StreamRefused } from "./live-stream.js";

const STREAM = "/api/sales/sse/invoices/";
// Tabs share their stream under this name, and under that of the account where the server lets only those who are signed in read.
const SHARED_AS = "tradepost.stream";
// Changes are gathered for GATHER_MS and shown together, but no more than this number of them.
const MOST_HELD = 500;
const GATHER_MS = 50;
// The longest wait before the first retry, in seconds. It doubles with each failure, up to LONGEST_WAIT.
const FIRST_WAIT = 2;
const LONGEST_WAIT = 30;
// A page that is hidden for this time needs no stream.
const HIDDEN_SECONDS = 300;
// A connection that lasted this long was good: the next wait is FIRST_WAIT again.
const STEADY_SECONDS = 5;
// The timer ticks every second. A gap this long between two ticks means that the machine slept and lost its connections.
const SLEPT_SECONDS = 20;
// The interval between two checks whether the stream still delivers events.
const CHECK_SECONDS = 60;
// How long a change that the lists show may take to arrive through the stream.
const GRACE_SECONDS = 5;
// If no event arrives for this time after the server has counted, the counts match what the board shows.
const QUIET_SECONDS = 0.3;
// The longest time between two counts while events keep arriving, in seconds.
const LONGEST_RECOUNT_WAIT = 30;

/**
 * `new Connection(board, onState).start()`. The board has `load(columns)`, `show(invoices)`, `agrees(counted)`,
 * `recount(counts, isExact)` and `isInDoubt`.
 * onState(state, details) is called with one of the states connecting, live, reconnecting ({seconds}), paused, signed-out ({why}).
 */
export class Connection {
  #board;
  #onState;
  #feed = null;
  // Whether the server lets everybody read; until it says otherwise. Then no token is sent, and all tabs share one stream.
  #isPublic = true;
  #endWatch = () => {};
  // Whether this tab has cut a wait short, since it was last connected, because another tab was connected.
  #hasHurried = false;
  #hiding = 0;
  // The id of the last event; "" before the first one. Without an id, missed changes are found only by loading the list.
  #lastId = "";
  // True if the list is loaded and no change can have been missed since then.
  #isComplete = false;
  // The number of calls of connect() and #stop(). A call of connect() that is no longer the latest changes nothing.
  #attempt = 0;
  // The number of list loads. Only the result of the latest one is shown.
  #loading = 0;
  // True while events are held back until the list is loaded.
  #holds = false;
  // From the id of an invoice to its newest state.
  #held = new Map();
  #gathering = 0;
  // The number of events received.
  #received = 0;
  #recounting = 0;
  // The number of consecutive recounts.
  #recounts = 0;
  #failures = 0;
  #liveSince = 0;
  // The time of the next retry in ms; 0 if no retry is scheduled.
  #retryAt = 0;
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
    window.addEventListener("online", () => this.#reconnectUnlessSignedOut());
    window.addEventListener("pageshow", (event) => event.persisted && this.#reconnectUnlessSignedOut());
    this.connect();
  }

  /** Connects now. A connection or a wait that exists is ended. */
  async connect() {
    this.#stop();
    const attempt = this.#attempt;
    this.#setState(this.#failures || this.#lastId ? "reconnecting" : "connecting", { seconds: 0 });
    try {
      const feed = await this.#open();
      if (attempt !== this.#attempt) return;
      if (feed && !this.#isComplete) await this.#loadList();
      if (attempt !== this.#attempt) return;
      if (feed?.isOpen) this.#succeed();
      else this.#retry(0);
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(error);
    }
  }

  /** Returns the open feed, or null if the server refuses the stream but not the list. */
  async #open() {
    const token = accessToken();
    this.#holds = true;
    const feed = await this.#openedOrRefused();
    if (feed) return feed;
    // The list request renews an expired access token, asks for a sign-in, and keeps the board up to date in networks that block only
    // streams.
    await this.#loadList();
    if (token === accessToken()) return null;
    // The list was loaded before the stream was open, so it must be loaded again.
    this.#isComplete = false;
    this.#holds = true;
    return this.#openedOrRefused();
  }

  /** Returns the open feed, or null if the server refuses it. Throws if there is no response. */
  async #openedOrRefused() {
    try {
      return await this.#opened();
    } catch (error) {
      if (!(error instanceof StreamRefused)) throw error;
      if (!this.#isPublic || error.status !== 401) return null;
    }
    this.#isPublic = false;
    return accessToken() ? this.#openedOrRefused() : null;
  }

  #opened() {
    this.#close();
    return new Promise((resolve, reject) => {
      const feed = new Feed({
        path: STREAM,
        name: this.#sharedAs,
        token: this.#isPublic ? "" : accessToken(),
        lastId: this.#lastId,
        onOpen: () => resolve(feed),
        onBlock: (block) => this.#receive(block, feed),
        onEnd: (error) => {
          reject(error);
          if (feed === this.#feed && this.#liveSince) this.#fail(error);
        },
      });
      this.#feed = feed;
    });
  }

  get #sharedAs() {
    return this.#isPublic || !accessToken() ? SHARED_AS : `${SHARED_AS}.${accountId()}`;
  }

  #close() {
    this.#feed?.close();
    this.#feed = null;
    this.#endWatch();
  }

  // Incoming events and lists

  #receive({ id, event, data }, feed) {
    this.#lastId = id;
    if (event === "reset") this.#reset(feed);
    if (event || !data) return;
    let invoice;
    try {
      invoice = JSON.parse(data);
    } catch {
      // The event is not an invoice.
      return;
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
    this.#scheduleRecount();
  }

  /** The server no longer has the events that this page missed, or it has another log. The page loads the list again. */
  async #reset(feed) {
    this.#isComplete = false;
    // While the page connects, connect() loads the list.
    if (!this.#liveSince) return;
    try {
      await this.#loadList();
    } catch (error) {
      if (feed === this.#feed) this.#fail(error);
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
    this.#scheduleRecount();
  }

  /** If the counts of the board may be wrong, asks the server for them, again and again until no event arrives in between. */
  #scheduleRecount() {
    if (!this.#board.isInDoubt || this.#recounting) return;
    this.#recounting = setTimeout(() => this.#recount(), Math.min(LONGEST_RECOUNT_WAIT, 2 ** this.#recounts / 2) * 1000);
  }

  async #recount() {
    const attempt = this.#attempt;
    const received = this.#received;
    try {
      const { counts } = await loadCounts();
      await pause(QUIET_SECONDS);
      if (attempt === this.#attempt) this.#board.recount(counts, received === this.#received);
    } catch {
      // The stream shows whether the server is reachable.
    }
    this.#recounting = 0;
    this.#recounts = this.#board.isInDoubt ? this.#recounts + 1 : 0;
    this.#scheduleRecount();
  }

  // The outcome of a connection

  #succeed() {
    this.#liveSince = Date.now();
    this.#hasHurried = false;
    this.#checkAt = Date.now() + CHECK_SECONDS * 1000;
    this.#holds = false;
    this.#release();
    this.#scheduleRecount();
    this.#setState("live");
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
    // Half of the wait is random, so that boards that lost the server at the same moment do not reconnect at the same moment.
    const wait = Math.max(atLeast, most * (0.5 + Math.random() / 2));
    this.#retryAt = Date.now() + wait * 1000;
    this.#countDown();
    // Another tab may be connected earlier. This is not a reason to try every second what fails for another reason.
    if (atLeast || this.#hasHurried) return;
    this.#endWatch = watchForLeader(this.#sharedAs, () => {
      this.#hasHurried = true;
      this.connect();
    });
  }

  #signedOut(why) {
    this.#stop();
    this.#held.clear();
    this.#lastId = "";
    this.#isComplete = false;
    this.#isPublic = true;
    this.#failures = 0;
    this.#setState("signed-out", { why });
  }

  #stop() {
    this.#attempt += 1;
    this.#loading += 1;
    this.#liveSince = 0;
    this.#retryAt = 0;
    // Without an event id the stream cannot resume, so the list must be loaded again.
    if (!this.#lastId) this.#isComplete = false;
    this.#close();
  }

  // Timers and wake-ups

  #tick() {
    const slept = this.#hasSlept();
    this.#lastTick = Date.now();
    if (this.#state === "signed-out" || this.#state === "paused") return;
    // The browser slows down the timers of a hidden page. Such a gap does not mean that the machine slept.
    if (slept && !document.hidden) this.connect();
    else if (this.#retryAt) this.#countDown();
    else if (this.#liveSince && Date.now() > this.#checkAt) this.#check();
  }

  #countDown() {
    const seconds = Math.ceil((this.#retryAt - Date.now()) / 1000);
    if (seconds > 0) this.#setState("reconnecting", { seconds });
    else this.connect();
  }

  /** The network is back, or the page was restored. While signed out, the page waits: a person may be typing a password. */
  #reconnectUnlessSignedOut() {
    if (this.#state !== "signed-out") this.connect();
  }

  /** The page becomes visible, or hidden. */
  #wake() {
    clearTimeout(this.#hiding);
    if (document.hidden) this.#hiding = setTimeout(() => this.#pause(), HIDDEN_SECONDS * 1000);
    if (document.hidden || this.#state === "signed-out") return;
    if (this.#retryAt || this.#state === "paused" || this.#hasSlept()) this.connect();
    else if (this.#liveSince) this.#check();
    this.#lastTick = Date.now();
  }

  /** Gives the stream up until the page is seen again. Then it resumes after the last event id. */
  #pause() {
    if (!document.hidden || this.#state === "signed-out") return;
    this.#stop();
    this.#setState("paused");
  }

  #hasSlept() {
    return Date.now() - this.#lastTick > SLEPT_SECONDS * 1000;
  }

  /**
   * Checks that the board still shows what the lists contain.
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
      else this.#scheduleRecount();
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(error);
    }
  }

  #setState(state, details = {}) {
    this.#state = state;
    this.#onState(state, details);
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
