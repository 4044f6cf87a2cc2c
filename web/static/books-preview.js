// What a quote or an invoice amounts to while it is typed, computed by the server. Only the answer to the newest question counts.

import { isQuiet, Refused, send, Unavailable, wordsOf } from "./books-api.js";

// Between the last key and the question, and as much again for each so many lines: the answer of a long paper costs more.
const TYPING_MS = 350;
const LINES_OF_A_MS = 4;
// Until the question is asked again to which no answer came.
const AGAIN_MS = 3000;

export class Preview {
  #kind;
  #signal;
  #onSums;
  #onProblem;
  #body = "";
  #answered = "";
  #timer = 0;
  #asking = null;

  /** onSums({line_items, subtotal, tax_amount, total_amount}), or onSums(null): they are out of date; onProblem(words, fields). */
  constructor(kind, { signal, onSums, onProblem }) {
    [this.#kind, this.#signal, this.#onSums, this.#onProblem] = [kind, signal, onSums, onProblem];
    const again = () => this.#body !== this.#answered && this.#ask();
    document.addEventListener("server-back", again, { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      this.#asking?.abort();
    });
  }

  /** Asks for the sums of this body soon; unless it is the one that was asked for last. */
  ask(body) {
    const text = JSON.stringify(body);
    if (text === this.#body || this.#signal.aborted) return;
    this.#body = text;
    clearTimeout(this.#timer);
    this.#onSums(null);
    this.#timer = setTimeout(() => this.#ask(), TYPING_MS + body.line_items.length / LINES_OF_A_MS);
  }

  async #ask() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const body = this.#body;
    try {
      const { document: sums } = await send("POST", `/api/books/preview/?kind=${this.#kind.name}`, body, { signal: asking.signal });
      if (body !== this.#body || this.#signal.aborted) return;
      this.#answered = body;
      this.#onSums(sums);
    } catch (error) {
      if (body !== this.#body || this.#signal.aborted || asking.signal.aborted || isQuiet(error)) return;
      if (error instanceof Unavailable) this.#timer = setTimeout(() => this.#ask(), Math.max(AGAIN_MS, error.retryAfter * 1000));
      else this.#answered = body;
      this.#onProblem(wordsOf(error), error instanceof Refused ? error.fields : {});
    }
  }
}
