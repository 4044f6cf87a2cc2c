// A quote or an invoice as its PDF shows it (handlers/books/paper_sheet.py), in HTML: it is shown while it is typed, and on every phone.

import { make, prose } from "./books-dom.js";
import { isSome, longDay, money, percent } from "./books-format.js";
import { say } from "./books-words.js";

const MARKS = ["draft", "paid", "overdue", "cancelled", "accepted", "rejected", "expired"];
// Of a list of lines while it is typed; more would make typing slow.
const MOST_LINES = 200;

/**
 * Returns the paper. document: as the API shows it; client: {name, company, address, tax_number}, or null; company: as of loadProfile(). isDraft: more
 * lines than fit in sight are left out.
 */
export function paperOf(kind, document, client, company, { isTyped = false } = {}) {
  const amount = (text) => money(text, company);
  return make("article", { class: "paper", "aria-label": say("paper"), data: { kind: kind.name } },
    make("header", { class: "paper-head" }, owner(company), title(kind, document)),
    make("div", { class: "paper-head" }, addressee(kind, client), dates(kind, document, amount)),
    document.title && make("p", { class: "paper-title", text: document.title }),
    table(document.line_items, amount, isTyped), sums(document, amount), payments(document, amount),
    texts("terms", document.terms), texts("notes", document.notes),
    company.footer && make("footer", { text: company.footer }));
}

function owner(company) {
  const reached = [company.phone, company.email, company.website].filter(Boolean).join("  ·  ");
  const logo = company.logo && make("img", { class: "logo", src: company.logo, alt: "", on: { error: (event) => event.target.remove() } });
  return make("div", {}, logo, company.name && make("p", { class: "paper-name", text: company.name }), company.address && prose(company.address, "prose soft"),
    reached && make("p", { class: "soft", text: reached }), company.tax_number && make("p", { class: "soft", text: `${say("tax-number")}: ${company.tax_number}` }));
}

function title(kind, document) {
  return make("div", { class: "right" }, make("p", { class: "paper-kind", text: say(kind.name).toUpperCase() }),
    document[kind.number] && make("p", { class: "paper-number", text: document[kind.number] }),
    MARKS.includes(document.status) && make("p", { class: "paper-mark", data: { status: document.status }, text: say(`status-${document.status}`).toUpperCase() }));
}

function addressee(kind, client) {
  if (!client) return make("div", {}, make("p", { class: "paper-label", text: say(`to-of-${kind.name}`) }), make("p", { class: "soft", text: say("no-client-yet") }));
  const [first, ...others] = [client.company, client.name].filter(Boolean);
  return make("div", {}, make("p", { class: "paper-label", text: say(`to-of-${kind.name}`) }), make("p", { class: "strong", text: first }),
    others.filter((name) => name !== first).map((name) => make("p", { text: name })), client.address && prose(client.address),
    client.tax_number && make("p", { text: `${say("tax-number")}: ${client.tax_number}` }));
}

function dates(kind, document, amount) {
  const [label, owed] = document.balance === undefined ? ["total", document.total_amount] : ["balance-due", document.balance];
  return make("dl", { class: "paper-facts" },
    pair(say("issue-date"), longDay(document.issue_date)), pair(say(kind.until), longDay(document[kind.until])),
    document.status !== "cancelled" && pair(say(label), amount(owed), "strong"));
}

function pair(term, text, kind = "") {
  return make("div", { class: kind }, make("dt", { text: term }), make("dd", { text }));
}

function table(lines, amount, isTyped) {
  const shown = isTyped ? lines.slice(0, MOST_LINES) : lines;
  const head = ["description", "quantity", "unit-price", "amount"].map((name, n) => make("th", { scope: "col", class: n ? "figure" : "", text: say(name) }));
  const rows = shown.map((line) => make("tr", {},
    make("td", { class: "what", text: line.description }), make("td", { class: "figure", text: quantity(line.quantity) }),
    make("td", { class: "figure", text: amount(line.unit_price) }), make("td", { class: "figure", text: amount(line.total) })));
  return [make("table", { class: "paper-lines" }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)),
    shown.length < lines.length && make("p", { class: "soft", text: say("more-lines", { count: lines.length - shown.length }) })];
}

const quantity = (number) => String(number).replace(/\B(?=(\d{3})+(?:\.|$))(?<!\.\d*)/g, ",");

function sums(document, amount) {
  const tax = isSome(document.tax_rate) ? say("tax-of", { rate: percent(document.tax_rate) }) : say("tax");
  const isPaidInPart = isSome(document.paid_amount);
  return make("dl", { class: "paper-sums" },
    pair(say("subtotal"), amount(document.subtotal)), pair(tax, amount(document.tax_amount)), pair(say("total"), amount(document.total_amount), "total"),
    isPaidInPart && [pair(say("paid"), amount(`-${document.paid_amount}`)), pair(say("balance-due"), amount(document.balance), "total")]);
}

function payments(document, amount) {
  if (!document.payments?.length) return null;
  return make("section", {}, make("p", { class: "paper-label", text: say("payments") }), make("table", { class: "paper-payments" }, make("tbody", {},
    document.payments.map((one) => make("tr", {}, make("td", { text: longDay(one.payment_date) }), make("td", { text: methodWords(one.payment_method) }),
      make("td", { text: one.reference }), make("td", { class: "figure", text: amount(one.amount) }))))));
}

/** Returns the payment method as words: "bank_transfer" is "Bank transfer". */
export function methodWords(method) {
  const words = String(method).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function texts(name, text) {
  return text && make("section", {}, make("p", { class: "paper-label", text: say(name) }), prose(text));
}
