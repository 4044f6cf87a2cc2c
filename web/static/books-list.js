// Lists of the API with a search, filters and an endless end: the next page is loaded when the end comes into sight, by cursor.

import { address, get, isQuiet, local, wordsOf } from "./books-api.js";
import { make, none } from "./books-dom.js";
import { money, sum } from "./books-format.js";
import { failed, waiting } from "./books-shell.js";
import { say } from "./books-words.js";

const TYPING_MS = 200;
const PAGE = 30;
const MOST = 100;

// How far each list was read and scrolled, by address: who comes back finds the place again.
const places = new Map();

/** Forgets where the lists were left. */
export const forgetPlaces = () => places.clear();

export class List {
  #path;
  #filters;
  #row;
  #empty;
  #page;
  #group;
  // The last group: its key, and the element and amounts of its head.
  #last = null;
  #rows = make("ul", { class: "rows", role: "list" });
  #foot = make("div", { class: "foot" });
  #next = "";
  #asked = 0;
  #typing = 0;
  #watch;
  #reading;
  // The list, to be put into the view.
  element = make("div", { class: "list" }, this.#rows, this.#foot);

  /**
   * path: of the API; filters(): the parameters as they are now; row(item): its element; empty(isFiltered): what stands where there is none; page:
   * of the view. group {key(item), words(item), amount(item)}: rows of one key follow each other below a head with their sum.
   */
  constructor(page, { path, filters, row, empty, group = null }) {
    [this.#page, this.#path, this.#filters, this.#row, this.#empty, this.#group] = [page, path, filters, row, empty, group];
    this.#watch = new IntersectionObserver((seen) => seen.some(({ isIntersecting }) => isIntersecting) && this.#more(), { rootMargin: "600px" });
    page.signal.addEventListener("abort", () => {
      this.#watch.disconnect();
      this.#reading?.abort();
    });
    // The place is kept before the view goes.
    page.onLeave(() => places.set(this.#page.hash, { rows: this.#rows.children.length, top: scrollY }));
  }

  /** Loads the list from its beginning; as far as it was read before, if the view was left. */
  async load({ isBack = false } = {}) {
    const place = isBack ? places.get(this.#page.hash) : null;
    const mine = ++this.#asked;
    this.#reading?.abort();
    this.#reading = new AbortController();
    this.#watch.disconnect();
    if (!this.#rows.children.length) this.#foot.replaceChildren(waiting());
    this.element.setAttribute("aria-busy", "true");
    const filters = this.#filters();
    const asked = { ...filters, cursor: "", page_size: Math.max(PAGE, Math.min(place?.rows ?? 0, MOST)) };
    // An empty cursor asks for the first page by cursor, without a count.
    const path = `${address(this.#path, asked)}&cursor=`;
    try {
      const { results, next } = await get(path, {}, this.#reading.signal);
      if (mine !== this.#asked) return;
      this.#rows.replaceChildren();
      this.#last = null;
      this.#show(results, next);
      const isFiltered = Object.entries(filters).some(([name, value]) => value && name !== "ordering");
      if (!results.length) this.#foot.replaceChildren(this.#empty(isFiltered));
      if (place) scrollTo(0, place.top);
    } catch (error) {
      if (mine === this.#asked && !this.#page.signal.aborted && !isQuiet(error)) this.#fail(error, () => this.load());
    } finally {
      if (mine === this.#asked) this.element.setAttribute("aria-busy", "false");
    }
  }

  /** Loads the list a moment after the last call. */
  loadSoon() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.load(), TYPING_MS);
  }

  #show(results, next) {
    for (const item of results) {
      if (this.#group) this.#join(item);
      this.#rows.append(make("li", {}, this.#row(item)));
    }
    this.#next = next ? local(next) : "";
    this.#foot.replaceChildren();
    if (!this.#next) {
      this.#endGroup();
      return;
    }
    this.#foot.append(waiting(1));
    this.#watch.observe(this.#foot);
  }

  #join(item) {
    const key = this.#group.key(item);
    if (this.#last?.key !== key) {
      this.#endGroup();
      const total = make("strong", {});
      this.#rows.append(make("li", { class: "group" }, make("h2", { text: this.#group.words(item) }), total));
      this.#last = { key, total, amounts: [] };
    }
    this.#last.amounts.push(this.#group.amount(item));
  }

  /** The sum of a group is known when the next one has begun. */
  #endGroup() {
    if (this.#last) this.#last.total.textContent = money(sum(this.#last.amounts));
  }

  async #more() {
    this.#watch.disconnect();
    const mine = this.#asked;
    try {
      const { results, next } = await get(this.#next, {}, this.#reading.signal);
      if (mine === this.#asked) this.#show(results, next);
    } catch (error) {
      if (mine === this.#asked && !this.#page.signal.aborted && !isQuiet(error)) this.#fail(error, () => this.#more());
    }
  }

  #fail(error, again) {
    this.#foot.replaceChildren(failed(wordsOf(error), again));
  }
}

/**
 * Returns {element, value()}: the search field and the filters of a list. chips: [[value, words], …], of which one is chosen. The choice stands in
 * the address, so that a reload and the way back find it. onChange(isTyping).
 */
export function listHead(page, { hint, chips = [], chip = "status", onChange }) {
  const search = make("input", { type: "search", value: page.query.get("q") ?? "", placeholder: hint, "aria-label": hint, maxlength: "100", spellcheck: "false", enterkeyhint: "search" });
  let chosen = page.query.get(chip) ?? "";
  const buttons = chips.map(([value, words]) => make("button", { type: "button", class: "chip", text: words, data: { value }, "aria-pressed": String(value === chosen), on: { click: () => {
    chosen = value;
    for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.value === chosen));
    changed(false);
  } } }));
  const changed = (isTyping) => {
    const query = new URLSearchParams(Object.entries({ [chip]: chosen, q: search.value.trim() }).filter(([, value]) => value));
    page.setQuery(query);
    onChange(isTyping);
  };
  search.addEventListener("input", () => changed(true));
  const form = make("form", { class: "searched", role: "search", on: { submit: (event) => { event.preventDefault(); changed(false); } } }, search);
  const element = make("div", { class: "list-head" }, form, chips.length > 0 && make("div", { class: "chips", role: "group", "aria-label": say("filter") }, buttons));
  return { element, value: () => ({ search: search.value.trim(), [chip]: chosen }) };
}

/** Returns what stands where a list is empty. */
export function emptyList(words, action) {
  return (isFiltered) => (isFiltered ? none(say("nothing-found")) : none(words, ...(action ? [action] : [])));
}
