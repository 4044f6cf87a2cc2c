// Sends a file to the server, and says how much of it is sent.

import { accessToken, forget, retryAfter, SignInNeeded, Unavailable, withRenewal } from "./live-session.js";

const PATH = "/api/sales/import/invoices/";
// Bytes, as the server has it.
export const LARGEST = 50 * 1024 * 1024;
// By the ending of a file's name. What a browser says of a file depends on the programs of the machine.
const TYPES = {
  csv: "text/csv",
  tsv: "text/csv",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  ndjson: "application/x-ndjson",
  jsonl: "application/x-ndjson",
  json: "application/json",
};

/** The server refuses the file. */
export class FileRefused extends Error {}

/** Returns the media type by which the server reads the file, or "". */
export const typeOf = (file) => TYPES[file.name.split(".").pop().toLowerCase()] ?? "";

/** Returns a new Idempotency-Key. crypto.randomUUID is only there on pages that came over TLS. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Sends the file and returns the import that the server has begun. onProgress is called with the part that is sent, from 0 to 1. The same
 * key with the same file finds the import that was begun before. Throws FileRefused, SignInNeeded or Unavailable.
 */
export async function upload(file, key, onProgress) {
  const response = await withRenewal(() => post(file, key, onProgress));
  const body = parsed(response.text);
  if (response.status === 401) {
    forget();
    throw new SignInNeeded("Your session has ended.");
  }
  if (response.status === 403) throw new FileRefused("This account may not import invoices.");
  if (response.status === 429 || response.status >= 500) {
    throw new Unavailable("The server can't take it just now. Try again in a moment.", retryAfter(response));
  }
  if (response.status === 413) throw new FileRefused(body?.message ?? "The file is too large.");
  if (response.status !== 202 || !body?.data) throw new FileRefused(wordsOf(body, response.status));
  return body.data;
}

function post(file, key, onProgress) {
  return new Promise((resolve, reject) => {
    // fetch does not tell how much of a body is sent.
    const sending = new XMLHttpRequest();
    sending.open("POST", PATH);
    const token = accessToken();
    if (token) sending.setRequestHeader("Authorization", `Bearer ${token}`);
    sending.setRequestHeader("Content-Type", typeOf(file));
    sending.setRequestHeader("Prefer", "respond-async");
    sending.setRequestHeader("Idempotency-Key", key);
    sending.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
    sending.addEventListener("load", () => resolve({
      status: sending.status,
      text: sending.responseText,
      headers: { get: (name) => sending.getResponseHeader(name) },
    }));
    sending.addEventListener("error", () => reject(new Unavailable("The server does not answer, or the file has changed since it was chosen.")));
    sending.send(file);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Returns what a refusal says of the file: the messages of its fields, or else its message. */
function wordsOf(body, status) {
  const fields = Object.values(body?.errors ?? {}).flat().filter((said) => typeof said === "string");
  return fields.join(" ") || body?.detail || body?.message || `The server refuses that (status ${status}).`;
}
