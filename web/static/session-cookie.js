// The session of all pages: a cookie that no script can read, which the server sets and removes (docs/api/accounts.md#pages). All tabs of
// the browser have the same one, and tell each other when it may have changed.

const PATH = "/session/";
const CHANNEL = "tradepost-session";
// Where a sign-out is noted that the server has not done yet: the cookie would sign the next person in.
const ENDING_AS = "tradepost.sign-out";
// A request without a response after this time is on a lost connection.
const ANSWER_SECONDS = 20;
// The waits between two tries of a sign-out, in seconds; the last one is repeated.
const WAITS = [1, 2, 5, 10, 30];

const channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : null;
// A browser may block localStorage: then only this tab knows that a sign-out is under way.
let isEndingHere = false;

/** Sends a POST request with the cookie, or a DELETE, and returns the response. Throws if there is none. */
export function askSession(method, { path = "", body, seconds = ANSWER_SECONDS } = {}) {
  const headers = { "X-Requested-With": "XMLHttpRequest", Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
  const options = { method, headers, signal: AbortSignal.timeout(seconds * 1000), cache: "no-store", credentials: "same-origin" };
  return fetch(PATH + path, body ? { ...options, body: JSON.stringify(body) } : options);
}

/** Tells the other tabs whose the session is now. account: the number of the account, or "". */
export function announce(account) {
  channel?.postMessage({ account });
}

/** Calls listener(account) when another tab tells whose the session is. */
export function onNews(listener) {
  channel?.addEventListener("message", ({ data }) => listener(String(data?.account ?? "")));
}

/** Whether a sign-out is still to be done by the server. */
export function isEnding() {
  try {
    return isEndingHere || localStorage.getItem(ENDING_AS) !== null;
  } catch {
    return isEndingHere;
  }
}

/** Notes that a sign-out is still to be done; false: it is done, or somebody has signed in since. */
export function setEnding(ending) {
  isEndingHere = ending;
  try {
    if (ending) localStorage.setItem(ENDING_AS, "1");
    else localStorage.removeItem(ENDING_AS);
  } catch {
    // The variable is enough for this tab.
  }
}

/** Ends the session. Resolves after the first try; without an answer the page goes on trying, and the next page does, too. */
export async function endSession() {
  setEnding(true);
  if (!(await hasEnded())) keepEnding();
}

async function keepEnding() {
  for (let tries = 0; isEnding(); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, WAITS[Math.min(tries, WAITS.length - 1)] * 1000));
    if (isEnding() && (await hasEnded())) return;
  }
}

async function hasEnded() {
  const response = await askSession("DELETE").catch(() => null);
  if (!response || response.status === 429 || response.status >= 500) return false;
  setEnding(false);
  return true;
}
