// The import page: takes a file, sends it, and shows how far its import is and what was not stored. The address names the import that is
// shown (#42), so a reload shows it again.

import { Following } from "./import-follow.js";
import { Results } from "./import-results.js";
import { FileRefused, LARGEST, newKey, typeOf, upload } from "./import-upload.js";
import { copy, counted, fieldsOf, find, moment, whole, write } from "./live-format.js";
import { load, signedInAs, SignInNeeded } from "./live-session.js";
import { SignIn } from "./live-sign-in.js";

const signIn = new SignIn({
  needed: "To import invoices.",
  asked: "To import invoices.",
  signIn: "Sign in",
  signOut: "Sign out",
  as: (who) => `Signed in as ${who}`,
});
const results = new Results();
const totals = fieldsOf(find("totals"));
let following = null;
// {file, key} while it is sent, or to be sent again.
let sent = null;
let isSending = false;

function shownId() {
  return /^#[0-9]{1,18}$/u.test(location.hash) ? location.hash.slice(1) : "";
}

function take(file) {
  if (!file || isSending) return;
  const problem = problemOf(file);
  write(find("file-problem"), problem, "");
  find("again-part").hidden = true;
  if (problem) return;
  sent = { file, key: newKey() };
  send();
}

function problemOf(file) {
  if (!typeOf(file)) return `${file.name}: choose a file whose name ends in .csv, .xlsx, .ndjson, .jsonl or .json.`;
  if (file.size > LARGEST) return `${file.name} has more than 50 MB. Split it, or use the command import.`;
  return file.size ? "" : `${file.name} is empty.`;
}

async function send() {
  if (!signedInAs() && !(await signIn.ask())) return;
  busy(true);
  show(null, sent.file.name);
  write(find("file-problem"), "", "");
  find("again-part").hidden = true;
  try {
    const begun = await upload(sent.file, sent.key, (part) => showSent(part));
    sent = null;
    // The change of the address shows the import.
    if (shownId() === String(begun.id)) follow(shownId());
    else location.hash = `#${begun.id}`;
    list();
  } catch (error) {
    find("progress-part").hidden = true;
    write(find("file-problem"), error.message, "");
    // A refused file would be refused again.
    find("again-part").hidden = error instanceof FileRefused;
    if (error instanceof SignInNeeded) signIn.ask(error.message);
  } finally {
    busy(false);
  }
}

function busy(is) {
  isSending = is;
  find("drop").classList.toggle("busy", is);
  find("file").disabled = is;
}

function showSent(part) {
  find("progress").value = part;
  write(find("progress-word"), part < 1 ? `Sending: ${whole.format(Math.floor(part * 100))} %` : "Sent. The server reads it.");
}

function follow(id) {
  following?.end();
  results.show(null);
  find("progress-part").hidden = true;
  mark();
  if (!id) return;
  following = new Following(id, (state) => show(state), showProblem);
}

function showProblem(error) {
  if (error instanceof SignInNeeded) {
    find("progress-part").hidden = true;
    signIn.need(error.message);
    return;
  }
  if (!error) signIn.settle();
  find("progress-part").hidden = false;
  write(find("progress-problem"), error ? `${error.message} Trying again.` : "", "");
}

/** Shows the state of an import; null: a file is about to be sent, or there is no such import. */
function show(state, name = "") {
  find("progress-part").hidden = false;
  find("totals").hidden = !state;
  write(find("progress-problem"), "", "");
  if (!state) {
    write(find("progress-title"), name || "No such import");
    find("progress").hidden = !name;
    find("progress").value = 0;
    write(find("progress-word"), name ? "" : "It was removed, or somebody else has made it.", "");
    return;
  }
  const done = state.lines - state.waiting;
  find("progress").hidden = state.waiting === 0;
  find("progress").value = state.lines ? done / state.lines : 1;
  write(find("progress-title"), { done: "Finished", failed: "Given up" }[state.status] ?? "Being stored");
  const of = counted(state.lines, "invoice", "invoices");
  write(find("progress-word"), state.waiting ? `${whole.format(done)} of ${of}` : of);
  for (const [field, element] of Object.entries(totals)) {
    write(element, whole.format(state[field]));
    element.parentElement.classList.toggle("any", state[field] > 0);
  }
  totals.waiting.parentElement.hidden = state.waiting === 0;
  if (state.status === "done" || state.status === "failed") {
    results.show(state);
    list();
  }
}

/** Lists the last imports. */
async function list() {
  try {
    const { body } = await load("/api/sales/import/invoices/");
    signIn.settle();
    find("imports").replaceChildren(...body.data.results.map(entry));
    find("recent").hidden = body.data.results.length === 0;
    mark();
    // A person who comes back sees what is still under way.
    const running = body.data.results.find(({ status }) => status === "queued" || status === "running");
    if (running && !shownId() && !isSending) location.replace(`#${running.id}`);
  } catch (error) {
    find("recent").hidden = true;
    if (error instanceof SignInNeeded && !find("sign-in-dialog").open) signIn.need(error.message);
  }
}

function entry(state) {
  const element = copy("import-row");
  const fields = fieldsOf(element);
  element.firstElementChild.href = `#${state.id}`;
  write(fields.when, moment(state.created_at));
  const notes = [counted(state.lines, "invoice", "invoices")];
  if (state.waiting) notes.push(`${whole.format(state.waiting)} ${state.status === "failed" ? "given up" : "waiting"}`);
  if (state.invalid) notes.push(`${whole.format(state.invalid)} refused`);
  if (state.duplicates) notes.push(`${whole.format(state.duplicates)} there already`);
  write(fields.what, notes.join(", "));
  return element;
}

/** Marks the import that is shown. */
function mark() {
  for (const link of find("imports").querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function begin() {
  if (!isSending) follow(shownId());
  list();
}

const drop = find("drop");
// Without these the browser would open the file wherever it is dropped.
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
drop.addEventListener("dragover", () => drop.classList.add("over"));
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => take(event.dataTransfer.files[0]));
find("file").addEventListener("change", () => {
  take(find("file").files[0]);
  // The same file may be chosen again when it was mended.
  find("file").value = "";
});
find("again").addEventListener("click", () => sent && send());
addEventListener("hashchange", () => !isSending && follow(shownId()));
addEventListener("beforeunload", (event) => isSending && event.preventDefault());
signIn.onChange = begin;
begin();
