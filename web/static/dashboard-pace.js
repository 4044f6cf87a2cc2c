// How often the figures are loaded again while changes keep coming: at once after a quiet time, and ever more seldom in a storm, such as an import.
// A load is several of the 1,000 requests that an account has in an hour.

// Seconds to wait before a load, by how many there were lately. The first gathers what is changed together.
const WAITS = [0.25, 1, 2, 4, 8, 15, 30, 60];
// After so long without a change the next one is loaded at once again.
const QUIET_MS = 90_000;

/** Calls work() some time after call(), once for all calls until then, and never twice at the same time. */
export class Pace {
  #work;
  #timer = 0;
  #isWorking = false;
  #isCalled = false;
  #isUrgent = false;
  #recent = 0;
  #lastAt = 0;

  constructor(work) {
    this.#work = work;
  }

  call() {
    if (this.#isWorking) this.#isCalled = true;
    if (this.#isWorking || this.#timer) return;
    if (Date.now() - this.#lastAt > QUIET_MS) this.#recent = 0;
    this.#timer = setTimeout(() => this.now(), WAITS[Math.min(this.#recent, WAITS.length - 1)] * 1000);
  }

  /** Works now, or as soon as the present work is done. What was called for is done by this. */
  async now() {
    this.cancel();
    if (this.#isWorking) {
      this.#isUrgent = true;
      return;
    }
    this.#isWorking = true;
    // A load that only found that nothing has changed is a single request, and does not count.
    const hasChanged = await this.#work().finally(() => { this.#isWorking = false; });
    if (hasChanged) this.#recent += 1;
    this.#lastAt = Date.now();
    if (this.#isUrgent) await this.now();
    else if (this.#isCalled) this.call();
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#isCalled = this.#isUrgent = false;
  }
}
