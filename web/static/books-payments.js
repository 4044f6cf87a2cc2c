// Payments of an invoice: the list, the form, and the choice of an invoice for a payment that has come.

import { get, isQuiet, Missing, send, wordsOf } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { field, formFoot, KeptForm } from "./books-form.js";
import { day, money, today, typedNumber } from "./books-format.js";
import { dueWords, isOwed, KINDS } from "./books-kinds.js";
import { forgetPlaces } from "./books-list.js";
import { methodWords } from "./books-paper.js";
import { confirm, failed, openSheet, tell, waiting } from "./books-shell.js";
import { say } from "./books-words.js";

const METHODS = ["bank_transfer", "cash", "credit_card", "cheque", "other"];
const MOST_OWED = 100;

/** Returns the payments of the invoice, each of which can be removed. */
export function paymentsOf(page, { paper, refresh }) {
  if (!paper.payments.length) return null;
  const rows = paper.payments.map((payment) => make("li", { class: "payment" },
    make("span", { class: "row-text" }, make("strong", { text: money(payment.amount) }),
      make("span", { class: "note", text: [day(payment.payment_date), methodWords(payment.payment_method), payment.reference].filter(Boolean).join(" · ") })),
    button(say("remove-payment", { amount: money(payment.amount) }), { icon: "bin", unseen: true, class: "plain bare", on: { click: () => remove(page, paper, payment, refresh) } })));
  return make("section", {}, make("h2", { text: say("payments") }), make("ul", { class: "rows", role: "list" }, rows));
}

async function remove(page, paper, payment, refresh) {
  const amount = money(payment.amount);
  if (!(await confirm(say("remove-payment", { amount }), say("remove-payment-why"), say("remove"), { isDanger: true }))) return;
  try {
    await send("DELETE", `${KINDS.invoice.path}${paper.id}/payments/${payment.id}/`);
    tell(say("payment-removed", { amount }));
  } catch (error) {
    if (isQuiet(error)) return;
    if (!(error instanceof Missing)) tell(wordsOf(error), { isWrong: true });
  }
  forgetPlaces();
  if (!page.signal.aborted) refresh();
}

/** Opens the form of a payment of this invoice. onPaid(): the server has it. */
export function payInvoice(invoice, { signal, onPaid }) {
  const form = make("form", { class: "fields", autocomplete: "off" },
    make("p", { class: "wide paid-what" }, make("strong", { text: `${invoice.invoice_number} · ${invoice.client_name}` }), make("span", { class: "note", text: say("balance-is", { amount: money(invoice.balance) }) })),
    field("amount", say("amount"), { inputmode: "decimal", maxlength: "14", autofocus: true, class: "large" }),
    make("div", { class: "wide pair" }, field("payment_date", say("payment-date"), { type: "date" }), field("payment_method", say("payment-method"), { choices: METHODS.map((method) => [method, methodWords(method)]) })),
    field("reference", say("reference"), { maxlength: "100" }),
    ...formFoot(button(say("save-payment"), { type: "submit", class: "", icon: "check" })));
  const leaving = new AbortController();
  signal.addEventListener("abort", () => leaving.abort());
  let sheet = null;
  new KeptForm(form, {
    name: `payment-${invoice.id}`, label: say("unsaved-payment", { name: invoice.invoice_number }), hash: `#/invoices/${invoice.id}?pay`, signal: leaving.signal,
    initial: { amount: invoice.balance, payment_date: today(), payment_method: METHODS[0], reference: "" },
    request: (values) => ({ method: "POST", path: `${KINDS.invoice.path}${invoice.id}/payments/`, body: { ...values, amount: typedNumber(values.amount) } }),
    saved: () => {
      forgetPlaces();
      tell(say("payment-saved", { name: invoice.invoice_number }));
      sheet?.close("saved");
      onPaid();
    },
  });
  sheet = openSheet({ title: say("record-payment"), content: form, onClose: () => leaving.abort() });
  form.elements.amount.select();
}

/** Asks which invoice was paid, those that are overdue first, and opens the form of its payment. */
export function choosePaid({ signal, onPaid }) {
  const search = make("input", { type: "search", placeholder: say("search-invoices"), "aria-label": say("search-invoices"), maxlength: "100", autofocus: true, on: { input: () => show() } });
  const list = make("ul", { class: "rows", role: "list" });
  const foot = make("div", {}, waiting(3));
  const sheet = openSheet({ title: say("which-paid"), content: make("div", { class: "which" }, search, list, foot) });
  let owed = [];
  function show() {
    const words = search.value.toLowerCase().split(/\s+/);
    const found = owed.filter((one) => words.every((word) => `${one.client_name} ${one.invoice_number} ${one.title} ${one.balance}`.toLowerCase().includes(word)));
    list.replaceChildren(...found.map((one) => make("li", {}, make("button", { type: "button", class: "row paper-row", data: { status: one.status }, on: { click: () => {
      sheet.close();
      payInvoice(one, { signal, onPaid });
    } } }, make("span", { class: "row-text" }, make("strong", { text: one.client_name }), make("span", { class: "note", text: [one.invoice_number, one.title].filter(Boolean).join(" · ") })),
    make("span", { class: "row-figures" }, make("strong", { text: money(one.balance) }), make("span", { class: "note due", text: dueWords(KINDS.invoice, one) }))))));
    foot.replaceChildren(found.length ? "" : make("p", { class: "none", text: say("nothing-owed") }));
  }
  async function load() {
    try {
      owed = await owedInvoices(signal);
      show();
    } catch (error) {
      if (!isQuiet(error)) foot.replaceChildren(failed(wordsOf(error), load));
    }
  }
  load();
}

/** Returns the invoices for which money is expected, the one that was due first at the head. */
export async function owedInvoices(signal) {
  const pages = await Promise.all(["overdue", "partial", "sent"].map((status) => get(KINDS.invoice.path, { status, ordering: "due_date", page_size: MOST_OWED }, signal)));
  return pages.flatMap(({ results }) => results).filter(isOwed).sort((one, other) => one.due_date.localeCompare(other.due_date));
}
