// The steps that an invoice's status allows, and the form that takes them: a worker's e-mail, typed or scanned, and what
// else the step needs. What the server answers is told in its own words.

import { find, recall, remember, write } from "./live-format.js";
import { Refused, send, signedInAs, SignInNeeded } from "./live-session.js";

const SETTLE_MS = 800; // after a change no step is taken: a scan that came twice, or meant what was there before
const STREAM_MS = 1500; // by then the stream has told what a step did

// area/action: the path. fields: beside the e-mail. also: the delivery_status that a second button sends.
const STEPS = {
  PENDING: { path: "picking/start", label: "Start picking", fields: [] },
  PICKING: { path: "picking/complete", label: "Complete picking", fields: [], cancels: "picking" },
  PICKED: { path: "packing/start", label: "Start packing", fields: [] },
  PACKING: { path: "packing/complete", label: "Complete packing", fields: [], cancels: "packing" },
  PACKED: { path: "delivery/start", label: "Start delivery", fields: ["delivery_type", "courier_name", "tracking_no"] },
  DISPATCHED: { path: "delivery/complete", label: "Delivered", fields: [], cancels: "delivery", also: "IN_TRANSIT" },
};

export class Steps {
  #form = find("step");
  #cancelForm = find("cancel");
  #signIn;
  #onDone;
  #invoice = null;
  #step = null;
  #isBusy = false;
  #settled = 0;

