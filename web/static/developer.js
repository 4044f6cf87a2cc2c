// The developer options: what the tables hold, and the changes, each behind a dialog that says what goes and what stays.

import { ask, forget, Refused, signIn, SignInNeeded } from "./developer-session.js";

const API = "/api/developer/";
const WORD = "DELETE"; // what has to be typed; also in the page's label
const SESSIONS = ["picking_sessions", "packing_sessions", "delivery_sessions"];
const INVOICES = ["invoices", "invoice_items", "invoice_returns", ...SESSIONS];

// table: what the API calls it. goes: whose counts the dialog shows. what, stays: beside the button, and in the dialog.
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
    stays: "Users stay, without a department. Job titles of no department stay." },
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
let change = null; // the one the dialog is about
let isBusy = false;

// The views

function show(view) {
  for (const one of ["sign-in", "refused", "options"]) find(one).hidden = one !== view;
}

function askToSignIn(why) {
  dialog.close();
  find("counts").replaceChildren(); // whoever looks now may not be the one who signed in
  stats = {};
  tell("");
  show("sign-in");
  find("sign-in-problem").textContent = why;
  (form.email.value ? form.password : form.email).focus();
}

function refuse() {
  dialog.close();
  show("refused");
  find("refused-title").focus();
}

/** Whether this was a matter of who is asking; then the page shows it. */
function isAboutWho(error) {
  if (error instanceof SignInNeeded) askToSignIn(error.message);
  return error instanceof SignInNeeded;
}

function tell(text, isProblem = false) {
  find("told").textContent = text;
  find("told").classList.toggle("problem", isProblem);
  if (text) document.activeElement.scrollIntoView({ block: "nearest" }); // what was told must not lie over it
}

// Counts

async function load() {
  find("refresh").disabled = true;
  try {
    const answer = await ask(`${API}table-stats/`);
    stats = answer.stats;
    showCounts(answer);
    show("options");
    return true;
  } catch (error) {
    if (error instanceof Refused) refuse();
    else if (!isAboutWho(error)) {
      show("options");
      tell(error.message, true);
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
  tell("");
  if (await load()) tell("Counted anew.");
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
  settle();
  dialog.showModal();
  (one.table ? find("word") : find("cancel")).focus();
}

function settle() {
  find("do").disabled = isBusy || (change.table && find("word").value !== WORD);
  find("cancel").disabled = find("word").disabled = isBusy;
  const verb = change.table ? ["Clear", "Clearing\u2026"] : ["Reset", "Resetting\u2026"];
  find("do").textContent = verb[Number(isBusy)];
}

async function carryOut() {
  isBusy = true;
  settle();
  find("dialog-problem").textContent = "";
  try {
    const answer = await (change.table
      ? ask(`${API}clear-data/`, { table_name: change.table }) : ask(`${API}reset-sequences/`, {}));
    dialog.close();
    if (await load()) tell(told(answer));
  } catch (error) {
    if (!isAboutWho(error)) find("dialog-problem").textContent = error.message;
  } finally {
    isBusy = false;
    settle();
  }
}

function told({ message, deleted_counts: counts = {} }) {
  const gone = Object.entries(counts).filter(([, n]) => n).map(([key, n]) => `${named(key)} ${whole.format(n)}`);
  if (!change.table) return `${message}.`;
  return `${message}. ${gone.length ? `Removed: ${gone.join(", ")}` : "There was nothing to remove"}.`;
}

find("word").addEventListener("input", settle);
find("cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("cancel", (event) => isBusy && event.preventDefault()); // Escape while it is being done
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
    if (await load()) find("refresh").focus();
  } catch (error) {
    find("sign-in-problem").textContent = error.message;
  }
  form.password.value = ""; // not left on a screen that anyone walks by
  button.disabled = false;
});

find("other").addEventListener("click", () => {
  forget();
  askToSignIn("");
});

// Words and elements

function named(key) {
  const words = key.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function copy(template) {
  const row = find(template).content.firstElementChild.cloneNode(true);
  return { row, fields: Object.fromEntries([...row.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field])) };
}

load();
