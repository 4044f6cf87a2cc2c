// The developer options page: the row counts of the tables, and the destructive changes. Each change opens a dialog that
// shows what is removed and what stays.

import { ask, Refused } from "./developer-session.js";
import { showAccount } from "./header.js";
import { forget, signedInAs, signIn, SignInNeeded, signOut } from "./live-session.js";

const API = "/api/developer/";
// The user types this word to confirm. The label in developer.html shows it too.
const CONFIRMATION = "DELETE";
const SESSIONS = ["picking_sessions", "packing_sessions", "delivery_sessions"];
const INVOICES = ["invoices", "invoice_items", "invoice_returns", ...SESSIONS];

// table: the table_name that the API expects; null for the reset of the sequences.
// goes: the tables whose counts the dialog shows. words: further lines of the same list, without a count.
// what: the text beside the button. stays: the text in the dialog about what is not removed.
const CHANGES = [
  { table: "invoices", title: "Invoices", goes: INVOICES, what: "With their items, returns and sessions.",
    stays: "Customers and salesmen stay." },
  { table: "sessions", title: "Sessions", goes: SESSIONS, what: "Of picking, packing and delivery.",
    stays: "Invoices stay. Those begun and not delivered return to Pending." },
  { table: "customers", title: "Customers", goes: ["customers"], what: "Only while there are no invoices.",
    stays: "Nothing else changes. While there is an invoice, this is refused." },
  { table: "salesmen", title: "Salesmen", goes: ["salesmen"], what: "Their invoices stay.",
    stays: "Their invoices stay, without a salesman." },
  { table: "couriers", title: "Couriers", goes: ["couriers"], what: "Courier service providers.",
    stays: "Nothing else changes." },
  { table: "users", title: "Users", words: ["Every user who is not a SUPERADMIN"], what: "All but SUPERADMINs.",
    stays: "SUPERADMINs stay, you among them. Everybody else is signed out at once. Invoices they imported stay." },
  { table: "departments", title: "Departments", goes: ["departments"], words: ["Their job titles"], what: "With their job titles.",
    stays: "Users stay, without a department. Job titles without a department stay." },
  { table: "job_titles", title: "Job titles", goes: ["job_titles"], what: "Departments stay.",
    stays: "Departments and users stay, the users without a job title." },
  { table: "all", title: "All sales data", goes: [...INVOICES, "customers", "salesmen", "couriers"],
    what: "Invoices, sessions, customers, salesmen, couriers.", stays: "Users, departments, job titles and menus stay." },
  { table: null, title: "Number sequences", what: "New rows are numbered from the highest number there is.",
    stays: "No record changes. In each table the next new one gets the number after the highest; in an empty table, 1." },
];

const find = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat();
const dialog = find("dialog");
let stats = {};
// The entry of CHANGES that the dialog shows.
let change = null;
let isBusy = false;
// Whether the counts could be loaded for who has just signed in.
let loading = Promise.resolve(false);

// The views

function show(view) {
  for (const one of ["sign-in", "refused", "options"]) find(one).hidden = one !== view;
}

function askToSignIn(why) {
  dialog.close();
  // The next person at this screen may not be the one who signed in, so the counts are removed.
  find("counts").replaceChildren();
  stats = {};
  showStatus("");
  show("sign-in");
  find("sign-in-problem").textContent = why;
  (form.email.value ? form.password : form.email).focus();
  return false;
}

function showUser() {
  const who = signedInAs();
  showAccount(who ? "Sign out" : "Sign in", who && `Signed in as ${who}`);
}

function refuse() {
  dialog.close();
  show("refused");
  find("refused-title").focus();
}

/** Returns true if the error is SignInNeeded. In that case the page shows the sign-in form. */
function handledBySignIn(error) {
  if (error instanceof SignInNeeded) askToSignIn(error.message);
  return error instanceof SignInNeeded;
}

function showStatus(text, isProblem = false) {
  find("result").textContent = text;
  find("result").classList.toggle("problem", isProblem);
  // The message is sticky at the bottom of the window. Scroll, so that it does not cover the focused element.
  if (text) document.activeElement.scrollIntoView({ block: "nearest" });
}

// Counts

async function load() {
  const who = signedInAs();
  showUser();
  if (!who) return askToSignIn("");
  find("refresh").disabled = true;
  try {
    const answer = await ask(`${API}table-stats/`);
    // Meanwhile another user may have signed in.
    if (signedInAs() !== who) return false;
    stats = answer.stats;
    showCounts(answer);
    show("options");
    return true;
  } catch (error) {
    if (error instanceof Refused) refuse();
    else if (!handledBySignIn(error)) {
      show("options");
      showStatus(error.message, true);
    }
    return false;
  } finally {
    find("refresh").disabled = false;
  }
}

