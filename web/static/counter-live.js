// Follows a stream of the shop: it resumes after the last event, renews the token, waits longer after each failure, and gives the stream up
// while nobody sees the page. The connection is shared by the tabs of an account (live-feed.js).

import { ask } from "./counter-api.js";
import { Feed } from "./live-feed.js";
import { accessToken, accountId, SignInNeeded } from "./live-session.js";
import { StreamRefused } from "./live-stream.js";

const FIRST_WAIT = 1;
const LONGEST_WAIT = 15;
const HIDDEN_MS = 300_000;
// A request that any seller may make: it renews the token, or says that the session is over.
const PROBE = "/api/pos/products/?limit=1";

export class Follower {
  #path;
  #onEvent;
  #onFresh;
  #onState;
  #feed = null;
  #lastId = "";
  #failures = 0;
  #waiting = 0;
  #hiding = 0;
  #isOn = false;

  /** onEvent(data): what has changed; onFresh(): what is shown may be old, and has to be loaded; onState("connecting", "live", …). */
  constructor({ path, onEvent, onFresh, onState = () => {} }) {
    this.#path = path;
    this.#onEvent = onEvent;
    this.#onFresh = onFresh;
    this.#onState = onState;
    window.addEventListener("online", () => this.#hurry());
    window.addEventListener("pageshow", (event) => event.persisted && this.#hurry());
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  start() {
    this.#isOn = true;
    this.#failures = 0;
    this.#lastId = "";
    this.#connect("connecting");
  }

  stop() {
    this.#isOn = false;
    this.#close();
  }

  #close() {
    clearTimeout(this.#waiting);
    this.#waiting = 0;
    this.#feed?.close();
    this.#feed = null;
  }

  #connect(state) {
    this.#close();
    this.#onState(state);
    const feed = new Feed({
      path: this.#path,
      name: `tradepost.stream.${this.#path}.${accountId()}`,
      token: accessToken(),
      lastId: this.#lastId,
      onOpen: () => {
        this.#failures = 0;
        this.#onState("live");
        this.#onFresh();
      },
      onBlock: (block) => this.#receive(block),
      onEnd: (error) => feed === this.#feed && this.#lost(error),
    });
    this.#feed = feed;
  }

  #receive({ id, event, data }) {
    this.#lastId = id || this.#lastId;
    if (event === "reset") this.#onFresh();
    if (event || !data) return;
    let change;
    try {
      change = JSON.parse(data);
    } catch {
      return;
    }
    this.#onEvent(change);
  }

  async #lost(error) {
    this.#close();
    this.#onState("reconnecting");
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures);
    this.#failures += 1;
    // Half of the wait is random: all tills lose a server at the same moment.
    const wait = most * (0.5 + Math.random() / 2) * 1000;
    if (error instanceof StreamRefused && error.status === 401) {
      try {
        await ask(PROBE);
      } catch (refusal) {
        // The session has ended, which the page is told by its event.
        if (refusal instanceof SignInNeeded) return;
      }
    }
    if (this.#isOn && !this.#feed) this.#waiting = setTimeout(() => this.#connect("reconnecting"), wait);
  }

  #hurry() {
    if (this.#isOn && (this.#waiting || !this.#feed)) this.#connect("reconnecting");
  }

  #seen() {
    clearTimeout(this.#hiding);
    if (!document.hidden) this.#hurry();
    else {
      this.#hiding = setTimeout(() => {
        if (!document.hidden || !this.#isOn) return;
        this.#close();
        this.#onState("paused");
      }, HIDDEN_MS);
    }
  }
}
