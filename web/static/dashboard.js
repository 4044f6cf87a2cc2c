// The dashboard: shows the figures of whoever is signed in, and keeps them up to date. docs/api/dashboard.md#page

import { isQuiet, isServerUp, takeReason, TooMany, wordsOf } from "./books-api.js";
import { icon, linkButton, make } from "./books-dom.js";
import { setCurrency } from "./books-format.js";
import { forgetProfile, loadProfile } from "./books-profile.js";
import { closeAll, confirm, failed, waiting } from "./books-shell.js";
import { clock, PERIODS } from "./dashboard-format.js";
import { Live } from "./dashboard-live.js";
import { loadLive, loadOverview, loadRest } from "./dashboard-load.js";
import { openExport } from "./dashboard-export.js";
import { Pace } from "./dashboard-pace.js";
import { sketch } from "./dashboard-svg.js";
import { say, speak } from "./dashboard-words.js";
import { DashboardView } from "./dashboard-view.js";
import { find, write } from "./live-format.js";
import { accountId, signedInAs, signOut } from "./live-session.js";
import { SignIn } from "./live-sign-in.js";

const USUAL = "monthly";
// Seconds until the figures are asked for again after a request that failed, unless the server says how long to wait.
const AGAIN_SECONDS = 30;

// The account whose figures are shown; "" if nobody is signed in.
let account = "";
let isSigningOut = false;
let period = USUAL;
let leaving = new AbortController();
// What is shown: the figures, and when they were loaded; null if nothing is.
let shown = null;
let shownAt = 0;
let view = null;
// The last figures of the moment, which may come before there is a view; null if none have.
let moment = null;
let again = 0;
// When the server takes requests again, after it has refused one as too many.
let limitedUntil = 0;

/** Looks at the overview, and loads the other figures if that has changed. Returns whether it has. */
async function refresh() {
  if (!account || Date.now() < limitedUntil) return false;
  const { signal } = leaving;
  const wanted = period;
  clearTimeout(again);
  try {
    const overview = await loadOverview(wanted, signal);
    if (signal.aborted || wanted !== period) return false;
    const isSame = shown && ["period_type", "last_updated", "snapshot_date"].every((name) => shown.overview[name] === overview[name]);
    const found = isSame ? shown : await loadRest(wanted, overview, signal);
    if (signal.aborted || wanted !== period) return false;
    const isNews = !isSame && shown?.overview.period_type === wanted;
    shown = found;
    shownAt = Date.now();
    present();
    if (isNews) write(find("changed"), say("updated"), "");
    return !isSame;
  } catch (error) {
    if (!signal.aborted && !isQuiet(error)) complain(error);
    return false;
  }
}

function present() {
  tellStale("");
  document.body.toggleAttribute("data-empty", shown.isEmpty);
  if (shown.isEmpty) {
    view = null;
    find("view").replaceChildren(welcome());
    return;
  }
  if (!view) {
    view = new DashboardView();
    find("view").replaceChildren(view.element);
    showMoment(moment);
  }
  view.show(shown);
  write(find("as-of"), say("as-of", { time: clock(shownAt) }));
}

/** Says what is wrong beside the figures that there are, or instead of them, and tries again later. */
function complain(error) {
  const why = wordsOf(error);
  if (shown) tellStale(say("is-stale", { why, time: clock(shownAt) }));
  else {
    view = null;
    find("view").replaceChildren(failed(why, () => {
      limitedUntil = 0;
      pace.now();
    }));
  }
  const seconds = error instanceof TooMany && error.retryAfter ? error.retryAfter : AGAIN_SECONDS;
  if (error instanceof TooMany) limitedUntil = Date.now() + seconds * 1000;
  again = setTimeout(() => pace.now(), seconds * 1000);
}

function showMoment(figures) {
  moment = figures;
  if (figures) view?.showLive(figures);
}

function tellStale(words) {
  write(find("stale"), words, "");
  find("stale").hidden = !words;
}

