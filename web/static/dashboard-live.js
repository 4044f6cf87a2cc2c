// Keeps a stream of the live figures open as long as the page is seen. Events have no ids: each has the whole state, and after each connection
// the first event comes at once. So whatever was missed meanwhile is found by looking at the figures again.

import { accessToken } from "./live-session.js";
import { Stream, StreamRefused } from "./live-stream.js";

// Without a change an event comes after this many seconds, the longest that the server takes: it also finds that a new day has begun.
const STREAM = "/api/dashboard/streaming/aggregate/?interval=300&max_updates=1000";
// Seconds before the first retry, and the longest wait, to which it doubles.
const FIRST_WAIT = 1;
const LONGEST_WAIT = 60;
// A connection that lasted this long was good: the next wait is the first again.
const STEADY_MS = 10_000;

/**
 * onUpdate(figures): these are the present figures, and others may have changed, too. onState(state): connecting, live, waiting or paused.
 * onLost(): there is no stream, so a request of the page finds why: it renews the token, ends the session, or loads what no stream tells of.
 */
export class Live {
  #on;
  #stream = null;
  #retrying = 0;
  #failures = 0;
  #liveSince = 0;
  #isWanted = false;
  // The one that the stream was opened with.
  #token = "";

  constructor({ onUpdate, onState, onLost }) {
    this.#on = { onUpdate, onState, onLost };
    document.addEventListener("visibilitychange", () => this.#seen());
    for (const [target, event] of [[window, "online"], [document, "server-back"]]) target.addEventListener(event, () => this.#retrying && this.#connect());
  }

  start() {
    this.#isWanted = true;
    this.#failures = 0;
    this.#seen();
  }

  stop() {
    this.#isWanted = false;
    this.#close();
  }

  #seen() {
    if (!this.#isWanted) return;
    if (document.hidden) {
      this.#close();
      this.#on.onState("paused");
    } else if (!this.#stream) this.#connect();
  }

  #connect() {
    this.#close();
    if (!this.#failures) this.#on.onState("connecting");
    this.#token = accessToken();
    const stream = new Stream({
      path: STREAM, token: this.#token,
      onOpen: () => {
        this.#liveSince = Date.now();
        this.#on.onState("live");
      },
      onBlock: ({ data }) => stream === this.#stream && this.#receive(data),
      onEnd: (error) => stream === this.#stream && this.#lost(error),
    });
    this.#stream = stream;
  }

  #receive(data) {
    const figures = parsed(data);
    if (figures?.type === "dashboard_update") this.#on.onUpdate(figures);
    if (figures?.type === "stream_end") this.#lost(null);
  }

  /** error: null if the server has ended the stream as it does when the token has expired or the updates are used up. */
  async #lost(error) {
    if (this.#liveSince && Date.now() - this.#liveSince > STEADY_MS) this.#failures = 0;
    this.#close();
    if (error) this.#on.onState("waiting");
    const attempt = this.#retry();
    // All pages lose a server that starts anew, and find it again at the next try.
    if (error && !(error instanceof StreamRefused) && this.#failures < 2) return;
    await this.#on.onLost();
    // The page had to renew the token, which is all that was wrong.
    if (this.#isWanted && this.#retrying === attempt && accessToken() !== this.#token) this.#connect();
  }

  #retry() {
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures);
    this.#failures += 1;
    // Half of the wait is random, so that pages that lost the server together do not come back together.
    this.#retrying = setTimeout(() => this.#connect(), most * (0.5 + Math.random() / 2) * 1000);
    return this.#retrying;
  }

  #close() {
    clearTimeout(this.#retrying);
    this.#retrying = 0;
    this.#liveSince = 0;
    this.#stream?.close();
    this.#stream = null;
  }
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    // A sign of life, which has no data.
    return null;
  }
}
