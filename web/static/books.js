// The books: finds the view of an address, and shows it to whoever is signed in.

import { isServerUp, takeReason } from "./books-api.js";
import { clientCard, clientsView } from "./books-clients.js";
import { setCurrency } from "./books-format.js";
import { detailView } from "./books-detail.js";
import { editorView } from "./books-editor.js";
import { expenseForm } from "./books-expense-form.js";
import { expenseView, expensesView } from "./books-expenses.js";
import { homeView } from "./books-home.js";
import { KINDS } from "./books-kinds.js";
import { forgetPlaces } from "./books-list.js";
import { forgetKept, hasUnsaved, openMemory } from "./books-memory.js";
import { papersView } from "./books-papers.js";
import { forgetPictures } from "./books-pictures.js";
import { forgetProfile, loadProfile } from "./books-profile.js";
import { settingsView } from "./books-settings.js";
import { closeAll, confirm, go, waiting } from "./books-shell.js";
import { openSignUp } from "./books-sign-up.js";
import { resumeUploads, stopUploads } from "./books-uploads.js";
import { say, speak } from "./books-words.js";
import { find, write } from "./live-format.js";
import { accountId, signedInAs, signOut } from "./live-session.js";
import { SignIn } from "./live-sign-in.js";

// Each view by its address. `:id` is a number; a view gets its kind and the id.
const VIEWS = [
  ["", homeView], ["clients", clientsView], ["clients/:id", clientCard], ["settings", settingsView],
  ["quotes", papersView, KINDS.quote], ["quotes/new", editorView, KINDS.quote], ["quotes/:id", detailView, KINDS.quote], ["quotes/:id/edit", editorView, KINDS.quote],
  ["invoices", papersView, KINDS.invoice], ["invoices/new", editorView, KINDS.invoice], ["invoices/:id", detailView, KINDS.invoice], ["invoices/:id/edit", editorView, KINDS.invoice],
  ["expenses", expensesView], ["expenses/new", expenseForm], ["expenses/:id", expenseView], ["expenses/:id/edit", expenseForm],
].map(([path, view, kind]) => ({ path: path.split("/"), view, kind }));

// The account whose books are shown; "" if nobody is signed in.
let account = "";
let leaving = new AbortController();
let onLeave = [];
let isSigningOut = false;

/** Returns {view, kind, id} of an address, or null. */
function found(path) {
  const steps = path.split("/");
  for (const { path: wanted, view, kind } of VIEWS) {
    const isIt = wanted.length === steps.length && wanted.every((step, n) => (step === ":id" ? /^[1-9]\d*$/.test(steps[n]) : step === steps[n]));
    if (isIt) return { view, kind, id: steps[wanted.indexOf(":id")] ?? "" };
  }
  return null;
}

function leave() {
  leaving.abort();
  // The place of a list is kept under the address that it had, so it must be told before the address changes the list.
  for (const listener of onLeave) listener();
  onLeave = [];
}

