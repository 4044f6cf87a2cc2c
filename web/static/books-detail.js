// A quote or an invoice: what it says, what has become of it, and what can be done with it.

import { get, isQuiet, Missing, read, wordsOf } from "./books-api.js";
import { actionsOf } from "./books-actions.js";
import { facts, linkButton, make, none } from "./books-dom.js";
import { day, isSome, money } from "./books-format.js";
import { isOwed, stateOf } from "./books-kinds.js";
import { mailsOf } from "./books-mails.js";
import { unmarkSaved } from "./books-memory.js";
import { paperOf } from "./books-paper.js";
import { payInvoice, paymentsOf } from "./books-payments.js";
import { pdfButtons } from "./books-pdf.js";
import { loadProfile } from "./books-profile.js";
import { failed, setTitle, waiting } from "./books-shell.js";
import { say } from "./books-words.js";

export async function detailView(page) {
  const { kind, id, signal } = page;
  setTitle(say(kind.name), `#/${kind.room}`);
  if (!page.outlet.firstChild) page.outlet.replaceChildren(waiting());
  try {
    const [{ document: paper, etag }, { company }] = await Promise.all([read(`${kind.path}${id}/`, signal), loadProfile()]);
    const client = await get(`/api/clients/${paper.client}/`, {}, signal);
    if (!signal.aborted) show(page, { kind, paper, etag, client, company, refresh: () => detailView(page) });
  } catch (error) {
    if (signal.aborted || isQuiet(error)) return;
    page.outlet.replaceChildren(error instanceof Missing ? none(error.message) : failed(wordsOf(error), () => detailView(page)));
  }
}

function show(page, shown) {
  const { kind, paper, client, company } = shown;
  setTitle(paper[kind.number], `#/${kind.room}`);
  unmarkSaved(page.hash);
  const left = make("div", { class: "detail-side" }, summary(shown), actionsOf(page, shown), kind.name === "invoice" && paymentsOf(page, shown), mailsOf(page, shown), related(shown));
  page.outlet.replaceChildren(make("div", { class: "detail" }, left, make("div", { class: "detail-paper" },
    paperOf(kind, paper, client, company), pdfButtons(shown))));
  if (!page.query.has("pay")) return;
  page.setQuery(new URLSearchParams());
  if (isOwed(paper)) payInvoice(paper, { signal: page.signal, onPaid: shown.refresh });
}

function summary({ kind, paper, client }) {
  const owed = kind.name === "invoice" && isOwed(paper);
  const paid = isSome(paper.paid_amount);
  return make("section", { class: "card summary", data: { status: paper.status } },
    make("p", { class: "summary-head" }, stateOf(kind, paper)),
    make("p", { class: "big" }, make("span", { class: "note", text: say(owed ? "to-be-paid" : "total") }), make("strong", { text: money(owed ? paper.balance : paper.total_amount) })),
    paid && make("progress", { class: "paid-part", max: paper.total_amount, value: paper.paid_amount, "aria-label": say("paid") }),
    paid && make("p", { class: "note", text: say("paid-of", { paid: money(paper.paid_amount), total: money(paper.total_amount) }) }),
    make("a", { class: "row client-row", href: `#/clients/${client.id}` },
      make("span", { class: "initial", "aria-hidden": "true", text: [...client.name][0]?.toUpperCase() ?? "" }),
      make("span", { class: "row-text" }, make("strong", { text: client.name }), make("span", { class: "note", text: client.email || client.phone || say("no-email") }))));
}

/** What has become of the paper, and the paper that it was made of or that was made of it. */
function related({ paper }) {
  const link = (room, id, words) => id && linkButton(words, `#/${room}/${id}`, { class: "link" });
  const found = facts([
    [say("sent-at"), day(paper.sent_at)], [say("paid-at"), day(paper.paid_at)],
    [say("its-quote"), link("quotes", paper.source_quote, say("show-quote"))], [say("its-invoice"), link("invoices", paper.invoice, say("show-invoice"))],
  ]);
  return found.children.length > 0 && make("section", { class: "card" }, found);
}
