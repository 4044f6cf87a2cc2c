// The session of a page whose script asks the API: who is signed in, the access token, and the requests that carry it.
//
// The session itself is a cookie, which all pages of this server share (session-cookie.js). By it a page gets an access token, which it has
// in its memory only. The token is valid for an hour, but the page stays open for days. So a 401 renews the token once and repeats the
// request. Only if the session has ended does the user have to sign in. A server with public invoices needs no token.
//
// This module asks for the token before it is ready, so the modules that import it know at once who is signed in.

import { showPages } from "./header.js";
import { announce, askSession, endSession, isEnding, onNews, setEnding } from "./session-cookie.js";

// A request without a response after this time is on a lost connection.
const ANSWER_SECONDS = 20;
// How long the page waits at first to learn who is signed in. After that it begins without a session, and goes on asking.
const FIRST_SECONDS = 5;
// The waits between two questions who is signed in, in seconds; the last one is repeated.
const WAITS = [1, 2, 5, 10, 30];

/** The server requires authentication, and this tab has no valid token. */
export class SignInNeeded extends Error {}

/** There is no usable response: the server is unreachable, overloaded or broken. retryAfter: the seconds of its Retry-After
    header, else 0. */
export class Unavailable extends Error {
  constructor(message, retryAfter = 0) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The server refuses the request. fields: its messages by field; message: the text that belongs to no field. */
export class Refused extends Error {
  constructor(message, fields = {}) {
    super(message);
    this.fields = fields;
  }
}

// The access token, or "".
let access = "";
// Whose token it is, as the server says: {id, email, name, role}.
let whose = null;
// The account of the cookie, as far as it is known; "" if there is none. It is another one than that of the token after forget().
let cookieAccount = "";
// The promise of the current renewal, or null. There is only one at a time.
let renewing = null;
// Whether the server has not told yet who is signed in.
let isUnsure = false;
// The sign-out that is under way; and how often somebody has signed in or out here.
let ending = Promise.resolve();
let changes = 0;

/** Returns the access token, or "" if there is none. */
export const accessToken = () => access;

/** Returns the number of the signed-in account, or "". The token is not verified here. */
export const accountId = () => String(claims()?.user_id ?? "");

/** Returns the e-mail address of the signed-in user, or "". It is for display only: the token is not verified here either. */
export const signedInAs = () => (access ? String(claims()?.email ?? "somebody") : "");

/** Returns {id, email, name, role} of the signed-in user, or null. */
export const user = () => (access ? whose : null);

/** Returns why nobody is signed in although somebody may be, or "". */
export const sessionTrouble = () => (isUnsure ? "The server does not answer. Trying again." : "");

function claims() {
  try {
    return JSON.parse(atob(access.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return null;
  }
}

/**
 * Sends a GET request and returns {body, serverTime}. Throws SignInNeeded, or Unavailable for every other failure. With orNull,
 * a 404 is not a failure, and body is null.
 */
export async function load(path, { orNull = false } = {}) {
  const response = await request(path);
  if (response.status === 401) throw new SignInNeeded("");
  if (response.status === 403) {
    forget();
    throw new SignInNeeded(await said(response, "This account may not see invoices."));
  }
  if (orNull && response.status === 404) return { body: null };
  if (!response.ok) throw new Unavailable(`status ${response.status}`, retryAfter(response));
  return { body: await json(response), serverTime: Date.parse(response.headers.get("Date") ?? "") };
}

/**
 * Sends a request with the token of this tab, which is renewed if need be, and returns the response, whatever its status. body: the text of
 * the body; seconds: how long to wait for the response. Throws Unavailable if there is no response.
 */
export function request(path, { method = "GET", headers = {}, body, signal, seconds } = {}) {
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  return withRenewal(() => ask(path, { method, body, headers: { ...authorization(), ...type, ...headers } }, signal, seconds));
}

/** Sends a POST request as the signed-in user and returns the JSON of the response. Throws SignInNeeded, Refused or Unavailable. */
export async function send(path, body) {
  if (!access) throw new SignInNeeded("");
  const response = await request(path, { method: "POST", body: JSON.stringify(body) });
  if (response.status === 401) {
    forget();
    throw new SignInNeeded("Your session has ended.");
  }
  if (response.status === 429 || response.status >= 500) {
    throw new Unavailable("The server can't do that just now. Try again in a moment.", retryAfter(response));
  }
  if (response.ok) return json(response);
  const refusal = await response.json().catch(() => ({}));
  throw new Refused(wordsOf(refusal, `The server refuses that (status ${response.status}).`), refusal?.errors ?? {});
}

/**
 * Calls ask(), which sends a request with accessToken() and returns the response. If that is a 401, renews the token and calls ask()
 * once more; it then has to read accessToken() again. Throws what ask() throws, or Unavailable.
 */
export async function withRenewal(ask) {
  const used = access;
  const who = accountId();
  const response = await ask();
  if (response.status !== 401 || !used) return response;
  // If the token differs, another request has renewed it in the meantime.
  if (used === access) await renew();
  // What one person has begun is never sent in the name of another one, who has signed in elsewhere meanwhile.
  if (access && accountId() !== who) throw new Unavailable("Somebody else has signed in.");
  // After a failed renewal there is no token. A server with public invoices accepts that.
  return ask();
}

/** Signs in on all pages. Throws SignInNeeded with the server's message, or Unavailable. */
export async function signIn(email, password) {
  // The answer to a sign-out removes the cookie, and must not come after the one that sets it.
  await ending;
  changes += 1;
  const response = await answered(askSession("POST", { body: { email, password } }));
  if (response.status === 429) throw new Unavailable(await said(response, "Too many tries."), retryAfter(response) || 60);
  if (response.status >= 500) throw new Unavailable("The server can't sign anyone in just now. Try again in a moment.");
  if (!response.ok) throw new SignInNeeded(await said(response, "That e-mail and password don't match."));
  const found = await json(response);
  changes += 1;
  setEnding(false);
  take(found);
  announce(cookieAccount);
}

/** Removes the token: the server takes it no longer, or this account has no use here. The session goes on where it has one. */
export function forget() {
  keep("");
}

/** Ends the session on all pages. The token is removed even if the server does not respond. */
export async function signOut() {
  changes += 1;
  cookieAccount = "";
  keep("");
  ending = endSession();
  await ending;
  announce("");
  await renew().catch(() => {});
}

/** Gets a fresh token, by the cookie. Throws Unavailable. */
function renew(seconds = ANSWER_SECONDS) {
  renewing ??= renewOnce(seconds).finally(() => { renewing = null; });
  return renewing;
}

async function renewOnce(seconds) {
  // Somebody has signed out, and the server does not know yet.
  if (isEnding()) return keep("");
  const began = changes;
  const response = await answered(askSession("POST", { path: "token/", seconds }));
  // Somebody has signed in or out meanwhile, of which this answer does not know.
  if (began !== changes) return undefined;
  // The server may be restarting, so the session is kept.
  if (response.status === 429 || response.status >= 500) throw new Unavailable(`status ${response.status}`, retryAfter(response));
  return take(response.ok ? await json(response) : { access: null, pages: [] });
}

/** Takes what the server says of the session: {access, user, pages}. */
function take({ access: token, user: found, pages }) {
  whose = found ?? null;
  cookieAccount = String(found?.id ?? "");
  keep(isEnding() ? "" : token ?? "");
  showPages(pages);
  if (!isUnsure) return;
  isUnsure = false;
  document.dispatchEvent(new Event("session-known"));
}

function authorization() {
  return access ? { Authorization: `Bearer ${access}` } : {};
}

function ask(path, options, aborted, seconds = ANSWER_SECONDS) {
  const timeout = AbortSignal.timeout(seconds * 1000);
  const signal = aborted ? AbortSignal.any([aborted, timeout]) : timeout;
  return answered(fetch(path, { ...options, signal, cache: "no-store", credentials: "omit" }));
}

/** Waits for a response. Throws Unavailable if there is none. */
async function answered(response) {
  try {
    return await response;
  } catch {
    throw new Unavailable("The server does not answer.");
  }
}

/** Returns the JSON of the response. Throws Unavailable if it is none. */
export async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new Unavailable("The answer broke off, or was not the server's own.");
  }
}

/** Returns the message of an error response. */
async function said(response, otherwise) {
  return wordsOf(await response.json().catch(() => ({})), otherwise);
}

function wordsOf(body, otherwise) {
  const words = body?.message ?? body?.detail;
  return typeof words === "string" && words ? words : otherwise;
}

/** Returns the seconds of the header Retry-After, else 0. */
export function retryAfter(response) {
  return Math.max(0, Number.parseInt(response.headers.get("Retry-After") ?? "0", 10) || 0);
}

/** Keeps this token; "" removes it. Dispatches the event `session` if the signed-in user changes. */
function keep(token) {
  const before = signedInAs();
  access = token;
  if (signedInAs() !== before) document.dispatchEvent(new Event("session"));
}

/** Asks who is signed in, again and again until there is an answer. */
async function restore() {
  if (isEnding()) await Promise.race([endSession(), pause(FIRST_SECONDS)]);
  await renew(FIRST_SECONDS).then(() => announce(cookieAccount)).catch(() => {
    isUnsure = true;
    askAgain();
  });
}

async function askAgain() {
  for (let tries = 0; isUnsure; tries += 1) {
    await pause(WAITS[Math.min(tries, WAITS.length - 1)]);
    if (isUnsure) await renew().catch(() => {});
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

// Without an answer of the server what the other tab says counts, if that is less: nobody is signed in.
onNews((account) => account !== cookieAccount && renew().catch(() => account || forget()));
await restore();
