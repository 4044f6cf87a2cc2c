// The first view: what is owed and overdue, what waits, and the buttons of the day.

import { get, isQuiet, wordsOf } from "./books-api.js";
import { paperRow, tile } from "./books-clients.js";
import { button, icon, linkButton, make } from "./books-dom.js";
import { count, money, monthName, sum, todayInUtc } from "./books-format.js";
import { KINDS } from "./books-kinds.js";
import { allKept, keep, newName } from "./books-memory.js";
import { choosePaid, owedInvoices } from "./books-payments.js";
import { dropPictures } from "./books-pictures.js";
import { failed, setTitle, waiting } from "./books-shell.js";
import { say } from "./books-words.js";

const SHOWN = 5;

export async function homeView(page) {
  setTitle(say("books"));
  const figures = make("div", { class: "figures" }, waiting(2));
  const lists = make("div", { class: "home-lists" });
  const refresh = () => homeView(page);
  page.outlet.replaceChildren(buttons(page, refresh), figures, unsaved(refresh), lists);
  try {
    const [owed, expenses, soon, drafts, quoteDrafts, accepted, statistics] = await Promise.all([
      owedInvoices(page.signal), get("/api/expenses/stats/", {}, page.signal), get("/api/quotes/expiring_soon/", {}, page.signal),
      get(KINDS.invoice.path, { status: "draft", page_size: SHOWN }, page.signal), get(KINDS.quote.path, { status: "draft", page_size: SHOWN }, page.signal),
      get(KINDS.quote.path, { status: "accepted", page_size: 20 }, page.signal), get("/api/invoices/statistics/", {}, page.signal),
    ]);
    if (page.signal.aborted) return;
    const overdue = owed.filter(({ status }) => status === "overdue");
    figures.replaceChildren(
      make("div", { class: "owed" },
        tile(say("is-owed"), money(statistics.financial.outstanding_value), "large"),
        tile(say("is-overdue"), money(statistics.performance.overdue_value), overdue.length ? "alarm" : "")),
      make("div", { class: "tiles" },
        tile(say("paid-30-days"), money(statistics.recent_activity.payments_value_last_30_days)),
        tile(say("spent-in", { month: monthName(todayInUtc()) }), money(expenses.this_month.total))));
    const waits = accepted.results.filter(({ invoice }) => !invoice);
    const sections = [
      section("overdue-ones", KINDS.invoice, overdue, "#/invoices?status=overdue", overdue.length),
      section("to-be-invoiced", KINDS.quote, waits, "#/quotes?status=accepted", waits.length),
      section("expire-soon", KINDS.quote, soon.quotes, "#/quotes?status=sent", soon.count),
      section("draft-invoices", KINDS.invoice, drafts.results, "#/invoices?status=draft", drafts.count),
      section("draft-quotes", KINDS.quote, quoteDrafts.results, "#/quotes?status=draft", quoteDrafts.count),
      section("due-next", KINDS.invoice, owed.filter(({ status }) => status !== "overdue"), "#/invoices?status=sent", owed.length - overdue.length),
    ].filter(Boolean);
    lists.replaceChildren(...(sections.length ? sections : [welcome()]));
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    figures.replaceChildren();
    lists.replaceChildren(failed(wordsOf(error), refresh));
  }
}

function buttons(page, refresh) {
  const big = (words, href, image, kind = "") => make("a", { class: `big-button ${kind}`, href }, icon(image), make("span", { text: words }));
  return make("div", { class: "big-buttons" },
    big(say("new-invoice"), `#/invoices/new?draft=${newName()}`, "invoice", "primary"), big(say("new-quote"), `#/quotes/new?draft=${newName()}`, "file"),
    big(say("snap-expense"), `#/expenses/new?draft=${newName()}`, "camera"),
    make("button", { type: "button", class: "big-button", on: { click: () => choosePaid({ signal: page.signal, onPaid: refresh }) } }, icon("coins"), make("span", { text: say("record-payment") })));
}

/** What was typed on this device and is not saved. */
function unsaved(refresh) {
  const found = allKept().filter(([, { label }]) => label);
  if (!found.length) return "";
  const drop = (name) => {
    keep(name, null);
    dropPictures(name);
    refresh();
  };
  return make("section", { class: "unsaved", "aria-label": say("unsaved") }, make("h2", { text: say("unsaved") }), make("ul", { class: "rows", role: "list" }, found.map(([name, { label, hash }]) => make("li", { class: "unsaved-row" },
    make("a", { class: "row", href: hash }, icon("edit"), make("span", { class: "row-text" }, make("strong", { text: label }), make("span", { class: "note", text: say("go-on") }))),
    button(say("drop", { name: label }), { icon: "bin", unseen: true, class: "plain bare", on: { click: () => drop(name) } })))));
}

function section(words, kind, papers, href, all) {
  if (!papers.length) return null;
  const total = sum(papers.map(({ balance, total_amount: amount }) => balance ?? amount));
  return make("section", { data: { section: words } },
    make("h2", {}, say(words), " ", make("span", { class: "count", text: count(all) }), papers.length === all && make("span", { class: "sum", text: money(total) })),
    make("ul", { class: "rows", role: "list" }, papers.slice(0, SHOWN).map((paper) => make("li", {}, paperRow(kind, paper)))),
    all > SHOWN && linkButton(say("all", { count: count(all) }), href, { class: "link" }));
}

function welcome() {
  return make("div", { class: "none welcome" }, make("h2", { text: say("all-quiet") }), make("p", { text: say("welcome") }),
    make("p", { class: "none-actions" }, linkButton(say("add-first-client"), "#/clients?new", { icon: "add" }), linkButton(say("your-company"), "#/settings", { icon: "edit" })));
}
