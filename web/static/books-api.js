// The requests of the books, and how their API refuses. docs/api/books.md

import { say } from "./books-words.js";
import { accessToken, accountId, forget, json, Refused, request, retryAfter, SignInNeeded, Unavailable, withRenewal } from "./live-session.js";

export { accountId, Refused, SignInNeeded, Unavailable };

// The waits between two tries, in seconds. The first is short: a proxy or a restart of the server often costs a single answer.
const WAITS = [0.5, 1, 2, 3, 5, 10, 20, 30];
// The server keeps answers for 24 hours. An older attempt might be done a second time.
const KEPT_HOURS = 23;
// Who has to wait longer than that, in seconds, is told why instead.
const LONGEST_WAIT = 60;
// A server that is away again so soon after it was back is asked less often.
const STEADY_MS = 20_000;

/** The row is in another state than the one that was shown (412). */
export class Changed extends Error {}

/** There is no such row, or it is somebody else's (404). */
export class Missing extends Error {}

/** There were too many requests (429), or too many mails. */
export class TooMany extends Unavailable {}

/** The page has turned to something else. */
export class Suspended extends Error {}

// Why the session has ended, in words for who has to sign in again.
let reason = "";
let isUp = true;
let upAt = 0;
// How often the server was away again soon.
let relapses = 0;

/** Returns why the session has ended, once; else "". */
export function takeReason() {
  const words = reason;
  reason = "";
  return words;
}

/**
 * Sends a request and returns the response, if it is one of success. Throws SignInNeeded: there is no session, or its account has no
 * books; Refused, whose `fields` are the messages by field; Changed; Missing; Unavailable: it is not known what became of the request.
 */
export async function ask(path, options) {
  const response = await request(path, options).catch((error) => {
    if (options?.signal?.aborted) throw new Suspended();
    noAnswer(error);
    throw error;
  });
  return judged(response);
}

/** Returns the response, or throws what it means, as ask() does. */
export async function judged(response) {
  const { status } = response;
  // 409: the first request with this key is under way.
  if (status === 429) throw new TooMany((await response.json().catch(() => ({}))).error || say("too-many"), retryAfter(response));
  if (status === 409 || status >= 500) {
    const error = new Unavailable(say("no-answer"), retryAfter(response));
    // 500: this request alone has failed.
    if (status > 500) noAnswer(error);
    throw error;
  }
  setUp(true);
  if (status === 401 || status === 403) {
    const words = status === 401 ? say("session-ended") : say("may-not-enter");
    reason = words;
    forget();
    throw new SignInNeeded(words);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  if (status === 412) throw new Changed(say("changed"));
  if (status === 404) throw new Missing(body.error || say("gone"));
  const fields = body.details && typeof body.details === "object" ? body.details : {};
  throw new Refused(body.error || say("refused", { status }), fields);
}

/** Asks for a file, which may take long, and returns the response. Throws as ask() does. */
export async function askFile(path, { accept = "*/*", signal } = {}) {
  const response = await withRenewal(() => fetch(path, { headers: { Accept: accept, Authorization: `Bearer ${accessToken()}` }, signal, cache: "no-store", credentials: "omit" })).catch((error) => {
    if (signal?.aborted) throw new Suspended();
    const lost = error instanceof Unavailable ? error : new Unavailable(say("no-answer"));
    noAnswer(lost);
    throw lost;
  });
  return judged(response);
}

/** Sends a GET request and returns the JSON of the response. parameters: those without a value are left out. */
export async function get(path, parameters = {}, signal = undefined) {
  return json(await ask(address(path, parameters), { signal }));
}

/** Returns {document, etag} of one row. */
export async function read(path, signal) {
  const response = await ask(path, { signal });
  return { document: await json(response), etag: response.headers.get("ETag") ?? "" };
}

/** Sends a request with a JSON body and returns {document, etag}; document is null if there is none. */
export async function send(method, path, body, { etag, key, signal } = {}) {
  const headers = { ...(etag && { "If-Match": etag }), ...(key && { "Idempotency-Key": key }) };
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  const response = await ask(path, { method, headers, body: text, signal });
  return { document: response.status === 204 ? null : await json(response), etag: response.headers.get("ETag") ?? "" };
}

/** Returns the path with the parameters that have a value. */
export function address(path, parameters) {
  const query = String(new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined)));
  return query ? `${path}?${query}` : path;
}

/** Returns the address of another page of a list within this server, wherever the server believes to be. */
export function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

/** Returns a request that is done once, whatever happens to its answers. It can be stored as JSON. */
export function attempt(method, path, body, etag = "") {
  return { method, path, body: body === undefined ? undefined : JSON.stringify(body), etag, key: newKey(), at: Date.now(), account: accountId() };
}

/**
 * Sends the attempt until it is answered and returns {document, etag, tries}. Throws Suspended once isWanted() is false, and what send() throws
 * but Unavailable. onWait(tries, error): an answer was lost, and it is sent again. The server does what comes under one key once.
 */
export async function perform({ method, path, body, etag, key, at, account }, { isWanted = () => true, onWait = () => {} } = {}) {
  for (let tries = 0; ; tries += 1) {
    if (!isWanted() || accountId() !== account) throw new Suspended();
    if (Date.now() - at > KEPT_HOURS * 3_600_000) throw new Refused(say("too-old", { time: new Date(at).toLocaleString() }));
    try {
      return { ...(await send(method, path, body, { etag, key: method === "POST" ? key : "" })), tries };
    } catch (error) {
      const isLong = error instanceof TooMany && error.retryAfter > LONGEST_WAIT;
      if (!(error instanceof Unavailable) || isLong) throw Object.assign(error, { tries });
      onWait(tries + 1, error);
      await pause(Math.max(error.retryAfter, WAITS[Math.min(tries, WAITS.length - 1)]));
    }
  }
}

/** Waits, but not longer than until the network is back. */
export function pause(seconds) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    window.addEventListener("online", end);
  });
}

/** What an error says to people: the words of the server, or that it does not answer. */
export function wordsOf(error) {
  return error instanceof Unavailable && !(error instanceof TooMany) ? say("no-answer") : error.message;
}

/** What is said while a request waits to be sent again. */
export const waitWords = (tries, error) => (error instanceof TooMany ? error.message : say("trying", { tries }));

/** Whether the error says nothing to people: somebody else's turn, or a request that is not wanted any more. */
export const isQuiet = (error) => error instanceof SignInNeeded || error instanceof Suspended || error.name === "AbortError";

// Whether the server answers. The event `server` of the document says that this has changed; `server-back` asks the views to go on.

export const isServerUp = () => isUp;

function setUp(found) {
  if (found === isUp) return;
  isUp = found;
  if (isUp) upAt = Date.now();
  else relapses = Date.now() - upAt < STEADY_MS ? relapses + 1 : 0;
  document.dispatchEvent(new Event("server"));
  if (found) document.dispatchEvent(new Event("server-back"));
}

/** There was no answer. Looks for the server until it answers again. */
export async function noAnswer(error) {
  if (!(error instanceof Unavailable) || !isUp) return;
  setUp(false);
  for (let tries = relapses; !isUp; tries += 1) {
    await pause(WAITS[Math.min(tries, WAITS.length - 1)]);
    const response = await fetch("/api/health/", { cache: "no-store", credentials: "omit" }).catch(() => null);
    if (response && response.status < 500) setUp(true);
  }
}

/** Returns a random UUID. Pages that come by plain http from another machine have no crypto.randomUUID. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
