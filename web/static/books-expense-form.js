// The form of an expense: a picture of its receipt, the amount, and what it was for. The expense is saved first, and its receipts then.

import { Changed, get, isQuiet, Missing, read, wordsOf } from "./books-api.js";
import { settle } from "./books-conflict.js";
import { button, make, none } from "./books-dom.js";
import { CATEGORIES, EXPENSES } from "./books-expenses.js";
import { check, field, fill, formFoot, KeptForm } from "./books-form.js";
import { today, typedNumber } from "./books-format.js";
import { forgetPlaces } from "./books-list.js";
import { kept, newName } from "./books-memory.js";
import { ClientPicker } from "./books-picker.js";
import { dropPictures, keepPictures, keptPictures } from "./books-pictures.js";
import { cameraButton, pictureOf } from "./books-receipts.js";
import { failed, go, setTitle, tell, waiting } from "./books-shell.js";
import { queueReceipts } from "./books-uploads.js";
import { say } from "./books-words.js";

const EDITED = ["description", "amount", "expense_date", "category", "vendor", "tax_amount", "receipt_number", "is_billable", "client", "notes"];

export async function expenseForm(page) {
  const { id, query, signal } = page;
  setTitle(say(id ? "edit-expense" : "new-expense"), id ? `#/expenses/${id}` : "#/expenses");
  if (!id && !query.get("draft")) {
    query.set("draft", newName());
    page.setQuery(query);
  }
  page.outlet.replaceChildren(waiting());
  const name = id ? `expense-${id}` : `expense-new-${query.get("draft")}`;
  try {
    const found = id ? await read(`${EXPENSES}${id}/`, signal) : { document: null, etag: "" };
    const client = found.document?.client && (await get(`/api/clients/${found.document.client}/`, {}, signal));
    const pictures = await keptPictures(name);
    const { savedAs } = kept(name) ?? {};
    if (savedAs && !signal.aborted) {
      go(savedAs, { replace: true });
      return;
    }
    if (!signal.aborted) show(page, name, found, client, pictures);
  } catch (error) {
    if (signal.aborted || isQuiet(error)) return;
    page.outlet.replaceChildren(error instanceof Missing ? none(error.message) : failed(wordsOf(error), () => expenseForm(page)));
  }
}

function show(page, name, { document: expense, etag: found }, client, pictures) {
  let base = kept(name)?.base ?? expense;
  let etag = kept(name)?.etag ?? found;
  const shots = make("ul", { class: "attachments", role: "list" });
  const showShots = () => shots.replaceChildren(...pictures.map((picture) => pictureOf(picture, page.signal, button(say("drop-receipt"), { icon: "bin", unseen: true, class: "plain bare", on: { click: () => setPictures(pictures.filter((one) => one !== picture)) } }))));
  const setPictures = (changed) => {
    pictures = changed;
    if (pictures.length) keepPictures(name, pictures);
    else dropPictures(name);
    showShots();
    sent.keep();
  };
  const picker = new ClientPicker({ label: say("billed-to"), signal: page.signal, isOptional: true, onChange: () => sent.keep() });
  const form = make("form", { class: "fields expense-form", autocomplete: "off" },
    make("div", { class: "wide" }, shots, cameraButton((made) => setPictures([...pictures, ...made]), { isLarge: true })),
    make("div", { class: "wide pair" }, field("amount", say("amount"), { inputmode: "decimal", maxlength: "14", class: "large" }), field("expense_date", say("date"), { type: "date", max: today(), class: "large-date" })),
    field("description", say("for-what"), { maxlength: "500", wide: true, placeholder: say("for-what-hint") }),
    make("div", { class: "wide pair" }, field("category", say("category"), { choices: CATEGORIES.map((one) => [one, say(`category-${one}`)]) }), field("vendor", say("vendor"), { maxlength: "255" })),
    make("div", { class: "wide pair" }, field("tax_amount", say("tax-in-it"), { inputmode: "decimal", maxlength: "14" }), field("receipt_number", say("receipt-number"), { maxlength: "100" })),
    make("div", { class: "wide" }, check("is_billable", say("is-billable"), false), picker.element),
    field("notes", say("notes"), { tag: "textarea", maxlength: "10000", wide: true }),
    ...formFoot(button(say("save"), { type: "submit", class: "", icon: "check" })));
  form.querySelector(".buttons").className = "buttons bar";
  document.body.dataset.bar = "true";
  const before = kept(name);
  picker.client = before ? before.client ?? null : client || null;
  const showPicker = () => { picker.element.hidden = !form.elements.is_billable.checked; };
  form.addEventListener("input", showPicker);
  const sent = new KeptForm(form, {
    name, label: (values) => say("unsaved-expense", { name: values.description || values.vendor || values.amount }), signal: page.signal,
    // The client and the state that was edited are kept beside the fields.
    beside: () => ({ client: picker.client, base, etag }), isBegun: () => pictures.length > 0 || (picker.client?.id ?? null) !== (expense?.client ?? null),
    initial: expense ? { ...expense } : { expense_date: today(), category: "other", tax_amount: "", amount: "" },
    request: (values) => {
      const body = { ...values, amount: typedNumber(values.amount), tax_amount: typedNumber(values.tax_amount) || "0", client: values.is_billable ? picker.client?.id ?? null : null };
      return base ? { method: "PATCH", path: `${EXPENSES}${base.id}/`, body, etag } : { method: "POST", path: EXPENSES, body };
    },
    // Only now is it known to which expense the pictures belong.
    taken: async ({ document: saved }) => {
      if (pictures.length) await queueReceipts(saved, pictures);
      await dropPictures(name);
    },
    savedAs: ({ id }) => `#/expenses/${id}`,
    saved: ({ document: saved }) => {
      forgetPlaces();
      tell(say("saved", { name: saved.description }));
      go(`#/expenses/${saved.id}`, { replace: true });
    },
    failed: async (error, { body }) => {
      if (!(error instanceof Changed)) return false;
      const now = await read(`${EXPENSES}${base.id}/`, page.signal);
      const theirs = now.document.client && (await get(`/api/clients/${now.document.client}/`, {}, page.signal));
      const take = () => {
        [base, etag] = [now.document, now.etag];
      };
      settle({ form, mine: JSON.parse(body), base, now: now.document, fields: EDITED, onMine: () => { take(); form.requestSubmit(); }, onTheirs: take, takeTheirs: (names) => {
        fill(form, Object.fromEntries(names.map((one) => [one, now.document[one]])));
        if (names.includes("client")) picker.client = theirs || null;
        showPicker();
      } });
      return true;
    },
  });
  showShots();
  showPicker();
  page.outlet.replaceChildren(form);
  if (!expense && matchMedia("(pointer: fine)").matches) form.elements.amount.focus();
}