function welcome() {
  const what = [1, 2, 3, 4, 5].map((n) => make("li", {}, icon("check"), make("span", { text: say(`welcome-${n}`) })));
  return make("section", { class: "welcome first" }, sketch(), make("h2", { text: say("welcome-title") }), make("p", { text: say("welcome-why") }), make("ul", { class: "welcome-list", role: "list" }, what),
    make("p", { class: "none-actions" }, linkButton(say("first-invoice"), "/books/#/invoices/new", { icon: "invoice", class: "" }), linkButton(say("first-expense"), "/books/#/expenses/new", { icon: "coins" }), linkButton(say("to-books"), "/books/", { class: "link" })));
}

/** Shows another period. */
function choose(type) {
  if (type === period) return;
  period = type;
  history.replaceState(null, "", type === USUAL ? location.pathname : `#${type}`);
  showPeriod();
  leaving.abort();
  leaving = new AbortController();
  view?.wait();
  pace.now();
}

function showPeriod() {
  for (const one of document.querySelectorAll("#periods button")) one.setAttribute("aria-pressed", one.dataset.period === period);
}

/** Begins for whoever is signed in, or asks for a sign-in. */
async function begin() {
  const who = accountId();
  if (who === account) return;
  const hasEnded = account && !isSigningOut;
  end();
  account = who;
  if (!who) {
    signIn.need(takeReason() || (hasEnded ? say("session-ended") : ""));
    return;
  }
  signIn.settle();
  document.body.dataset.signedIn = "true";
  find("view").replaceChildren(waiting(5));
  const found = await loadProfile().catch(() => null);
  if (account !== who) return;
  if (found) setCurrency(found.company);
  live.start();
  pace.now();
}

/** Nobody is signed in: nothing of the one who was is left on the screen or in variables. */
function end() {
  account = "";
  leaving.abort();
  leaving = new AbortController();
  clearTimeout(again);
  limitedUntil = 0;
  live.stop();
  pace.cancel();
  shown = view = moment = null;
  forgetProfile();
  setCurrency({ currency: "", sign: "" });
  closeAll();
  tellStale("");
  find("view").replaceChildren();
  for (const id of ["as-of", "changed"]) write(find(id), "", "");
  for (const name of ["signedIn", "empty"]) delete document.body.dataset[name];
  find("state").hidden = true;
}

function showState(state = find("state").dataset.state) {
  const isLost = state === "waiting" && !(navigator.onLine && isServerUp());
  const words = state === "waiting" ? (navigator.onLine ? (isServerUp() ? say("state-waiting") : say("state-down")) : say("state-offline")) : say(`state-${state}`);
  find("state").dataset.state = state;
  find("state").dataset.lost = isLost;
  find("state").hidden = !account;
  write(find("state-word"), words, "");
}

document.documentElement.lang = "en";
speak();
const pace = new Pace(refresh);
const live = new Live({
  onUpdate: (figures) => {
    showMoment(figures);
    pace.call();
  },
  onState: showState,
  onLost: async () => {
    await pace.now();
    const { signal } = leaving;
    const figures = await loadLive(signal).catch(() => null);
    if (figures && !signal.aborted) showMoment(figures);
  },
});
find("account").addEventListener("click", async (event) => {
  if (!signedInAs()) return;
  event.stopImmediatePropagation();
  if (!(await confirm(say("sign-out"), say("sign-out-why", { who: signedInAs() }), say("sign-out")))) return;
  history.replaceState(null, "", location.pathname);
  period = USUAL;
  showPeriod();
  isSigningOut = true;
  await signOut();
  isSigningOut = false;
});
const signIn = new SignIn({ needed: say("sign-in-why"), asked: "", signIn: say("sign-in"), signOut: say("sign-out"), as: (who) => say("signed-in-as", { who }) });

find("export").addEventListener("click", () => openExport(period));
find("periods").append(...PERIODS.map((type) => make("button", { type: "button", class: "period", data: { period: type }, text: say(type), on: { click: () => choose(type) } })));
find("skip").addEventListener("click", (event) => {
  event.preventDefault();
  find("view").focus();
});
const named = () => (PERIODS.includes(location.hash.slice(1)) ? location.hash.slice(1) : USUAL);
window.addEventListener("hashchange", () => choose(named()));
document.addEventListener("session", begin);
document.addEventListener("server", () => showState());
document.addEventListener("server-back", () => account && pace.now());
for (const event of ["offline", "online"]) window.addEventListener(event, () => showState());
period = named();
showPeriod();
if (accountId()) begin();
else signIn.need("");
