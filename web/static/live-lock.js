// A lock that one tab of a browser holds at a time. Where the browser has Web Locks, on pages from https and from this machine, it is one of
// them. Elsewhere, as in a warehouse whose server is reached by plain http, it is a lease in localStorage: two tabs may then hold it for a
// moment, which costs a second connection and nothing else.

const LEASE_MS = 3000;
const RENEW_MS = 500;
// Between taking a free lease and believing it: another tab may have taken it at the same moment.
const DOUBT_MS = 100;

const hasLocks = "locks" in navigator;

export const canLock = hasLocks || hasStorage();

/** Waits for the lock. onHeld(): this tab has it, until release(). onLost(): another tab has taken it from this one. */
export class Lock {
  #name;
  #onHeld;
  #onLost;
  #isHeld = false;
  #waiting = new AbortController();
  #release = () => {};
  // Of a lease: this tab's name for itself, the timer, and the time until which it is not sure of the lease (0: it is).
  #self = Math.random().toString(36).slice(2);
  #timer = 0;
  #doubtUntil = 0;
  #look = () => this.#renew();
  // The page is left: the next tab need not wait for the end of the lease.
  #free = () => { if (this.#lease().by === this.#self) localStorage.removeItem(this.#name); };

  constructor(name, onHeld, onLost) {
    this.#name = name;
    this.#onHeld = onHeld;
    this.#onLost = onLost;
    if (hasLocks) {
      this.#ask({ signal: this.#waiting.signal });
      return;
    }
    this.#timer = setInterval(this.#look, RENEW_MS);
    window.addEventListener("storage", this.#look);
    window.addEventListener("pagehide", this.#free);
    this.#renew();
  }

  release() {
    this.#onHeld = this.#onLost = () => {};
    this.#waiting.abort();
    this.#release();
    clearInterval(this.#timer);
    window.removeEventListener("storage", this.#look);
    window.removeEventListener("pagehide", this.#free);
    if (!hasLocks) this.#free();
  }

  /** Takes the lock from the tab that has it. */
  steal() {
    if (hasLocks) {
      this.#waiting.abort();
      this.#ask({ steal: true });
      return;
    }
    this.#write();
    this.#hold();
  }

  #hold() {
    this.#isHeld = true;
    this.#onHeld();
  }

  #ask(options) {
    const held = () => new Promise((release) => {
      this.#release = release;
      this.#hold();
    });
    navigator.locks.request(this.#name, options, held).catch(() => this.#isHeld && this.#onLost());
  }

  // The lease: {by, until}, until in ms since 1970

  #renew() {
    const { by, until = 0 } = this.#lease();
    if (by === this.#self) {
      this.#write();
      if (!this.#isHeld && Date.now() > this.#doubtUntil) this.#hold();
    } else if (this.#isHeld) {
      this.#onLost();
    } else if (until < Date.now()) {
      this.#write();
      this.#doubtUntil = Date.now() + DOUBT_MS;
      setTimeout(this.#look, DOUBT_MS + 1);
    }
  }

  #lease() {
    try {
      return JSON.parse(localStorage.getItem(this.#name)) ?? {};
    } catch {
      return {};
    }
  }

  #write() {
    localStorage.setItem(this.#name, JSON.stringify({ by: this.#self, until: Date.now() + LEASE_MS }));
  }
}

function hasStorage() {
  try {
    localStorage.setItem("tradepost.stored", "1");
    localStorage.removeItem("tradepost.stored");
    return true;
  } catch {
    return false;
  }
}
