// Expenses: the list by months, and one expense with its receipts.

import { attempt, ask, get, isQuiet, Missing, perform, read, Refused, send, wordsOf } from "./books-api.js";
import { button, facts, icon, linkButton, make, none, prose } from "./books-dom.js";
import { day, isSome, money, month, shortDay, size } from "./books-format.js";
import { badge } from "./books-kinds.js";
import { emptyList, forgetPlaces, List, listHead } from "./books-list.js";
import { newName, unmarkSaved } from "./books-memory.js";
import { save } from "./books-pdf.js";
import { receiptsOf } from "./books-receipts.js";
import { confirm, failed, go, setTitle, tell, waiting } from "./books-shell.js";
import { uploadOf } from "./books-uploads.js";
import { say } from "./books-words.js";

export const EXPENSES = "/api/expenses/";
export const CATEGORIES = ["office", "travel", "meals", "software", "marketing", "other"];

export function expensesView(page) {
  setTitle(say("expenses"));
  const fresh = `#/expenses/new?draft=${newName()}`;
  const list = new List(page, {
    path: EXPENSES, filters: () => head.value(), row, empty: emptyList(say("no-expenses"), linkButton(say("new-expense"), fresh, { icon: "camera", class: "" })),
    group: { key: ({ expense_date: date }) => date.slice(0, 7), words: ({ expense_date: date }) => month(date), amount: ({ amount }) => amount },
  });
  const head = listHead(page, {
    hint: say("search-expenses"), chip: "category", chips: [["", say("all-of-them")], ...CATEGORIES.map((one) => [one, say(`category-${one}`)])],
    onChange: (isTyping) => (isTyping ? list.loadSoon() : list.load()),
  });
  page.outlet.append(head.element, list.element, linkButton(say("new-expense"), fresh, { icon: "camera", class: "new" }));
  list.load(page);
}

function row(expense) {
  const note = [shortDay(expense.expense_date), say(`category-${expense.category}`), expense.vendor].filter(Boolean).join(" · ");
  return make("a", { class: "row", href: `#/expenses/${expense.id}` },
    make("span", { class: "row-text" }, make("strong", { text: expense.description }), make("span", { class: "note", text: note })),
    make("span", { class: "row-figures" }, make("strong", { text: money(expense.amount) }),
      make("span", { class: "note" }, expense.attachments.length > 0 && [icon("file"), make("span", { class: "unseen", text: say("has-receipt") })], expense.is_billable && make("span", { class: "badge", data: { status: "sent" }, text: say("billable") }),
        expense.status !== "pending" && badge(expense.status))));
}

export async function expenseView(page) {
  const path = `${EXPENSES}${page.id}/`;
  setTitle(say("expense"), "#/expenses");
  if (!page.outlet.firstChild) page.outlet.replaceChildren(waiting());
  const upload = uploadOf(Number(page.id));
  const { done } = upload;
  try {
    const { document: expense, etag } = await read(path, page.signal);
    const client = expense.client && (await get(`/api/clients/${expense.client}/`, {}, page.signal));
    if (page.signal.aborted) return;
    show(page, { expense, etag, client });
    // A receipt that was uploaded during the read may be missing in the answer, and its event came before the view listened.
    if (upload.done !== done) expenseView(page);
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    page.outlet.replaceChildren(error instanceof Missing ? none(error.message) : failed(wordsOf(error), () => expenseView(page)));
  }
}

