// The requests of the counter, and how the shop's API refuses. docs/api/pos.md

import { say } from "./counter-words.js";
import { forget, json, Refused, request, retryAfter, SignInNeeded, Unavailable } from "./live-session.js";

// Why the session has ended, in words for who has to sign in again.
let reason = "";

/** Returns why the session has ended, once; else "". */
export function takeReason() {
  const words = reason;
  reason = "";
  return words;
}

/**
 * Sends a request and returns the response, if it is one of success. Throws SignInNeeded: there is no session, or its account may not sell;
 * Refused, whose `fields` are the body of the refusal; Unavailable: it is not known what became of the request.
 */
export async function ask(path, options) {
  const response = await request(path, options);
  const { status } = response;
  if (status === 401 || status === 403) {
    reason = say(status === 401 ? "session-ended" : "may-not-sell");
    forget();
    throw new SignInNeeded(reason);
  }
  // 409: the first request with this key is under way.
  if (status === 409 || status === 429 || status >= 500) throw new Unavailable(say("no-answer"), retryAfter(response));
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Refused(sentences(body).join(" ") || say("refused", { status }), body);
}

/** Sends a GET request and returns the JSON of the response. */
export async function get(path, parameters = {}) {
  const query = String(new URLSearchParams(parameters));
  return json(await ask(query ? `${path}?${query}` : path));
}

/** Sends a POST request and returns the JSON of the response. */
export async function post(path, body, signal) {
  return json(await ask(path, { method: "POST", body: JSON.stringify(body), signal }));
}

/** Returns {rows, next}: a page of a list, and the address of the next page or "". */
export async function page(path) {
  const response = await ask(path);
  const [, next = ""] = /<([^>]*)>; *rel="next"/.exec(response.headers.get("Link") ?? "") ?? [];
  return { rows: await json(response), next };
}

/** Returns the sentences of a refusal: of `detail` and `non_field_errors` alone, and of a field or line in whatever depth. */
function sentences(body) {
  if (typeof body === "string") return [body];
  if (!body || typeof body !== "object") return [];
  return Object.values(body).flatMap(sentences);
}

/** Returns the sentences of a refusal that belong to the line: of items[n]. */
export function lineSentences(body, n) {
  return Array.isArray(body?.items) ? sentences(body.items[n]) : [];
}

/** What an error says to the cashier: the words of the server, or that it does not answer. */
export function wordsOf(error) {
  return error instanceof Unavailable ? say("no-answer") : error.message;
}
