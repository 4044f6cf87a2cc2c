// The workflow steps that the status of an invoice allows, and the form for them: the worker's e-mail address, typed or scanned,
// and the other fields of the step. The messages of the server are shown unchanged.

import { find, recall, remember, write } from "./live-format.js";
import { leadKeys, scanned, whenTabEndsScan } from "./live-scan.js";
import { Refused, send, signedInAs, SignInNeeded } from "./live-session.js";

// After a change of the status the form accepts no step for this time: a scan may arrive twice, or may be meant for the former step.
const SETTLE_MS = 800;
// If the stream has not delivered the result of a step after this time, the invoice is loaded.
const STREAM_MS = 1500;

// path: area/action of the API. fields: the fields beside the e-mail address. cancels: the area whose session can be cancelled.
// also: the delivery_status that a second button sends.
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
  #onNumber;
  #invoice = null;
  #step = null;
  #isBusy = false;
  #settled = 0;

  /** onDone() is called if the stream has not delivered the result of a step in time, onNumber(text) if what was scanned cannot be a worker's
      e-mail address. */
  constructor(signIn, { onDone, onNumber }) {
    this.#signIn = signIn;
    this.#onDone = onDone;
    this.#onNumber = onNumber;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#take(event.submitter === find("still") ? this.#step?.also : undefined);
    });
    // As Enter in the field does.
    whenTabEndsScan(this.#form.user_email, () => this.#form.requestSubmit());
    // In the detail, whatever has the focus there, what is scanned is the worker.
    leadKeys(() => (document.querySelector("dialog[open]") === find("drawer") ? this.field() : null));
    this.#cancelForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#cancel();
    });
    this.#form.addEventListener("input", (event) => this.#clearProblem(event.target));
    this.#cancelForm.addEventListener("input", (event) => this.#clearProblem(event.target));
    find("delivery_type").addEventListener("change", () => this.#fitDelivery());
  }

  /** Returns the e-mail field if the step needs it, else null. */
  field() {
    const field = find("user_email");
    return this.#step && !field.closest("[hidden]") ? field : null;
  }

  begin(invoice) {
    this.#form.reset();
    this.#cancelForm.reset();
    find("cancel-part").open = find("notes-part").open = false;
    this.#form.user_email.value = recall("worker") || (signedInAs().includes("@") ? signedInAs() : "");
    this.#showDone("");
    this.#showStep(invoice);
    this.#settled = 0;
    this.#enable();
  }

  /** Takes over the new state of the invoice, which may have changed on another device; null if it was deleted. */
  change(invoice) {
    if (invoice && invoice.status === this.#invoice?.status) {
      this.#invoice = invoice;
      return;
    }
    const hadFocus = this.#form.contains(document.activeElement) || this.#cancelForm.contains(document.activeElement);
    this.#showStep(invoice);
    this.#form.notes.value = this.#cancelForm.reason.value = "";
    find("cancel-part").open = find("notes-part").open = false;
    if (!invoice) this.#showDone("This invoice has been deleted.");
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

  #showStep(invoice) {
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

  /** Shows either the courier fields or the e-mail field: a courier is not a user, and a user who delivers needs no courier. */
  #fitDelivery() {
    const isDelivery = this.#step?.path === "delivery/start";
    const byCourier = isDelivery && find("delivery_type").value === "COURIER";
    part("user_email").hidden = byCourier;
    part("courier_name").hidden = part("tracking_no").hidden = !byCourier;
  }

  // Taking a step

  async #take(deliveryStatus) {
    if (!this.#step) return;
    const worker = this.field() ? scanned(this.#form.user_email.value) : "";
    if (worker && !worker.includes("@")) {
      this.#onNumber(worker);
      return;
    }
    const { invoice_no } = this.#invoice;
    const body = { invoice_no };
    for (const name of ["user_email", "delivery_type", "courier_name", "tracking_no", "notes"]) {
      const value = name === "user_email" ? worker : this.#form[name].value.trim();
      if (value && !this.#form[name].closest("[hidden]")) body[name] = value;
    }
    if (deliveryStatus) body.delivery_status = deliveryStatus;
    await this.#send(this.#step.path, body, this.#form, find("step-problem"));
  }

  async #cancel() {
    if (!this.#step?.cancels) return;
    const body = { invoice_no: this.#invoice.invoice_no, reason: this.#cancelForm.reason.value.trim() };
    const email = scanned(this.#form.user_email.value);
    if (email) body.user_email = email;
    await this.#send(`${this.#step.cancels}/cancel`, body, this.#cancelForm, find("cancel-problem"));
  }

  async #send(path, body, form, problem) {
    if (this.#isBusy || this.#settled) return;
    this.#clearProblems();
    this.#showDone("");
    this.#isBusy = true;
    this.#enable();
    const { id, status } = this.#invoice;
    const isHere = () => this.#invoice?.id === id;
    try {
      const answer = await this.#withSignIn(() => send(`/api/sales/${path}/`, body));
      // The user closed the sign-in dialog.
      if (answer === null) return;
      if (body.user_email) remember("worker", body.user_email);
      if (!isHere()) return;
      this.#showDone(answer.message || "Done.");
      if (this.#invoice.status === status) this.#form.notes.value = "";
      setTimeout(() => isHere() && this.#invoice.status === status && this.#onDone(), STREAM_MS);
    } catch (error) {
      if (isHere()) this.#refuse(error, form, problem);
    } finally {
      this.#isBusy = false;
      this.#enable();
    }
  }

  /** Runs the request, and opens the sign-in dialog as often as the server requires it. Returns null if the user closes it. */
  async #withSignIn(ask) {
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
      const output = find(`${name}-problem`);
      if (!input || !output || input.closest("[hidden]")) elsewhere.push([words].flat().join(" "));
      else {
        output.textContent = [words].flat().join(" ");
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
    const output = input.name && find(`${input.name}-problem`);
    if (output) output.textContent = "";
    input.removeAttribute("aria-invalid");
  }

  #clearProblems() {
    for (const input of [...this.#form.elements, ...this.#cancelForm.elements]) this.#clearProblem(input);
    find("step-problem").textContent = find("cancel-problem").textContent = "";
  }

  #showDone(words) {
    write(find("done"), words, "");
  }

  #enable() {
    const isOff = this.#isBusy || Boolean(this.#settled);
    for (const button of [find("take"), find("still"), find("cancel-take")]) button.disabled = isOff;
  }
}

const part = (name) => find(name).closest(".part");
