// The words of the dashboard. Those that the books have, too, come from books-words.js. What the server says is shown as it comes. {name} stands
// for a value.

import { say as sayOfBooks, speak as speakWith } from "./books-words.js";

const WORDS = {
  rooms: "Your books", "sign-in-why": "These are the figures of your own books. Nobody else sees them.", "open-books": "New here? Open your books",
  updated: "The figures have changed.", "as-of": "As of {time}",

  "state-live": "Live", "state-connecting": "Connecting…", "state-waiting": "Not live. Connecting again…", "state-offline": "Offline. Not live.", "state-paused": "Paused",
  "is-stale": "{why} These are the figures of {time}.",

  period: "Period", daily: "Day", weekly: "Week", monthly: "Month", quarterly: "Quarter", yearly: "Year",
  "so-far": "So far, beside all of {before}", revenue: "Revenue", profit: "Profit", margin: "Margin",
  up: "up", down: "down", "change-of": "{way} {change}", "change-none": "unchanged", "before-nothing": "nothing before", from: "from {before}", points: "{change} pts", "no-revenue": "no revenue",

  "trend-title": "Revenue, expenses and profit", "trend-label": "Period to read", "as-table": "Show as a table", "trend-caption": "Revenue, expenses and profit of the last {count} periods",
  "reading-of": "{period}: revenue {revenue}, expenses {expenses}, profit {profit}",

  "owed-title": "Owed to you", outstanding: "Outstanding", "nothing-outstanding": "Nothing is owed to you.", "bucket-overdue": "Overdue", "bucket-soon": "Due within 7 days", "bucket-later": "Due later",
  "due-label": "What is due when: {parts}", "to-overdue": "All overdue invoices",

  "expenses-title": "Expenses by category", "revenue-title": "Revenue by client", "no-expenses-in": "No expenses in this period.", "no-revenue-in": "Nothing invoiced in this period.", "more-shares": "The other {count}",

  "clients-title": "Top clients", score: "Score {score}", "score-label": "Payment score {score} of 100", "risk-low": "Low risk", "risk-medium": "Some risk", "risk-high": "High risk", owing: "owes {amount}",
  "invoices-one": "1 invoice", "invoices-many": "{count} invoices", "no-invoices-in": "no invoices", "clients-note": "By revenue in this period",

  "metrics-title": "Key figures", "metrics-note": "The last 30 days, beside the 30 before", target: "Target {target}", "target-reached": "Target {target} reached",

  "projections-title": "Next three months", "projections-note": "What the last six months lead to expect", "no-history": "Projections appear here once you have sent invoices in the last six months.",
  confirmed: "Billed already", expected: "Expected", "billed-of": "{amount} of it billed already", confidence: "{percent} certain", average: "Monthly average so far: {amount}",

  "today-title": "Today", "score-title": "Performance score", "score-of": "{score} of 100", "no-alerts": "No alerts.", alerts: "Alerts",
  "today-revenue": "Revenue today", "today-expenses": "Expenses today", "today-profit": "Profit today", pending: "Waiting", overdue: "Overdue", "active-clients": "Active clients",
  "alert-critical-Daily Profit": "Today's profit is negative: {amount}", "alert-success-Daily Revenue": "Today's revenue is above yesterday's by {change}", "alert-success-Active Clients": "New active clients today: {change}",

  "welcome-title": "Your figures will appear here", "welcome-why": "As soon as your books have a first invoice or expense, this page shows, and keeps up to date:", "welcome-1": "revenue, expenses, profit and margin of the day, week, month, quarter and year",
  "welcome-2": "what is owed to you, and what is overdue", "welcome-3": "where your money comes from, and where it goes", "welcome-4": "your best clients, and how they pay", "welcome-5": "what the next months may bring", "to-books": "Open the books", "first-invoice": "Write an invoice", "first-expense": "Note an expense",

  export: "Export", "export-title": "Export your figures", "export-format": "File", "export-type": "Contents", "export-period": "Period", "with-charts": "With charts", "export-make": "Make the file", "export-making": "The file is being made…",
  "export-stage-waiting": "Waiting for its turn…", "export-stage-reading": "Reading the books…", "export-stage-writing": "Writing the file…", "export-stage-storing": "Storing the file…", "export-done": "{name} is saved.", "export-late": "The file is not ready yet. Please ask for it again later.",
  "format-xlsx": "Excel (XLSX)", "format-csv": "Table (CSV)", "format-pdf": "Document (PDF)", "type-overview": "Overview", "type-detailed": "Everything, in detail", "type-financial": "Periods, and what is owed", "type-clients": "Clients", "type-analytics": "Key figures and categories",
};

/** Returns the words by their name, with the values in their places. otherwise: for a name that is the server's, and may be new. */
export function say(name, values = {}, otherwise = undefined) {
  const words = WORDS[name];
  return words === undefined ? sayOfBooks(name, values, otherwise) : words.replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? "")).trim();
}

/** Writes the words into the elements that name them. */
export const speak = () => speakWith(say);
