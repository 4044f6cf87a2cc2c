// The sign-in dialog: for a server that shows its invoices to its people only, and for whoever takes a step.

import { find, write } from "./live-format.js";
import { signedInAs, signIn, signOut } from "./live-session.js";

export class SignIn {
  onChange = () => {}; // set by the page: somebody signed in, or out, by their own will
  #dialog = find("sign-in-dialog");
  #form = find("sign-in");
  #button = this.#form.querySelector("[type=submit]");
  #isNeeded = false; // there is nothing to see without
  #answer = null;

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try();
    });
    // The pause after too many tries is one account's, not the form's.
    this.#form.email.addEventListener("input", () => { this.#button.disabled = false; });
    find("not-now").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("cancel", (event) => this.#isNeeded && event.preventDefault());
    this.#dialog.addEventListener("close", () => this.#closed());
    find("account").addEventListener("click", () => this.#press());
    document.addEventListener("session", () => this.#tellWho());
    this.#tellWho();
  }

  /** Whether somebody signed in. */
  ask(why = "") {
    this.#show(why, false);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** Nothing goes on without. */
  need(why) {
    this.#show(why, true);
  }

  /** It turned out that nobody has to sign in. */
  settle() {
    if (this.#isNeeded) this.#dialog.close("settled");
  }

  #show(why, isNeeded) {
    this.#isNeeded = isNeeded;
    const purpose = isNeeded ? "Invoices of this server are shown to its people only." : "To pick, pack and deliver.";
    write(find("sign-in-why"), purpose);
    this.#tell(why);
    find("not-now").hidden = isNeeded;
    if (this.#dialog.open) this.#dialog.close("again");
    this.#dialog.showModal();
    (this.#form.email.value ? this.#form.password : this.#form.email).focus();
  }

  async #try() {
    this.#tell("");
    this.#button.disabled = true;
    let pause = 0;
    try {
      await signIn(this.#form.email.value.trim(), this.#form.password.value);
      this.#dialog.close("signed in");
    } catch (error) {
      this.#tell(error.message);
      pause = error.retryAfter ?? 0;
    }
    this.#form.password.value = ""; // not left on a screen that anyone walks by
    setTimeout(() => { this.#button.disabled = false; }, pause * 1000);
  }

  #closed() {
    const how = this.#dialog.returnValue;
    this.#dialog.returnValue = "";
    if (how === "again") return;
    const wasNeeded = this.#isNeeded;
    if (wasNeeded && !how) return this.need(""); // Chromium lets a second Escape through
    this.#isNeeded = false;
    this.#form.password.value = "";
    const answer = this.#answer;
    this.#answer = null;
    answer?.(how === "signed in");
    return how === "signed in" && wasNeeded && this.onChange();
  }

  async #press() {
    if (signedInAs()) {
      await signOut();
      this.onChange();
    } else await this.ask();
  }

  #tell(problem) {
    find("sign-in-problem").textContent = problem;
  }

  #tellWho() {
    const who = signedInAs();
    write(find("account-word"), who ? "Sign out" : "Sign in");
    find("account").title = who ? `Signed in as ${who}` : "";
    find("account").dataset.signedIn = Boolean(who);
    write(find("who"), who ? `Signed in as ${who}` : "", "");
  }
}
