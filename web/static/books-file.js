// Files to the server: pictures are made smaller first, because a phone's are large and its network is slow, and the progress is shown.

import { judged, newKey, noAnswer, Unavailable } from "./books-api.js";
import { say } from "./books-words.js";
import { accessToken, withRenewal } from "./live-session.js";

// The longer side of a picture, in pixels: small print stays readable.
const LONGEST = 2000;
const QUALITY = 0.85;
// Bytes of a picture that is not worth being made smaller.
const SMALL = 400_000;
const SILENT_MS = 60_000;

/** Returns {blob, filename}: the picture, not larger than needed, as a JPEG; other files stay as they are. */
export async function scaled(file) {
  const asItIs = { blob: file, filename: file.name || "receipt" };
  if (!file.type.startsWith("image/") || file.type === "image/gif") return asItIs;
  try {
    // The picture is turned as the camera was held.
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    if (scale === 1 && file.size <= SMALL && file.type === "image/jpeg") return asItIs;
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    // What a PNG leaves transparent is paper.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
    if (!blob) return asItIs;
    return { blob, filename: `${(file.name || "receipt").replace(/\.[^.]*$/, "") || "receipt"}.jpg` };
  } catch {
    // The browser can't read it; the server says whether it takes it.
    return asItIs;
  }
}

/**
 * Sends a form with a file and returns the JSON of the answer. Its bytes are the same for the same key, so the server knows a repeated request by
 * it. onProgress(part): from 0 to 1. Throws as ask() does.
 */
export async function upload(method, path, { fields = {}, name = "file", blob, filename, key = newKey(), signal, onProgress = () => {} }) {
  const boundary = `tradepost-${key}`;
  const body = new Blob([
    ...Object.entries(fields).map(([field, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`),
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${quoted(filename)}"\r\nContent-Type: ${blob.type || "application/octet-stream"}\r\n\r\n`,
    blob, `\r\n--${boundary}--\r\n`,
  ]);
  const type = `multipart/form-data; boundary=${boundary}`;
  const answered = () => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    for (const [header, value] of [["Authorization", `Bearer ${accessToken()}`], ["Content-Type", type], ["Idempotency-Key", key]]) request.setRequestHeader(header, value);
    let silence = 0;
    const abort = () => request.abort();
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(abort, SILENT_MS);
    };
    request.upload.onprogress = ({ loaded, total }) => {
      listen();
      onProgress(loaded / total);
    };
    request.onloadend = () => {
      clearTimeout(silence);
      signal?.removeEventListener("abort", abort);
      if (!request.status) {
        const error = new Unavailable(say("no-answer"));
        if (!signal?.aborted) noAnswer(error);
        reject(error);
      }
      else resolve(new Response(request.status === 204 ? null : request.responseText, { status: request.status, headers: headersOf(request) }));
    };
    signal?.addEventListener("abort", abort);
    listen();
    request.send(body);
  });
  return (await judged(await withRenewal(answered))).json();
}

const quoted = (filename) => filename.replaceAll('"', "%22").replace(/[\r\n]+/g, " ");

function headersOf(request) {
  const after = request.getResponseHeader("Retry-After");
  return after ? { "Retry-After": after } : {};
}
