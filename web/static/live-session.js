// The session: the tokens of this tab, and the requests that carry them. The board, the counter and the page of the API (docs.js) use it.
//
// A server with public invoices needs no tokens. On other servers an access token is valid for an hour, but the page stays open
// for days. So a 401 renews the token once and repeats the request. Only if the renewal fails does the user have to sign in.

const STORED_AS = "tradepost.session";
// A request without a response after this time is on a lost connection.
const ANSWER_SECONDS = 20;

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

// {access, refresh}, or null.
let tokens = stored();
// The promise of the current renewal, or null. There is only one at a time: the server could take a second one for the use of a
// stolen refresh token.
let renewing = null;

/** Returns the access token, or "" if there is none. */
export const accessToken = () => tokens?.access ?? "";

/** Returns the number of the signed-in account, or "". The token is not verified here either. */
export const accountId = () => String(claims()?.user_id ?? "");

/** Returns the e-mail address of the signed-in user, or "". It is for display only: the token is not verified here. */
export function signedInAs() {
  return tokens ? String(claims()?.email ?? "somebody") : "";
}

function claims() {
  try {
    return JSON.parse(atob(tokens.access.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
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
    keep(null);
    throw new SignInNeeded(await said(response, "This account may not see invoices."));
  }
  if (orNull && response.status === 404) return { body: null };
  if (!response.ok) throw new Unavailable(`status ${response.status}`, retryAfter(response));
  return { body: await json(response), serverTime: Date.parse(response.headers.get("Date") ?? "") };
}

/**
 * Sends a request with the token of this tab, which is renewed if need be, and returns the response, whatever its status. body: the text of
 * the body. Throws Unavailable if there is no response.
 */
export function request(path, { method = "GET", headers = {}, body, signal } = {}) {
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  return withRenewal(() => ask(path, { method, body, headers: { ...authorization(), ...type, ...headers } }, signal));
}

/** Sends a POST request as the signed-in user and returns the JSON of the response. Throws SignInNeeded, Refused or Unavailable. */
export async function send(path, body) {
  if (!tokens) throw new SignInNeeded("");
  const response = await withRenewal(() => post(path, body, tokens?.access));
  if (response.status === 401) {
    keep(null);
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
  const used = tokens?.access;
  const response = await ask();
  if (response.status !== 401 || !tokens) return response;
  // If the token differs, another request has renewed it in the meantime.
  if (used === tokens.access) await renew();
  // After a failed renewal there is no token. A server with public invoices accepts that.
  return ask();
}

/** Signs in and stores the tokens. Throws SignInNeeded with the server's message, or Unavailable. */
export async function signIn(email, password) {
  const response = await post("/api/auth/login/", { email, password });
  if (response.status === 429) throw new Unavailable(await said(response, "Too many tries."), retryAfter(response) || 60);
  if (response.status >= 500) throw new Unavailable("The server can't sign anyone in just now. Try again in a moment.");
  if (!response.ok) throw new SignInNeeded(await said(response, "That e-mail and password don't match."));
  keep(await json(response));
}

/** Removes the tokens: the server takes them no longer, or this account has no use here. */
export function forget() {
  keep(null);
}

/** Ends the session. The tokens are removed even if the server does not respond. */
export async function signOut() {
  const { access, refresh } = tokens ?? {};
  keep(null);
  if (access) await post("/api/auth/logout/", { refresh }, access).catch(() => {});
}

function renew() {
  renewing ??= renewOnce().finally(() => { renewing = null; });
  return renewing;
}

async function renewOnce() {
  const response = await post("/api/auth/token/refresh/", { refresh: tokens.refresh });
  if (response.ok) keep({ ...tokens, ...(await json(response)) });
  else if (response.status === 429 || response.status >= 500) {
    // The server may be restarting, so the session is kept.
    throw new Unavailable(`status ${response.status}`, retryAfter(response));
  } else keep(null);
}

function authorization() {
  return tokens ? { Authorization: `Bearer ${tokens.access}` } : {};
}

function post(path, body, access) {
  const headers = { "Content-Type": "application/json", ...(access && { Authorization: `Bearer ${access}` }) };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function ask(path, options, aborted) {
  const timeout = AbortSignal.timeout(ANSWER_SECONDS * 1000);
  const signal = aborted ? AbortSignal.any([aborted, timeout]) : timeout;
  try {
    return await fetch(path, { ...options, signal, cache: "no-store", credentials: "omit" });
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

// sessionStorage survives a reload and ends with the tab. If the browser blocks it, only the variable `tokens` holds the tokens.

/** Stores these tokens; null removes them. Dispatches the event `session` if the signed-in user changes. */
function keep(found) {
  const before = signedInAs();
  tokens = found?.access && found?.refresh ? { access: found.access, refresh: found.refresh } : null;
  try {
    if (tokens) sessionStorage.setItem(STORED_AS, JSON.stringify(tokens));
    else sessionStorage.removeItem(STORED_AS);
  } catch {
    // The browser blocks sessionStorage; the variable is enough.
  }
  if (signedInAs() !== before) document.dispatchEvent(new Event("session"));
}

function stored() {
  try {
    const found = JSON.parse(sessionStorage.getItem(STORED_AS));
    return found?.access && found?.refresh ? found : null;
  } catch {
    return null;
  }
}
