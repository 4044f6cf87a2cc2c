// What the till keeps in localStorage, per account: the cart, and the sale in progress with its keys. Of several tabs of one account each
// has a place of its own: a number that it holds by a lock, and gets back after a reload. A tab that opens takes up first what a closed
// one has left unfinished, so no sale is forgotten.

import { canLock, Lock } from "./live-lock.js";

const STORED_AS = "tradepost.counter";
const PLACE_AS = "tradepost.counter.place";
const PLACES = ["1", "2", "3", "4", "5", "6", "7", "8"];
// How long a tab waits for a place: for the one that it had before a reload, whose old page may still be leaving, and for another one.
const OWN_MS = 3000;
const OTHER_MS = 400;

export class Memory {
  // The page sets this. It is called once if nothing can be stored.
  onTrouble = () => {};
  #account = "";
  #place = "";
  #lock = null;
  #isTold = false;
  #kept = null;

  /** Takes a place for the account and returns what is kept there: {cart, sale}, or null. */
  async open(account) {
    this.close();
    this.#account = account;
    const mine = read("sessionStorage", PLACE_AS)?.[account] ?? "";
    for (const place of this.#inOrder(mine)) {
      if (await this.#take(place, place === mine ? OWN_MS : OTHER_MS, account)) break;
      if (this.#account !== account) return null;
    }
    write("sessionStorage", PLACE_AS, { ...read("sessionStorage", PLACE_AS), [account]: this.#place });
    return read("localStorage", this.#name);
  }

  close() {
    this.#lock?.release();
    this.#lock = null;
    this.#account = this.#place = "";
    this.#kept = null;
  }

  /** Keeps {cart, sale}; null forgets. Without storage the page goes on with what it has in its variables. */
  save(kept) {
    if (!this.#place) return;
    this.#kept = kept;
    if (write("localStorage", this.#name, kept) || this.#isTold) return;
    this.#isTold = true;
    this.onTrouble();
  }

  get #name() {
    return `${STORED_AS}.${this.#account}.${this.#place || "0"}`;
  }

  /** The place of this tab, then those with an unfinished sale, then those with a cart, then empty ones. */
  #inOrder(mine) {
    if (!canLock) return [mine || "1"];
    const weight = (place) => (place === mine ? 0 : this.#weight(place));
    return [...PLACES].sort((one, other) => weight(one) - weight(other));
  }

  #weight(place) {
    const kept = read("localStorage", `${STORED_AS}.${this.#account}.${place}`);
    return kept?.sale ? 1 : kept?.cart?.lines?.length ? 2 : 3;
  }

  #take(place, ms, account) {
    if (!canLock) {
      this.#place = place;
      return true;
    }
    return new Promise((resolve) => {
      const lock = new Lock(`${STORED_AS}.${account}.${place}.lock`, () => {
        clearTimeout(timer);
        if (this.#account !== account) {
          lock.release();
          return resolve(false);
        }
        this.#lock = lock;
        this.#place = place;
        return resolve(true);
      }, () => this.#lose());
      const timer = setTimeout(() => {
        lock.release();
        resolve(false);
      }, ms);
    });
  }

  /** Another tab took the place, because this one was frozen for long. This tab goes on in another place. */
  async #lose() {
    const [account, kept] = [this.#account, this.#kept];
    this.#lock?.release();
    this.#lock = null;
    for (const place of PLACES) if (this.#weight(place) === 3 && (await this.#take(place, OTHER_MS, account))) break;
    if (this.#account === account) this.save(kept);
  }
}

/** which: localStorage or sessionStorage. A browser that blocks them throws even when they are named. */
function read(which, name) {
  try {
    return JSON.parse(window[which].getItem(name));
  } catch {
    return null;
  }
}

/** Returns whether it is stored. */
function write(which, name, value) {
  try {
    if (value === null) window[which].removeItem(name);
    else window[which].setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
