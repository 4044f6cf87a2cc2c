// The two kinds of papers, quotes and invoices: where the API has them, and how they differ.

import { make } from "./books-dom.js";
import { daysBetween, isSome, shortDay, todayInUtc } from "./books-format.js";
import { say } from "./books-words.js";

export const KINDS = {
  quote: {
    name: "quote", room: "quotes", path: "/api/quotes/", number: "quote_number", until: "expiry_date",
    statuses: ["draft", "sent", "accepted", "rejected", "expired"],
  },
  invoice: {
    name: "invoice", room: "invoices", path: "/api/invoices/", number: "invoice_number", until: "due_date",
    statuses: ["draft", "sent", "overdue", "partial", "paid", "cancelled"],
  },
};

/** Whether money is still expected for the invoice. */
export const isOwed = ({ status, balance }) => ["sent", "partial", "overdue"].includes(status) && isSome(balance);

/** Returns the state of a paper as people read it in a list: an invoice says how long it is overdue, others say what their day means beside it. */
export function stateOf(kind, paper) {
  const due = dueWords(kind, paper);
  if (paper.status === "overdue" && due) return [make("span", { class: "badge", data: { status: "overdue" }, text: due })];
  return [due && make("span", { class: "due", text: due }), badge(paper.status)].filter(Boolean);
}

export function badge(status) {
  return make("span", { class: "badge", data: { status }, text: say(`status-${status}`, {}, status) });
}

/** Returns what the day of a paper means today: "8 days overdue", "due in 3 days", "expires today"; "" if it doesn't matter any more. */
export function dueWords(kind, paper) {
  const days = daysBetween(todayInUtc(), paper[kind.until]);
  if (kind.name === "invoice" && ["sent", "partial", "overdue"].includes(paper.status)) {
    if (days < 0) return say("overdue-by", { days: say.days(-days) });
    return days === 0 ? say("due-today") : days <= 14 ? say("due-in", { days: say.days(days) }) : say("due-on", { day: shortDay(paper.due_date) });
  }
  if (kind.name === "quote" && paper.status === "sent") {
    return days <= 0 ? say("expires-today") : days <= 14 ? say("expires-in", { days: say.days(days) }) : say("expires-on", { day: shortDay(paper.expiry_date) });
  }
  return "";
}

/** Returns what is to be paid, or what the paper is worth. */
export const worth = (kind, paper) => (kind.name === "invoice" && isOwed(paper) ? paper.balance : paper.total_amount);
