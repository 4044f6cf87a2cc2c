// Who is looking: the tokens of this tab, and the requests that carry them.
//
// An open API needs none of this. Of a closed one the access token lives an hour and the page stays for days, so a 401
// renews the token once and asks again; only when that is refused too do we have to ask a person.

const STORED_AS = "tradepost.session";
const ANSWER_SECONDS = 20; // a request that got no answer by then is on a dead connection

/** The server wants to know who asks, and what we have is not enough. */
export class SignInNeeded extends Error {}

/** No usable answer: the server is away, overloaded or broken. `retryAfter`: seconds it asked us to wait, else 0. */
export class Unavailable extends Error {
  constructor(message, retryAfter = 0) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The server understood, and won't: `fields` has its words by field, the message those that belong to none. */
export class Refused extends Error {
  constructor(message, fields = {}) {
    super(message);
    this.fields = fields;
  }
}

let tokens = stored(); // {access, refresh}, or null
let renewing = null; // the renewal under way: two at once could look like a stolen refresh token to the server

/** The access token, "" when there is none. */
export const accessToken = () => tokens?.access ?? "";

/** The e-mail of who is signed in, "" when nobody is. For display; what the token is worth only the server knows. */
export function signedInAs() {
  try {
    const claims = tokens.access.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return String(JSON.parse(atob(claims)).email ?? "");
  } catch {
    return tokens ? "somebody" : "";
  }
}

/**
 * GET JSON. Throws SignInNeeded or Unavailable; anything that is not a proper answer is the latter. orNull: a 404 is one,
 * and its body null.
 */
export async function load(path, { orNull = false } = {}) {
  const response = await withRenewal(() => get(path));
  if (response.status === 401) throw new SignInNeeded("");
  if (response.status === 403) {
    keep(null);
    throw new SignInNeeded(await said(response, "This account may not see invoices."));
  }
  if (orNull && response.status === 404) return { body: null };
  if (!response.ok) throw new Unavailable(`status ${response.status}`, retryAfter(response));
  return { body: await json(response), serverTime: Date.parse(response.headers.get("Date") ?? "") };
}

/** POST JSON as who is signed in. Throws SignInNeeded, Refused or Unavailable. */
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

async function withRenewal(ask) {
  const used = tokens?.access;
  const response = await ask();
  if (response.status !== 401 || !tokens) return response;
  if (used === tokens.access) await renew(); // else another request has done so meanwhile
  return ask(); // with the new token; or with none, which an open API is content with
}

/** Sign in and keep the tokens. Throws SignInNeeded with what the server says, or Unavailable. */
export async function signIn(email, password) {
  const response = await post("/api/auth/login/", { email, password });
  if (response.status === 429) throw new Unavailable(await said(response, "Too many tries."), retryAfter(response) || 60);
  if (response.status >= 500) throw new Unavailable("The server can't sign anyone in just now. Try again in a moment.");
  if (!response.ok) throw new SignInNeeded(await said(response, "That e-mail and password don't match."));
  keep(await json(response));
}

/** End the session. If nobody answers the tokens are forgotten all the same. */
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
    // A server that is restarting must not cost us the session.
    throw new Unavailable(`status ${response.status}`, retryAfter(response));
  } else keep(null);
}

function get(path) {
  return ask(path, { headers: tokens ? { Authorization: `Bearer ${tokens.access}` } : {} });
}

function post(path, body, access) {
  const headers = { "Content-Type": "application/json", ...(access && { Authorization: `Bearer ${access}` }) };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function ask(path, options) {
  const signal = AbortSignal.timeout(ANSWER_SECONDS * 1000);
  try {
    return await fetch(path, { ...options, signal, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Unavailable("The server does not answer.");
  }
}

async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new Unavailable("The answer broke off, or was not the server's own.");
  }
}

/** What a refusal says to people. */
async function said(response, otherwise) {
  return wordsOf(await response.json().catch(() => ({})), otherwise);
}

function wordsOf(body, otherwise) {
  const words = body?.message ?? body?.detail;
  return typeof words === "string" && words ? words : otherwise;
}

function retryAfter(response) {
  return Math.max(0, Number.parseInt(response.headers.get("Retry-After") ?? "0", 10) || 0);
}

// sessionStorage survives a reload and ends with the tab; a browser that forbids it leaves us the variable alone.

/** Remember these tokens; null forgets. Tells the page (event `session`) when somebody else is signed in now. */
function keep(found) {
  const before = signedInAs();
  tokens = found?.access && found?.refresh ? { access: found.access, refresh: found.refresh } : null;
  try {
    if (tokens) sessionStorage.setItem(STORED_AS, JSON.stringify(tokens));
    else sessionStorage.removeItem(STORED_AS);
  } catch { /* see above */ }
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