function showCounts(answer) {
  find("counts").replaceChildren(...Object.entries(answer.stats).map(countRow));
  find("total").textContent = whole.format(answer.total_records);
  find("locked").hidden = answer.changes_allowed;
  for (const button of find("changes").querySelectorAll("button")) button.disabled = !answer.changes_allowed;
}

function countRow([key, { count, description }]) {
  const { row, fields } = copy("count");
  fields.name.textContent = named(key);
  fields.description.textContent = description;
  fields.count.textContent = whole.format(count);
  return row;
}

find("refresh").addEventListener("click", async () => {
  showStatus("");
  if (await load()) showStatus("Counts updated.");
});

// Changes

for (const one of CHANGES) {
  const { row, fields } = copy("change");
  fields.title.textContent = one.title;
  fields.what.textContent = one.what;
  fields.button.textContent = one.table ? "Clear\u2026" : "Reset\u2026";
  fields.button.setAttribute("aria-label", `${one.table ? "Clear" : "Reset"} ${one.title.toLowerCase()}`);
  fields.button.dataset.table = one.table ?? "sequences";
  fields.button.classList.add(one.table ? "danger" : "plain");
  fields.button.disabled = true;
  fields.button.addEventListener("click", () => open(one));
  find("changes").append(row);
}

function open(one) {
  change = one;
  const title = one.title.toLowerCase();
  find("dialog-title").textContent = one.table ? `Clear ${title}?` : `Reset ${title}?`;
  const goes = (one.goes ?? []).map((key) => `${named(key)}: ${whole.format(stats[key]?.count ?? 0)}`);
  find("goes-list").replaceChildren(...[...goes, ...(one.words ?? [])].map((words) => {
    const item = document.createElement("li");
    item.textContent = words;
    return item;
  }));
  find("goes").hidden = find("typing").hidden = !one.table;
  find("stays").textContent = one.stays;
  find("word").value = "";
  find("dialog-problem").textContent = "";
  find("do").className = one.table ? "danger" : "";
  updateDialog();
  dialog.showModal();
  (one.table ? find("word") : find("cancel")).focus();
}

function updateDialog() {
  find("do").disabled = isBusy || (change.table && find("word").value !== CONFIRMATION);
  find("cancel").disabled = find("word").disabled = isBusy;
  const verb = change.table ? ["Clear", "Clearing\u2026"] : ["Reset", "Resetting\u2026"];
  find("do").textContent = verb[Number(isBusy)];
}

async function carryOut() {
  isBusy = true;
  updateDialog();
  find("dialog-problem").textContent = "";
  try {
    const answer = await (change.table
      ? ask(`${API}clear-data/`, { table_name: change.table }) : ask(`${API}reset-sequences/`, {}));
    dialog.close();
    if (await load()) showStatus(resultText(answer));
  } catch (error) {
    if (!handledBySignIn(error)) find("dialog-problem").textContent = error.message;
  } finally {
    isBusy = false;
    updateDialog();
  }
}

function resultText({ message, deleted_counts: counts = {} }) {
  const gone = Object.entries(counts).filter(([, n]) => n).map(([key, n]) => `${named(key)} ${whole.format(n)}`);
  if (!change.table) return `${message}.`;
  return `${message}. ${gone.length ? `Removed: ${gone.join(", ")}` : "There was nothing to remove"}.`;
}

find("word").addEventListener("input", updateDialog);
find("cancel").addEventListener("click", () => dialog.close());
// Escape does not close the dialog while the request runs.
dialog.addEventListener("cancel", (event) => isBusy && event.preventDefault());
find("confirm").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!find("do").disabled) carryOut();
});

// Signing in

const form = find("sign-in");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  find("sign-in-problem").textContent = "";
  button.disabled = true;
  try {
    await signIn(form.email.value.trim(), form.password.value);
    if (await loading) find("refresh").focus();
  } catch (error) {
    find("sign-in-problem").textContent = error.message;
  }
  // The screen may be in a public place, so the password is not left in the field.
  form.password.value = "";
  button.disabled = false;
});

find("other").addEventListener("click", () => {
  forget();
  askToSignIn("");
});
find("account").addEventListener("click", () => (signedInAs() ? signOut() : askToSignIn("")));
// Here or in another tab.
document.addEventListener("session", () => {
  dialog.close();
  loading = load();
});

// Names and templates

/** "invoice_items" becomes "Invoice items". */
function named(key) {
  const words = key.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Copies a template. Returns the element and its parts by data-field. */
function copy(template) {
  const row = find(template).content.firstElementChild.cloneNode(true);
  return { row, fields: Object.fromEntries([...row.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field])) };
}

load();
