// What a whole consists of: expenses by category, revenue by client, and what is owed by when it is due.

import { make } from "./books-dom.js";
import { isSome, sum } from "./books-format.js";
import { dueWords, KINDS } from "./books-kinds.js";
import { amount, perCent } from "./dashboard-format.js";
import { bar } from "./dashboard-svg.js";
import { say } from "./dashboard-words.js";

// Shares that are shown before the others are asked for.
const SHOWN = 6;

/** Returns the list of shares, the largest first. kind: the class of the bars. nameOf(name): the words for one. */
export function shares(items, kind, nothing, nameOf = (name) => name) {
  if (!items.length) return [make("p", { class: "note nothing", text: nothing })];
  const row = ({ name, value, percentage }) => make("li", { class: "share", data: { name } },
    make("span", { class: "share-name", text: nameOf(name) }), make("span", { class: "share-amount" }, make("b", { text: amount(value) }), make("span", { class: "note", text: perCent(percentage) })), bar([[percentage, kind]]));
  const rest = items.slice(SHOWN);
  return [
    make("ul", { class: "shares", role: "list" }, items.slice(0, SHOWN).map(row)),
    rest.length > 0 && make("details", { class: "more-shares" }, make("summary", { text: say("more-shares", { count: rest.length }) }), make("ul", { class: "shares", role: "list" }, rest.map(row))),
  ].filter(Boolean);
}

/** Returns what is owed: the sum, a bar of what is due when, and the invoices that come first. */
export function owed({ overview, stats, soon, late }) {
  const outstanding = overview.outstanding_amount;
  if (!isSome(outstanding)) return [make("p", { class: "note nothing", text: say("nothing-outstanding") })];
  const later = sum([outstanding, negative(stats.overdue_amount), negative(soon.total_amount)]);
  // The three were not read in the same moment. Until they agree again, nothing is left over.
  const buckets = [["overdue", stats.overdue_amount], ["soon", soon.total_amount], ["later", later.startsWith("-") ? "0.00" : later]];
  const whole = Number(outstanding);
  const parts = buckets.map(([name, text]) => [(Number(text) / whole) * 100, name]);
  const spoken = buckets.map(([name, text]) => `${say(`bucket-${name}`)} ${amount(text)}`).join(", ");
  return [
    make("p", { class: "owed-sum" }, make("strong", { text: amount(outstanding) }), make("span", { class: "note", text: say("outstanding") })),
    bar(parts, say("due-label", { parts: spoken })),
    make("dl", { class: "buckets" }, buckets.map(([name, text]) => make("div", { class: `key ${name}`, data: { bucket: name } }, make("dt", { text: say(`bucket-${name}`) }), make("dd", { text: amount(text) })))),
    invoices([...late, ...soon.invoices].slice(0, 4)),
  ].filter(Boolean);
}

const negative = (text) => (isSome(text) ? `-${text}` : text);

function invoices(found) {
  if (!found.length) return null;
  return make("ul", { class: "plain-rows", role: "list" }, found.map((invoice) => make("li", {}, make("a", { class: "plain-row", href: `/books/#/invoices/${invoice.id}`, data: { status: invoice.status } },
    make("span", {}, make("strong", { text: invoice.client_name }), make("strong", { text: amount(invoice.balance) })),
    make("span", { class: "note" }, make("span", { text: invoice.invoice_number }), make("span", { class: "due", text: dueWords(KINDS.invoice, invoice) }))))));
}
