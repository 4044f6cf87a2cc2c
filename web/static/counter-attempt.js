// A request that must be done once, whatever happens to its answer. It is kept with its key and the exact text of its body before it is sent
// first. If the answer is lost it is sent again, the same to the letter, until there is an answer: the server does it once, and answers
// again as it did first (docs/api/operations.md#idempotency).

import { ask } from "./counter-api.js";
import { say } from "./counter-words.js";
import { accountId, json, Refused, Unavailable } from "./live-session.js";

// The waits between two tries, in seconds. The first is short: a proxy or a restart of the server often costs a single answer.
const WAITS = [0.5, 1, 2, 3, 5];
// The server keeps answers for 24 hours. An older attempt might be done a second time.
const KEPT_HOURS = 23;

/** The attempt is of another account, which is not signed in, or the page has turned to something else. It stays as it is. */
export class Suspended extends Error {}

/** Returns a new attempt, which can be stored as JSON. */
export function attempt(path, body) {
  return { path, key: newKey(), body: JSON.stringify(body), at: Date.now(), account: accountId() };
}

/**
 * Sends the attempt until it is answered, and returns the JSON of the answer. Throws Refused or SignInNeeded, or Suspended once isWanted()
 * is false. onWait(tries): an answer was lost, and it is sent again.
 */
export async function perform({ path, key, body, at, account }, { isWanted, onWait }) {
  for (let tries = 0; ; tries += 1) {
    if (!isWanted() || accountId() !== account) throw new Suspended();
    if (Date.now() - at > KEPT_HOURS * 3600 * 1000) throw new Refused(say("too-old", { time: new Date(at).toLocaleString() }));
    try {
      // The answer is read here, too: one that breaks off is lost.
      return await json(await ask(path, { method: "POST", body, headers: { "Idempotency-Key": key } }));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      onWait(tries + 1);
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

/** Returns a random UUID. Pages that come by plain http from another machine have no crypto.randomUUID. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
