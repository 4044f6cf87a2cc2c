// The papers of invoices: picking lists, delivery notes and labels. The server writes them as PDFs for people who are signed in, so they are
// fetched with the token of this tab, and opened in a new one, where the browser shows and prints them.

import { counted, find, write } from "./live-format.js";
import { request, signedInAs, SignInNeeded, Unavailable } from "./live-session.js";

const INVOICES = "/api/sales/invoices/";
const LISTS = "/api/sales/papers/picking-list/";
// The most invoices that the API prints in one file.
const MOST = 50;
// The number of papers whose data is kept for their tabs, which may be reloaded or saved.
const KEPT = 10;

// The addresses of the papers that are open, the oldest first.
const kept = [];

/** The papers of the invoice that the detail shows. */
export class Papers {
  #part = find("papers");
  #form = find("labels");
  #problem = find("papers-problem");
  #signIn;
  #id = 0;

  /** signIn: the SignIn of live-sign-in.js. */
  constructor(signIn) {
    this.#signIn = signIn;
    for (const button of this.#part.querySelectorAll("[data-paper]")) {
      button.addEventListener("click", () => this.#open(button, button.dataset.paper));
    }
    // Not a submission: a scan that goes into one of the fields ends with Enter, and must not print.
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    for (const button of this.#form.querySelectorAll("[data-kind]")) {
      button.addEventListener("click", () => {
        if (!this.#form.reportValidity()) return;
        const asked = new URLSearchParams(new FormData(this.#form));
        this.#open(button, `labels/?${asked}&kind=${button.dataset.kind}`);
      });
    }
    find("label-sheet").addEventListener("change", () => this.#fit());
    document.addEventListener("session", () => this.#showOrHide());
    this.#fit();
    this.#showOrHide();
  }

  /** Shows the papers of another invoice. */
  begin(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.#part.open = false;
    this.#form.reset();
    this.#fit();
    this.#problem.replaceChildren();
  }

  #open(button, path) {
    return openPaper(button, `${INVOICES}${this.#id}/${path}`, this.#problem, this.#signIn);
  }

  /** The first free label is one of those of the sheet. */
  #fit() {
    const places = Number(find("label-sheet").selectedOptions[0].dataset.labels);
    const from = find("label-from");
    from.max = places;
    from.closest(".part").hidden = places === 1;
    if (Number(from.value) > places) from.value = 1;
  }

  #showOrHide() {
    this.#part.hidden = !signedInAs();
  }
}

/** The dialog that prints the picking lists of the invoices of a column. */
export class PickingLists {
  #dialog = find("print-dialog");
  #problem = find("print-problem");
  #ids = [];

  constructor(signIn) {
    for (const button of this.#dialog.querySelectorAll("[data-merged]")) {
      button.addEventListener("click", async () => {
        const asked = new URLSearchParams(this.#ids.map((id) => ["invoice", id]));
        if (button.dataset.merged) asked.set("merged", "true");
        if (await openPaper(button, `${LISTS}?${asked}`, this.#problem, signIn)) this.#dialog.close();
      });
    }
    find("print-close").addEventListener("click", () => this.#dialog.close());
  }

  /** Offers the lists of these invoices, the oldest first. */
  show(ids) {
    this.#ids = ids.slice(0, MOST);
    const all = counted(ids.length, "invoice", "invoices");
    const which = ids.length > MOST ? `The ${MOST} oldest of the ${all} shown` : `${all}, the oldest first`;
    write(find("print-which"), which);
    this.#problem.replaceChildren();
    this.#dialog.showModal();
  }
}

/** Opens the paper in a new tab, or shows a link to it where the browser allows no new one. Returns whether it did; if not, it says why. */
async function openPaper(button, path, problem, signIn) {
  // It has to be opened before the answer is there: later, the browser would take it for an advertisement.
  const tab = window.open("", "_blank");
  problem.replaceChildren();
  button.disabled = true;
  try {
    const paper = await load(path);
    if (tab) tab.location.replace(paper);
    else problem.append(link(paper));
    return Boolean(tab);
  } catch (error) {
    tab?.close();
    if (error instanceof SignInNeeded) signIn.ask(error.message);
    else problem.textContent = error.message;
    return false;
  } finally {
    button.disabled = false;
  }
}

/** Returns the address of the PDF within this browser. Throws SignInNeeded, or Unavailable with the server's message. */
async function load(path) {
  const response = await request(path);
  if (response.status === 401) throw new SignInNeeded("Your session has ended.");
  if (!response.ok) {
    const { message, errors } = await response.json().catch(() => ({}));
    const [first] = Object.values(errors ?? {}).flat();
    throw new Unavailable(first ?? message ?? `The server refuses that (status ${response.status}).`);
  }
  const blob = await response.blob().catch(() => { throw new Unavailable("The answer broke off."); });
  kept.push(URL.createObjectURL(blob));
  if (kept.length > KEPT) URL.revokeObjectURL(kept.shift());
  return kept.at(-1);
}

function link(address) {
  const element = document.createElement("a");
  element.href = address;
  element.target = "_blank";
  element.textContent = "Open the paper";
  return element;
}
