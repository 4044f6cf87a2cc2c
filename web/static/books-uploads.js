// Receipts that the server does not have yet. They are uploaded one by one, whatever view is shown, and tried again until the server has them.

import { isQuiet, Unavailable } from "./books-api.js";
import { allKept, keep } from "./books-memory.js";
import { dropPictures, keepPictures, keptPictures } from "./books-pictures.js";
import { upload } from "./books-file.js";
import { say } from "./books-words.js";

const PATH = "/api/expenses/attachments/";
const PREFIX = "upload-";
// Seconds until a receipt that was not uploaded is tried again: the first time, and at most.
const AGAIN = 2;
const LONGEST_WAIT = 60;

// By the id of the expense.
const uploads = new Map();

/** The receipts of one expense. Its event `change` says that something is otherwise, `done` that the server has another receipt. */
class Upload extends EventTarget {
  // [{blob, filename, key}, …]; how much of the first one is uploaded, from 0 to 1; why it could not be uploaded, or null.
  pictures = [];
  part = 0;
  error = null;
  // How many receipts the server has got.
  done = 0;
  #expense;
  #name;
  #ending = new AbortController();
  #isRunning = false;
  #fails = 0;
  #timer = 0;

  constructor(expense) {
    super();
    this.#expense = expense;
    this.#name = `${PREFIX}${expense}`;
  }

  /** Uploads what is kept, unless that is under way. */
  async go() {
    if (this.#isRunning || this.#ending.signal.aborted) return;
    this.#isRunning = true;
    clearTimeout(this.#timer);
    try {
      for (await this.#read(); this.pictures.length; await this.#read()) {
        [this.error, this.part] = [null, 0];
        this.#tell("change");
        await this.#send(this.pictures[0]);
        await this.#remove();
        this.#fails = 0;
        this.done += 1;
        this.#tell("done");
      }
    } catch (error) {
      if (!this.#ending.signal.aborted && !isQuiet(error)) this.#fail(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Leaves out the first receipt, and goes on with the next. */
  async drop() {
    await this.#remove();
    this.error = null;
    await this.#read();
    this.#tell("change");
    this.go();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#ending.abort();
  }

  async #read() {
    this.pictures = await keptPictures(this.#name);
  }

  #send({ blob, filename, key }) {
    return upload("POST", PATH, { fields: { expense: this.#expense }, blob, filename, key, signal: this.#ending.signal, onProgress: (part) => {
      this.part = part;
      this.#tell("change");
    } });
  }

  /** The first receipt is done with. Others may have been added meanwhile. */
  async #remove() {
    const [{ key }] = this.pictures;
    const rest = (await keptPictures(this.#name)).filter((one) => one.key !== key);
    if (rest.length) await keepPictures(this.#name, rest);
    else {
      await dropPictures(this.#name);
      keep(this.#name, null);
    }
  }

  /** What the server refuses is not tried again by itself. */
  #fail(error) {
    this.error = error;
    if (error instanceof Unavailable) {
      const seconds = Math.max(error.retryAfter, Math.min(AGAIN * 2 ** this.#fails, LONGEST_WAIT));
      this.#timer = setTimeout(() => this.go(), seconds * 1000);
      this.#fails += 1;
    }
    this.#tell("change");
  }

  #tell(event) {
    this.dispatchEvent(new Event(event));
  }
}

/** Returns the receipts of this expense that are uploaded. */
export function uploadOf(id) {
  if (!uploads.has(id)) uploads.set(id, new Upload(id));
  return uploads.get(id);
}

/** Keeps these pictures as receipts that the expense is to get, and begins to upload them. */
export async function queueReceipts({ id, description }, pictures) {
  const name = `${PREFIX}${id}`;
  await keepPictures(name, [...(await keptPictures(name)), ...pictures]);
  keep(name, { at: Date.now(), hash: `#/expenses/${id}`, label: say("unsaved-receipt", { name: description }) });
  uploadOf(id).go();
}

/** Goes on with what an earlier visit has not uploaded. */
export function resumeUploads() {
  for (const [name] of allKept()) if (name.startsWith(PREFIX)) uploadOf(Number(name.slice(PREFIX.length))).go();
}

/** Ends all uploads: nobody is signed in. */
export function stopUploads() {
  for (const one of uploads.values()) one.stop();
  uploads.clear();
}
