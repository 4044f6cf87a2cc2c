// Receipts of an expense that the server does not have yet: they are uploaded one by one, and tried again until the server has them.

import { isQuiet, newKey, Refused, Unavailable, wordsOf } from "./books-api.js";
import { button, icon, make } from "./books-dom.js";
import { size } from "./books-format.js";
import { keep } from "./books-memory.js";
import { dropPictures, keepPictures, keptPictures } from "./books-pictures.js";
import { scaled, upload } from "./books-upload.js";
import { say } from "./books-words.js";

const PATH = "/api/expenses/attachments/";
// Seconds until a receipt that was not uploaded is tried again: the first time, and at most.
const AGAIN = 2;
const LONGEST_WAIT = 60;
export const TAKEN = "image/jpeg,image/png,image/webp,image/gif,application/pdf,text/plain,image/*";

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

/** Keeps these receipts as those that the expense is to get. */
export async function queueReceipts(expense, pictures) {
  const name = `upload-${expense.id}`;
  await keepPictures(name, [...(await keptPictures(name)), ...pictures]);
  keep(name, { at: Date.now(), hash: `#/expenses/${expense.id}`, label: say("unsaved-receipt", { name: expense.description }) });
}

export class Receipts {
  #expense;
  #signal;
  #onUploaded;
  #name;
  #isUploading = false;
  #fails = 0;
  #timer = 0;
  #list = make("ul", { class: "attachments", role: "list" });
  #words = make("p", { class: "form-problem", role: "status" });
  #again = button(say("again"), { icon: "up", class: "", hidden: true, on: { click: () => this.#go() } });
  element;

  /** onUploaded(): the server has them all. */
  constructor({ expense, signal, onUploaded }) {
    [this.#expense, this.#signal, this.#onUploaded, this.#name] = [expense, signal, onUploaded, `upload-${expense.id}`];
    const camera = cameraButton(async (pictures) => {
      await queueReceipts(expense, pictures);
      this.#go();
    });
    this.element = make("div", { class: "uploading" }, this.#list, this.#words, this.#again, camera);
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
    this.#go();
  }

  async #go() {
    if (this.#isUploading) return;
    clearTimeout(this.#timer);
    this.#isUploading = true;
    this.#again.hidden = true;
    let done = 0;
    try {
      for (let left = await keptPictures(this.#name); left.length && !this.#signal.aborted; left = await keptPictures(this.#name)) {
        await this.#upload(left);
        // Others may have been added meanwhile.
        const rest = (await keptPictures(this.#name)).filter(({ key }) => key !== left[0].key);
        if (rest.length) await keepPictures(this.#name, rest);
        else {
          await dropPictures(this.#name);
          keep(this.#name, null);
        }
        done += 1;
        this.#fails = 0;
      }
      this.#isUploading = false;
      if (done && !this.#signal.aborted) this.#onUploaded();
    } catch (error) {
      this.#isUploading = false;
      if (!this.#signal.aborted && !isQuiet(error)) this.#fail(error);
    }
  }

  async #upload(left) {
    const bar = make("progress", { max: "1", value: "0", "aria-label": say("uploading") });
    this.#list.replaceChildren(...left.map((picture, n) => pictureOf(picture, this.#signal, n === 0 && bar)));
    this.#words.dataset.kind = "waiting";
    this.#words.textContent = say("uploading");
    const { blob, filename, key } = left[0];
    await upload("POST", PATH, { fields: { expense: this.#expense.id }, blob, filename, key, signal: this.#signal, onProgress: (part) => { bar.value = part; } });
    this.#words.textContent = "";
    this.#list.replaceChildren();
  }

  /** The expense is saved, so only the receipt is tried again; one that the server refuses can only be left. */
  #fail(error) {
    this.#words.dataset.kind = "wrong";
    const isRefused = error instanceof Refused;
    const said = isRefused && error.fields.file ? [error.fields.file].flat().join(" ") : wordsOf(error);
    this.#words.textContent = isRefused ? said : say("not-uploaded", { why: said });
    this.#again.hidden = false;
    if (error instanceof Unavailable) {
      this.#timer = setTimeout(() => this.#go(), Math.max(error.retryAfter, Math.min(AGAIN * 2 ** this.#fails, LONGEST_WAIT)) * 1000);
      this.#fails += 1;
    }
    if (!isRefused && !(error instanceof Unavailable)) return;
    this.#list.querySelector("li")?.append(button(say("drop-receipt"), { icon: "bin", unseen: true, class: "plain bare", on: { click: () => this.#drop() } }));
  }

  async #drop() {
    const [, ...rest] = await keptPictures(this.#name);
    if (rest.length) await keepPictures(this.#name, rest);
    else {
      await dropPictures(this.#name);
      keep(this.#name, null);
    }
    this.#words.textContent = "";
    this.#list.replaceChildren();
    this.#go();
  }
}
