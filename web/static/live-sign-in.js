// The sign-in dialog. It opens if a page shows nothing without a session, and before a user does what needs one.

import { showAccount } from "./header.js";
import { find, write } from "./live-format.js";
import { sessionTrouble, signedInAs, signIn, signOut } from "./live-session.js";

export class SignIn {
  #dialog = find("sign-in-dialog");
  #form = find("sign-in");
  #button = this.#form.querySelector("[type=submit]");
  // True if the page shows nothing without a sign-in.
  #isNeeded = false;
  #answer = null;
  #words;

  /** words: {needed, asked, signIn, signOut, as(who)}: why to sign in where it is required, and where it is not; the labels of the button. */
  constructor(words) {
    this.#words = words;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    // The wait after too many attempts belongs to one account. Another e-mail address may be tried at once.
    this.#form.email.addEventListener("input", () => { this.#button.disabled = false; });
    find("not-now").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("cancel", (event) => this.#isNeeded && event.preventDefault());
    this.#dialog.addEventListener("close", () => this.#closed());
    find("account").addEventListener("click", () => this.#signInOrOut());
    document.addEventListener("session", () => this.#userChanged());
    document.addEventListener("session-known", () => this.#isNeeded && this.#showProblem(""));
    this.#showUser();
  }

  /** Opens the dialog. Resolves to true if the user signs in. */
  ask(why = "") {
    this.#show(why, false);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** Opens the dialog without a way to close it except signing in. */
  need(why) {
    this.#show(why, true);
  }

  /** Closes the dialog that need() opened: the server no longer requires a sign-in. */
  settle() {
    if (this.#isNeeded) this.#dialog.close("settled");
  }

  #show(why, isNeeded) {
    this.#isNeeded = isNeeded;
    write(find("sign-in-why"), isNeeded ? this.#words.needed : this.#words.asked);
    this.#showProblem(why || sessionTrouble());
    find("not-now").hidden = isNeeded;
    if (this.#dialog.open) this.#dialog.close("again");
    this.#dialog.showModal();
    (this.#form.email.value ? this.#form.password : this.#form.email).focus();
  }

  async #submit() {
    this.#showProblem("");
    this.#button.disabled = true;
    let pause = 0;
    try {
      await signIn(this.#form.email.value.trim(), this.#form.password.value);
      this.#dialog.close("signed in");
    } catch (error) {
      this.#showProblem(error.message);
      pause = error.retryAfter ?? 0;
    }
    // The screen may be in a public place, so the password is not left in the field.
    this.#form.password.value = "";
    setTimeout(() => { this.#button.disabled = false; }, pause * 1000);
  }

  #closed() {
    const how = this.#dialog.returnValue;
    this.#dialog.returnValue = "";
    if (how === "again") return;
    const wasNeeded = this.#isNeeded;
    // Chromium closes the dialog on a second Escape, whatever the cancel event says. Open it again.
    if (wasNeeded && !how) return this.need("");
    this.#isNeeded = false;
    this.#form.password.value = "";
    const answer = this.#answer;
    this.#answer = null;
    answer?.(how === "signed in");
    return undefined;
  }

  async #signInOrOut() {
    if (signedInAs()) await signOut();
    else await this.ask();
  }

  #showProblem(problem) {
    find("sign-in-problem").textContent = problem;
  }

  /** Here or in another tab. */
  #userChanged() {
    this.#showUser();
    if (signedInAs() && this.#dialog.open) this.#dialog.close("signed in");
  }

  #showUser() {
    const who = signedInAs();
    showAccount(who ? this.#words.signOut : this.#words.signIn, who ? this.#words.as(who) : "");
    // Only the board says it where the work is done, too.
    if (find("who")) write(find("who"), who ? this.#words.as(who) : "", "");
  }
}
