// Sends the requests of the developer options, and says how their API refuses.

import { forget, request, SignInNeeded } from "./live-session.js";

// The server allows ten minutes for clearing a table with millions of rows. This adds a margin.
const ANSWER_SECONDS = 620;

/** The account is not a SUPERADMIN, or changes are switched off on this server. */
export class Refused extends Error {}

/** Sends a GET request, or a POST request if there is a body, and returns the JSON of the response.
    Throws SignInNeeded, Refused, or an Error whose message can be shown to the user. */
export async function ask(path, body) {
  const response = await request(path, { method: body ? "POST" : "GET", body: body && JSON.stringify(body), seconds: ANSWER_SECONDS });
  if (response.status === 401) {
    forget();
    throw new SignInNeeded("");
  }
  const found = await response.json().catch(() => null);
  if (response.ok && found) return found;
  const words = found?.message ?? found?.detail;
  const message = typeof words === "string" && words ? words : `The server can't do that just now (status ${response.status}).`;
  throw response.status === 403 ? new Refused(message) : new Error(message);
}