function show(page, { expense, etag, client }) {
  setTitle(expense.description, "#/expenses");
  unmarkSaved(page.hash);
  const refresh = () => expenseView(page);
  const decide = (step, image) => button(say(`do-${step}`), { icon: image, on: { click: (event) => move(page, expense, etag, step, event.currentTarget) } });
  const receipts = receiptsOf({ expense, signal: page.signal, onUploaded: refresh });
  page.outlet.replaceChildren(make("div", { class: "detail expense" },
    make("div", { class: "detail-side" },
      make("section", { class: "card summary" },
        make("p", { class: "summary-head" }, badge(expense.status), expense.is_billable && make("span", { class: "badge", data: { status: "sent" }, text: say("billable") })),
        make("p", { class: "big" }, make("span", { class: "note", text: day(expense.expense_date) }), make("strong", { text: money(expense.amount) })),
        facts([
          [say("category"), say(`category-${expense.category}`)], [say("vendor"), expense.vendor], [say("receipt-number"), expense.receipt_number],
          [say("tax-in-it"), isSome(expense.tax_amount) && money(expense.tax_amount)], [say("billed-to"), client && make("a", { href: `#/clients/${client.id}`, text: client.name })],
          [say("notes"), expense.notes && prose(expense.notes)],
        ])),
      make("p", { class: "actions" },
        linkButton(say("edit"), `#/expenses/${expense.id}/edit`, { icon: "edit" }),
        expense.status === "pending" && [decide("approve", "check"), decide("reject-expense", "stop")], expense.status === "approved" && decide("reimburse", "coins"),
        button(say("delete"), { icon: "bin", class: "danger", on: { click: () => remove(page, expense, etag) } }))),
    make("section", { class: "receipts" }, make("h2", { text: say("receipts") }),
      make("ul", { class: "attachments", role: "list" }, expense.attachments.map((one) => make("li", {}, attachment(page, one, refresh)))), receipts)));
}

function attachment(page, one, refresh) {
  const isPicture = one.content_type.startsWith("image/");
  const picture = isPicture && make("img", { alt: one.filename, loading: "lazy" });
  // The picture comes with the token of the session, so it is no address that somebody else could open.
  if (picture) showPicture(picture, one, page.signal);
  return [
    make("div", { class: "attachment-picture" }, picture || icon("file")),
    make("p", { class: "attachment-name" }, make("strong", { text: one.filename }), make("span", { class: "note", text: size(one.file_size) })),
    button(say("save-file", { name: one.filename }), { icon: "save", unseen: true, class: "plain bare", on: { click: (event) => save(event.currentTarget, downloadPath(one), one.filename, "*/*") } }),
    button(say("remove-file", { name: one.filename }), { icon: "bin", unseen: true, class: "plain bare", on: { click: () => removeFile(page, one, refresh) } }),
  ];
}

const downloadPath = ({ id }) => `${EXPENSES}attachments/${id}/download/`;

async function showPicture(picture, one, signal) {
  try {
    const blob = await (await ask(downloadPath(one), { signal })).blob();
    if (signal.aborted) return;
    picture.src = URL.createObjectURL(blob);
    signal.addEventListener("abort", () => URL.revokeObjectURL(picture.src));
  } catch (error) {
    if (!isQuiet(error)) picture.replaceWith(icon("file"));
  }
}

async function removeFile(page, one, refresh) {
  if (!(await confirm(say("remove-file", { name: one.filename }), say("remove-file-why"), say("remove"), { isDanger: true }))) return;
  await send("DELETE", `${EXPENSES}attachments/${one.id}/`).catch((error) => {
    if (!isQuiet(error) && !(error instanceof Missing)) tell(wordsOf(error), { isWrong: true });
  });
  if (!page.signal.aborted) refresh();
}

async function move(page, expense, etag, step, pressed) {
  pressed.disabled = true;
  try {
    await perform(attempt("POST", `${EXPENSES}${expense.id}/${step.replace("-expense", "")}/`, undefined, etag), { isWanted: () => !page.signal.aborted });
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    if (!(error.tries && error instanceof Refused)) tell(wordsOf(error), { isWrong: true });
  }
  forgetPlaces();
  if (!page.signal.aborted) expenseView(page);
}

async function remove(page, expense, etag) {
  if (!(await confirm(say("delete"), say("delete-why", { name: expense.description }), say("delete"), { isDanger: true }))) return;
  try {
    await send("DELETE", `${EXPENSES}${expense.id}/`, undefined, { etag });
  } catch (error) {
    if (isQuiet(error)) return;
    if (!(error instanceof Missing)) {
      tell(wordsOf(error), { isWrong: true });
      if (!page.signal.aborted) expenseView(page);
      return;
    }
  }
  forgetPlaces();
  tell(say("deleted", { name: expense.description }));
  go("#/expenses", { replace: true });
}
