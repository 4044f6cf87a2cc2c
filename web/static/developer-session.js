// Requests to the developer options, with the tokens of this tab; the board of the same tab shares them.

const STORED_AS = "tradepost.session";
const ANSWER_SECONDS = 620; // clearing millions of rows may take as long as the server allows it: ten minutes

/** The server wants to know who asks, and what we have is not enough. */
export class SignInNeeded extends Error {}

/** Signed in, and not a SUPERADMIN; or the change is switched off. */
export class Refused extends Error {}

/** GET, or POST where there is a body: the answer's JSON. Throws SignInNeeded, Refused, or Error with what to tell people. */
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

/** Sign in and keep the tokens. Throws Error with what the server says. */
export async function signIn(email, password) {
  keep(await answer(await send("/api/auth/login/", { email, password })));
}

/** The tokens are of no use, or somebody else wants to sign in. */
export function forget() {
  try {
    sessionStorage.removeItem(STORED_AS);
  } catch { /* forbidden by the browser: then nothing was stored */ }
  kept = null;
}

/** Whoever signed in may have stayed longer than an access token lives. */
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
  const told = typeof words === "string" && words ? words : `The server can't do that just now (status ${response.status}).`;
  throw response.status === 403 ? new Refused(told) : new Error(told);
}

// sessionStorage survives a reload and ends with the tab; a browser that forbids it leaves us the variable alone.

let kept = null;

function keep({ access, refresh }) {
  kept = { access, refresh };
  try {
    sessionStorage.setItem(STORED_AS, JSON.stringify(kept));
  } catch { /* see above */ }
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