/** Shows the view of the present address. isBack: it was shown before; isFirst: no other was. */
function show({ isBack = false, isFirst = false } = {}) {
  if (!account) return;
  const hash = location.hash || "#/";
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const where = found(path.replace(/\/$/, ""));
  if (!where) {
    go("#/", { replace: true });
    return;
  }
  leave();
  for (const dialog of document.querySelectorAll("dialog.sheet[open]")) dialog.close("");
  leaving = new AbortController();
  const outlet = find("view");
  outlet.replaceChildren();
  delete document.body.dataset.bar;
  outlet.className = `view room-${path.split("/")[0] || "home"}`;
  for (const link of document.querySelectorAll("#nav a, #settings")) {
    const room = link.dataset.room ?? "settings";
    if (room === path.split("/")[0]) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const page = {
    ...where, hash, outlet, isBack, signal: leaving.signal, query: new URLSearchParams(query),
    onLeave: (listener) => onLeave.push(listener),
    setQuery(changed) {
      page.query = changed;
      page.hash = `#/${path}${String(changed) && `?${changed}`}`;
      history.replaceState(history.state, "", page.hash);
    },
  };
  history.replaceState({ wasShown: true }, "");
  if (!isBack) scrollTo(0, 0);
  // Who can't see the page hears where they are now.
  if (!isFirst) find("title").focus({ preventScroll: true });
  where.view(page);
}

/** Begins for whoever is signed in, or asks for a sign-in. */
async function begin() {
  const who = accountId();
  if (who === account) return;
  end();
  account = who;
  if (!who) {
    signIn.need(takeReason());
    return;
  }
  signIn.settle();
  openMemory(who);
  forgetPictures(who);
  resumeUploads();
  document.body.dataset.signedIn = "true";
  showState();
  find("view").replaceChildren(waiting());
  // All views show amounts, with the currency of the account. A view that can't be loaded says so itself.
  const found = await loadProfile().catch(() => null);
  if (account !== who) return;
  if (found) setCurrency(found.company);
  show({ isFirst: true });
}

/** Nobody is signed in: nothing of the one who was is left on the screen or in variables. */
function end() {
  account = "";
  leave();
  stopUploads();
  if (isSigningOut) {
    forgetKept();
    forgetPictures();
  }
  openMemory("");
  forgetPlaces();
  forgetProfile();
  setCurrency({ currency: "", sign: "" });
  closeAll();
  find("view").replaceChildren();
  write(find("title"), say("books"));
  document.title = `${say("books")} - Tradepost`;
  find("back").hidden = true;
  delete document.body.dataset.signedIn;
  showState();
}

function showState() {
  const state = isServerUp() ? "up" : "down";
  find("state").dataset.state = state;
  find("state").hidden = state === "up";
  write(find("state-word"), state === "up" ? "" : say(navigator.onLine ? "state-down" : "state-offline"), "");
}

// A sign-out removes what is not saved from this device, because the next person here must not read it.
find("account").addEventListener("click", async (event) => {
  if (!signedInAs()) return;
  event.stopImmediatePropagation();
  const isUnsaved = hasUnsaved();
  const words = say(isUnsaved ? "unsaved-lost" : "sign-out-why", { who: signedInAs() });
  if (!(await confirm(say("sign-out"), words, say(isUnsaved ? "sign-out-anyway" : "sign-out"), { isDanger: isUnsaved }))) return;
  isSigningOut = true;
  await signOut();
  isSigningOut = false;
  history.replaceState(null, "", "#/");
});

document.documentElement.lang = "en";
speak();
const signIn = new SignIn({
  needed: say("sign-in-why"), asked: "", signIn: say("sign-in"), signOut: say("sign-out"), as: (who) => say("signed-in-as", { who }),
});
find("sign-up-open").addEventListener("click", () => openSignUp());
find("skip").addEventListener("click", (event) => {
  event.preventDefault();
  find("view").focus();
});

// A list that was left is found as it was: the entries of the history that have been shown are marked, as a link makes one without a mark.
history.scrollRestoration = "manual";
window.addEventListener("hashchange", () => show({ isBack: Boolean(history.state?.wasShown) }));
// Control and Enter, or S, save the form in which somebody types.
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !["Enter", "s"].includes(event.key)) return;
  const form = event.target.closest?.("form") ?? document.querySelector("#view > form, #view .editor-form");
  if (!form?.querySelector("[type=submit]:enabled")) return;
  event.preventDefault();
  form.requestSubmit();
});
document.addEventListener("session", begin);
document.addEventListener("server", showState);
window.addEventListener("offline", showState);
window.addEventListener("online", showState);
// What could not be loaded is loaded now; nothing that is being typed is touched.
document.addEventListener("server-back", () => document.querySelector("#view > .failed, #view .list .failed") && show({ isBack: true }));
if (accountId()) begin();
else {
  showState();
  signIn.need("");
  // The home page leads here.
  if (location.hash === "#/sign-up") {
    history.replaceState(null, "", location.pathname);
    openSignUp();
  }
}
