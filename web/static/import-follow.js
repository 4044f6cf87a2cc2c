// Follows an import: shows it as it is now, then each of its events, until it has ended. A connection that is lost is opened again.

import { accessToken, load, SignInNeeded } from "./live-session.js";

// Seconds before the next try, at least; half as much again at random.
const WAIT = 2;

export class Following {
  #id;
  #onChange;
  #onProblem;
  #source = null;
  #timer = 0;
  #hasEnded = false;

  /** onChange(import) is called with each state, and with null if there is no such import; onProblem(error) when the connection is lost,
      and with null when it is back. */
  constructor(id, onChange, onProblem) {
    this.#id = id;
    this.#onChange = onChange;
    this.#onProblem = onProblem;
    this.#begin();
  }

  end() {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  async #begin() {
    try {
      // With a request first, which renews the token if need be: EventSource does not say why it failed.
      const { body } = await load(`/api/sales/import/invoices/${this.#id}/?page_size=1`, { orNull: true });
      if (this.#hasEnded) return;
      this.#onProblem(null);
      if (this.#tell(body?.data ?? null)) this.#listen();
    } catch (error) {
      if (this.#hasEnded) return;
      this.#onProblem(error);
      if (!(error instanceof SignInNeeded)) this.#retry();
    }
  }

  #listen() {
    const token = encodeURIComponent(accessToken());
    this.#source = new EventSource(`/api/sales/import/invoices/${this.#id}/events/?token=${token}`);
    this.#source.addEventListener("message", (event) => this.#tell(JSON.parse(event.data)) || this.#source.close());
    this.#source.addEventListener("error", () => {
      this.#source.close();
      this.#retry();
    });
  }

  /** Returns whether the import goes on. */
  #tell(state) {
    if (this.#hasEnded) return false;
    const goesOn = state !== null && state.status !== "done" && state.status !== "failed";
    if (!goesOn) this.#hasEnded = true;
    this.#onChange(state);
    return goesOn;
  }

  #retry() {
    if (this.#hasEnded) return;
    this.#timer = setTimeout(() => this.#begin(), WAIT * (1 + Math.random() / 2) * 1000);
  }
}
