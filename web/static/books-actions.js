// What can be done with a quote or an invoice in its state.

import { attempt, Changed, isQuiet, Missing, perform, Refused, send, wordsOf } from "./books-api.js";
import { button, linkButton, make } from "./books-dom.js";
import { isOwed } from "./books-kinds.js";
import { forgetPlaces } from "./books-list.js";
import { keep, kept } from "./books-memory.js";
import { payInvoice } from "./books-payments.js";
import { confirm, go, tell } from "./books-shell.js";
import { say } from "./books-words.js";

// An answer that is older may have been forgotten by the server.
const KEPT_MS = 23 * 3_600_000;

/** Returns the buttons of a paper. shown: {kind, paper, etag, client, refresh}. */
export function actionsOf(page, shown) {
  const { kind, paper } = shown;
  const act = (name, options) => button(say(`do-${name}`), { ...options, on: { click: (event) => ACTS[name](page, shown, event.currentTarget) } });
  const edit = linkButton(say("edit"), `#/${kind.room}/${paper.id}/edit`, { icon: "edit" });
  const more = [act("duplicate", { icon: "copy" })];
  if (paper.status === "draft" || (kind.name === "quote" && paper.status === "rejected")) more.push(act("delete", { icon: "bin", class: "danger" }));
  const first = kind.name === "quote" ? ofQuote(paper, act, edit) : ofInvoice(paper, act, edit);
  return make("section", { class: "acts", "aria-label": say("actions") }, make("p", { class: "actions" }, first, more));
}

function ofQuote(paper, act, edit) {
  const primary = { class: "" };
  const invoice = paper.invoice ? linkButton(say("show-invoice"), `#/invoices/${paper.invoice}`, { icon: "invoice", class: "" }) : act("convert", { ...primary, icon: "invoice" });
  return {
    draft: [act("send", { ...primary, icon: "send" }), edit],
    sent: [act("accept", { ...primary, icon: "check" }), act("reject", { icon: "stop" })],
    accepted: [invoice, !paper.invoice && act("reject", { icon: "stop" })],
  }[paper.status] ?? [];
}

function ofInvoice(paper, act, edit) {
  if (paper.status === "draft") return [act("send", { class: "", icon: "send" }), edit];
  if (!isOwed(paper)) return [];
  return [act("pay", { class: "", icon: "coins" }), act("paid", { icon: "check" }), Number(paper.paid_amount) ? null : act("cancel", { icon: "stop" })];
}

const ACTS = {
  async send(page, shown, pressed) {
    const { client, paper, kind } = shown;
    const words = client.email ? say("send-why", { email: client.email }) : say("send-without", { name: client.name });
    if (await confirm(say("send-what", { name: paper[kind.number] }), words, say("do-send"))) move(page, shown, pressed, "send");
  },
  accept: (page, shown, pressed) => move(page, shown, pressed, "accept"),
  async reject(page, shown, pressed) {
    if (await confirm(say("do-reject"), say("reject-why"), say("do-reject"), { isDanger: true })) move(page, shown, pressed, "reject");
  },
  async cancel(page, shown, pressed) {
    if (await confirm(say("cancel-what", { name: shown.paper.invoice_number }), say("cancel-why"), say("cancel-invoice"), { isDanger: true })) move(page, shown, pressed, "cancel");
  },
  async paid(page, shown, pressed) {
    if (await confirm(say("do-paid"), say("paid-why"), say("do-paid"))) move(page, shown, pressed, "mark_paid");
  },
  pay: (page, shown) => payInvoice(shown.paper, { signal: page.signal, onPaid: shown.refresh }),
  convert: (page, shown, pressed) => makeOf(page, shown, pressed, "convert_to_invoice", ({ invoice }) => `#/invoices/${invoice.id}`),
  duplicate: (page, shown, pressed) => makeOf(page, shown, pressed, "duplicate", (made) => `#/${shown.kind.room}/${made[`duplicate_${shown.kind.name}`].id}/edit`),
  async delete(page, { kind, paper, etag, refresh }) {
    if (!(await confirm(say("do-delete"), say("delete-why", { name: paper[kind.number] }), say("do-delete"), { isDanger: true }))) return;
    try {
      await send("DELETE", `${kind.path}${paper.id}/`, undefined, { etag });
    } catch (error) {
      if (isQuiet(error)) return;
      // It is gone already, or the answer to an earlier try was lost.
      if (!(error instanceof Missing)) {
        tell(wordsOf(error), { isWrong: true });
        refresh();
        return;
      }
    }
    forgetPlaces();
    keep(`${kind.name}-${paper.id}`, null);
    tell(say("deleted", { name: paper[kind.number] }));
    go(`#/${kind.room}`, { replace: true });
  },
};

/** Moves the paper to another state, and shows it. */
async function move(page, { kind, paper, etag, refresh }, pressed, step) {
  pressed.disabled = true;
  try {
    const { document } = await perform(attempt("POST", `${kind.path}${paper.id}/${step}/`, undefined, etag), { isWanted: () => !page.signal.aborted, onWait: waitFor(pressed) });
    tell(document.message ?? say("done"));
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    // Without the answer to the first try, the second one is refused because the first has done it; what is shown next tells.
    if (!(error.tries && (error instanceof Refused || error instanceof Changed))) tell(wordsOf(error), { isWrong: true });
  }
  forgetPlaces();
  if (!page.signal.aborted) refresh();
}

/** Makes something of the paper once, and goes there. The request is kept, so that a reload can't make a second one. */
async function makeOf(page, { kind, paper, refresh }, pressed, step, where) {
  const name = `act-${kind.name}-${paper.id}-${step}`;
  const before = kept(name)?.attempt;
  const attempted = before && Date.now() - before.at < KEPT_MS ? before : attempt("POST", `${kind.path}${paper.id}/${step}/`, {});
  pressed.disabled = true;
  keep(name, { attempt: attempted });
  try {
    const { document } = await perform(attempted, { isWanted: () => !page.signal.aborted, onWait: waitFor(pressed) });
    keep(name, null);
    forgetPlaces();
    if (document.message) tell(document.message);
    go(where(document));
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    keep(name, null);
    tell(wordsOf(error), { isWrong: true });
    refresh();
  }
}

const waitFor = (pressed) => (tries) => { pressed.querySelector("span").textContent = say("trying-short", { tries }); };
