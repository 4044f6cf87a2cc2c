// The header of all pages: the menu of the pages that one may use. On a page that the server composed for somebody it also watches whether
// they are still signed in, which live-session.js does on the others.

import { announce, askSession, endSession, isEnding, onNews } from "./session-cookie.js";

const menu = document.querySelector(".site-menu");
const list = menu?.querySelector("ul");

/** Shows these pages in the menu, after the home page. pages: [{path, title}]. */
export function showPages(pages) {
  list?.replaceChildren(list.firstElementChild, ...pages.map(({ path, title }) => {
    const link = document.createElement("a");
    link.href = path;
    link.textContent = title;
    if (location.pathname === path) link.setAttribute("aria-current", "page");
    const entry = document.createElement("li");
    entry.append(link);
    return entry;
  }));
}

/** Shows at the end of the header what its button does. word: Sign in or Sign out; who: a sentence that says who is signed in, or "". */
export function showAccount(word, who) {
  const account = document.getElementById("account");
  document.getElementById("account-word").textContent = word;
  // A phone shows no word.
  account.setAttribute("aria-label", word);
  account.title = who;
  account.dataset.signedIn = Boolean(who);
}

/** Loads the page again if somebody else is signed in than it was composed for, or nobody is. A form that led here is not sent again. */
async function check(account) {
  if (isEnding()) await endSession();
  const response = await askSession("POST", { path: "token/" }).catch(() => null);
  const { user } = response?.ok ? await response.json().catch(() => ({})) : {};
  if (user !== undefined && String(user?.id ?? "") !== account) location.replace(location.pathname + location.search);
}

/** account: whom the page was composed for; "": nobody. */
function watch(account) {
  onNews((known) => known !== account && check(account));
  // A page that comes back from the browser's memory shows what was.
  window.addEventListener("pageshow", (event) => event.persisted && check(account));
  if (isEnding()) check(account);
  else announce(account);
}

function watchMenu() {
  const close = () => { menu.open = false; };
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    close();
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", (event) => event.relatedTarget && !menu.contains(event.relatedTarget) && close());
  document.addEventListener("pointerdown", (event) => !menu.contains(event.target) && close());
  menu.addEventListener("click", (event) => event.target.closest("a") && close());
}

if (menu) {
  watchMenu();
  if (menu.dataset.account !== undefined) watch(menu.dataset.account);
}