  /** onDone(): a step was taken, and the stream may not have told of it. */
  constructor(signIn, onDone) {
    this.#signIn = signIn;
    this.#onDone = onDone;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#take(event.submitter === find("still") ? this.#step?.also : undefined);
    });
    this.#cancelForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#cancel();
    });
    this.#form.addEventListener("input", (event) => this.#clearProblem(event.target));
    this.#cancelForm.addEventListener("input", (event) => this.#clearProblem(event.target));
    find("delivery_type").addEventListener("change", () => this.#fitDelivery());
  }

  /** The e-mail's field, where a step asks for one. */
  field() {
    const field = find("user_email");
    return this.#step && !field.closest("[hidden]") ? field : null;
  }

  begin(invoice) {
    this.#form.reset();
    this.#cancelForm.reset();
    find("cancel-part").open = find("notes-part").open = false;
    this.#form.user_email.value = recall("worker") || (signedInAs().includes("@") ? signedInAs() : "");
    this.#say("");
    this.#lay(invoice);
    this.#settled = 0;
    this.#enable();
  }

  /** The invoice has moved on, here or elsewhere; null: it was deleted. */
  change(invoice) {
    if (invoice && invoice.status === this.#invoice?.status) {
      this.#invoice = invoice;
      return;
    }
    const hadFocus = this.#form.contains(document.activeElement) || this.#cancelForm.contains(document.activeElement);
    this.#lay(invoice);
    this.#form.notes.value = this.#cancelForm.reason.value = "";
    find("cancel-part").open = find("notes-part").open = false;
    if (!invoice) this.#say("This invoice has been deleted.");
    clearTimeout(this.#settled);
    this.#settled = setTimeout(() => {
      this.#settled = 0;
      this.#enable();
    }, SETTLE_MS);
    this.#enable();
    if (!hadFocus) return;
    const field = matchMedia("(pointer: coarse)").matches ? null : this.field();
    (field ?? find("drawer-title")).focus();
    field?.select();
  }

  end() {
    this.#invoice = this.#step = null;
  }

  #lay(invoice) {
    this.#invoice = invoice;
    this.#step = STEPS[invoice?.status] ?? null;
    const { fields = [], label = "", also, cancels } = this.#step ?? {};
    this.#clearProblems();
    this.#form.hidden = !this.#step;
    for (const name of ["delivery_type", "courier_name", "tracking_no"]) part(name).hidden = !fields.includes(name);
    this.#fitDelivery();
    write(find("take"), label, "");
    find("still").hidden = !also;
    find("cancel-part").hidden = !cancels;
    write(find("cancel-title"), cancels ? `Cancel ${cancels}` : "", "");
    write(find("cancel-take"), cancels ? `Cancel ${cancels}` : "", "");
  }

  /** A courier is no worker of ours; who drives themselves needs no courier. */
  #fitDelivery() {
    const isDelivery = this.#step?.path === "delivery/start";
    const byCourier = isDelivery && find("delivery_type").value === "COURIER";
    part("user_email").hidden = byCourier;
    part("courier_name").hidden = part("tracking_no").hidden = !byCourier;
  }

  // Taking a step

  async #take(deliveryStatus) {
    if (!this.#step) return;
    const { invoice_no } = this.#invoice;
    const body = { invoice_no };
    for (const name of ["user_email", "delivery_type", "courier_name", "tracking_no", "notes"]) {
      const value = this.#form[name].value.trim();
      if (value && !this.#form[name].closest("[hidden]")) body[name] = value;
    }
    if (deliveryStatus) body.delivery_status = deliveryStatus;
    await this.#send(this.#step.path, body, this.#form, find("step-problem"));
  }

  async #cancel() {
    if (!this.#step?.cancels) return;
    const body = { invoice_no: this.#invoice.invoice_no, reason: this.#cancelForm.reason.value.trim() };
    const email = this.#form.user_email.value.trim();
    if (email) body.user_email = email;
    await this.#send(`${this.#step.cancels}/cancel`, body, this.#cancelForm, find("cancel-problem"));
  }

  async #send(path, body, form, problem) {
    if (this.#isBusy || this.#settled) return;
    this.#clearProblems();
    this.#say("");
    this.#isBusy = true;
    this.#enable();
    const { id, status } = this.#invoice;
    const isHere = () => this.#invoice?.id === id;
    try {
      const answer = await this.#asSomebody(() => send(`/api/sales/${path}/`, body));
      if (answer === null) return; // nobody signed in
      if (body.user_email) remember("worker", body.user_email);
      if (!isHere()) return;
      this.#say(answer.message || "Done.");
      if (this.#invoice.status === status) this.#form.notes.value = "";
      setTimeout(() => isHere() && this.#invoice.status === status && this.#onDone(), STREAM_MS);
    } catch (error) {
      if (isHere()) this.#refuse(error, form, problem);
    } finally {
      this.#isBusy = false;
      this.#enable();
    }
  }

  /** With a session; asks for one, and goes on, as often as it takes. null: it was not given. */
  async #asSomebody(ask) {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof SignInNeeded)) throw error;
        if (!(await this.#signIn.ask(error.message))) return null;
      }
    }
  }

  #refuse(error, form, problem) {
    const fields = error instanceof Refused ? Object.entries(error.fields) : [];
    const elsewhere = [];
    let first = null;
    for (const [name, words] of fields) {
      const input = form.elements[name] ?? this.#form.elements[name];
      const told = find(`${name}-problem`);
      if (!input || !told || input.closest("[hidden]")) elsewhere.push([words].flat().join(" "));
      else {
        told.textContent = [words].flat().join(" ");
        input.setAttribute("aria-invalid", "true");
        first ??= input;
      }
    }
    if (!fields.length) elsewhere.push(error.message);
    problem.textContent = elsewhere.join(" ");
    first?.focus();
    first?.select?.();
  }

  #clearProblem(input) {
    const told = input.name && find(`${input.name}-problem`);
    if (told) told.textContent = "";
    input.removeAttribute("aria-invalid");
  }

  #clearProblems() {
    for (const input of [...this.#form.elements, ...this.#cancelForm.elements]) this.#clearProblem(input);
    find("step-problem").textContent = find("cancel-problem").textContent = "";
  }

  #say(words) {
    write(find("done"), words, "");
  }

  #enable() {
    const isOff = this.#isBusy || Boolean(this.#settled);
    for (const button of [find("take"), find("still"), find("cancel-take")]) button.disabled = isOff;
  }
}

const part = (name) => find(name).closest(".part");
