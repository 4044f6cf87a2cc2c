// Receipts in the views: the camera, pictures before they are uploaded, and how far the upload is.

import { newKey, Refused, wordsOf } from "./books-api.js";
import { button, icon, make } from "./books-dom.js";
import { size } from "./books-format.js";
import { scaled } from "./books-file.js";
import { queueReceipts, uploadOf } from "./books-uploads.js";
import { say } from "./books-words.js";

const TAKEN = "image/jpeg,image/png,image/webp,image/gif,application/pdf,text/plain,image/*";

/** Returns a button that opens the camera of a phone, or the files of a computer. onFiles([{blob, filename, key}, …]). */
export function cameraButton(onFiles, { words = say("snap"), isLarge = false } = {}) {
  const choose = (capture) => {
    const input = make("input", { type: "file", accept: capture ? "image/*" : TAKEN, multiple: !capture, capture: capture ? "environment" : null, class: "unseen", tabindex: "-1", "aria-hidden": "true", data: { camera: capture ? "snap" : "file" } });
    input.addEventListener("change", async () => {
      const files = [...input.files];
      input.value = "";
      const made = [];
      for (const file of files) made.push({ ...(await scaled(file)), key: newKey() });
      if (made.length) onFiles(made);
    });
    return input;
  };
  const [snap, file] = [choose(true), choose(false)];
  return make("div", { class: `camera${isLarge ? " large" : ""}` },
    button(words, { icon: "camera", class: "plain snap", on: { click: () => snap.click() } }), button(say("choose-file"), { icon: "file", class: "plain", on: { click: () => file.click() } }), snap, file);
}

/** Returns an element that shows a picture before it is uploaded. */
export function pictureOf({ blob, filename }, signal, ...more) {
  const url = blob.type.startsWith("image/") && URL.createObjectURL(blob);
  if (url) signal.addEventListener("abort", () => URL.revokeObjectURL(url));
  return make("li", { class: "attachment" }, make("div", { class: "attachment-picture" }, url ? make("img", { src: url, alt: filename }) : icon("file")),
    make("p", { class: "attachment-name" }, make("strong", { text: filename }), make("span", { class: "note", text: size(blob.size) })), ...more);
}

/** Returns the receipts of the expense that are not uploaded yet, and the camera for another. onUploaded(): the server has another one. */
export function receiptsOf({ expense, signal, onUploaded }) {
  const upload = uploadOf(expense.id);
  const list = make("ul", { class: "attachments", role: "list" });
  const words = make("p", { class: "form-problem", role: "status" });
  const again = button(say("again"), { icon: "up", class: "", on: { click: () => upload.go() } });
  const bar = make("progress", { max: "1", value: "0", "aria-label": say("uploading") });
  let shown = "";
  const show = () => {
    const { pictures, part, error } = upload;
    bar.value = part;
    again.hidden = !error;
    words.dataset.kind = error ? "wrong" : "waiting";
    words.textContent = error ? why(error) : pictures.length ? say("uploading") : "";
    // The pictures are made anew only if they are others.
    const keys = `${pictures.map(({ key }) => key)}${Boolean(error)}`;
    if (keys === shown) return;
    shown = keys;
    const drop = () => button(say("drop-receipt"), { icon: "bin", unseen: true, class: "plain bare", on: { click: () => upload.drop() } });
    list.replaceChildren(...pictures.map((picture, n) => pictureOf(picture, signal, n === 0 && (error ? drop() : bar))));
  };
  upload.addEventListener("change", show, { signal });
  upload.addEventListener("done", () => {
    show();
    onUploaded();
  }, { signal });
  show();
  upload.go();
  return make("div", { class: "uploading" }, list, words, again, cameraButton((pictures) => queueReceipts(expense, pictures)));
}

/** The expense is saved, so only the receipt is tried again; one that the server refuses can only be left out. */
function why(error) {
  if (!(error instanceof Refused)) return say("not-uploaded", { why: wordsOf(error) });
  return error.fields.file ? [error.fields.file].flat().join(" ") : wordsOf(error);
}
