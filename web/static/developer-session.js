// Sends the requests of the developer options. The tokens belong to this tab; the live board in the same tab uses the same ones.

const STORED_AS = "tradepost.session";
// The server allows ten minutes for clearing a table with millions of rows. This adds a margin.
const ANSWER_SECONDS = 620;

/** The server requires authentication, and this tab has no valid token. */
export class SignInNeeded extends Error {}

/** The account is not a SUPERADMIN, or changes are switched off on this server. */
export class Refused extends Error {}

/** Sends a GET request, or a POST request if there is a body, and returns the JSON of the response.
    Throws SignInNeeded, Refused, or an Error whose message can be shown to the user. */
export async function ask(path, body) {
  let tokens = stored();
  if (!tokens) throw new SignInNeeded("");
  let response = await send(path, body, tokens.access);
  if (response.status === 401) {
    tokens = await renewed(tokens);
    response = await send(path, body, tokens.access);
  }
  if (response.status === 401) {
    forget();
    throw new SignInNeeded("");
  }
  return answer(response);
}

/** Signs in and stores the tokens. Throws an Error with the server's message. */
export async function signIn(email, password) {
  keep(await answer(await send("/api/auth/login/", { email, password })));
}

/** Removes the tokens: they are no longer valid, or another person wants to sign in. */
export function forget() {
  try {
    sessionStorage.removeItem(STORED_AS);
  } catch {
    // The browser blocks sessionStorage, so nothing is stored there.
  }
  kept = null;
}

/** Gets a new access token: the page can stay open for longer than an access token is valid. */
async function renewed(tokens) {
  const response = await send("/api/auth/token/refresh/", { refresh: tokens.refresh });
  if (response.status === 401 || response.status === 400) {
    forget();
    throw new SignInNeeded("");
  }
  return keep({ ...tokens, ...(await answer(response)) });
}

async function send(path, body, access) {
  const headers = access ? { Authorization: `Bearer ${access}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(ANSWER_SECONDS * 1000);
  const options = { method: body ? "POST" : "GET", headers, signal, cache: "no-store", credentials: "omit" };
  try {
    return await fetch(path, body ? { ...options, body: JSON.stringify(body) } : options);
  } catch {
    throw new Error("The server does not answer.");
  }
}

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const words = body?.message ?? body?.detail;
  const message = typeof words === "string" && words ? words : `The server can't do that just now (status ${response.status}).`;
  throw response.status === 403 ? new Refused(message) : new Error(message);
}

// sessionStorage survives a reload and ends with the tab. If the browser blocks it, only the variable `kept` holds the tokens.

let kept = null;

function keep({ access, refresh }) {
  kept = { access, refresh };
  try {
    sessionStorage.setItem(STORED_AS, JSON.stringify(kept));
  } catch {
    // The browser blocks sessionStorage; the variable is enough.
  }
  return kept;
}

function stored() {
  try {
    const found = JSON.parse(sessionStorage.getItem(STORED_AS));
    return found?.access && found?.refresh ? found : kept;
  } catch {
    return kept;
  }
}
