// A field with a list below it: what is typed is searched, arrow keys go through the list, Enter or a click chooses.

const TYPING_MS = 140;
const PAGE_ROWS = 6;

export class Choices {
  // What is shown, in order; what it was searched for; the place of the active one, or -1.
  items = [];
  shownFor = null;
  #field;
  #list;
  #row;
  #load;
  #onChoose;
  #onShown;
  #active = -1;
  #asked = 0;
  #typing = 0;

  /**
   * row(item): its element; load(text): the promise of the items; onChoose(item); onShown(text, error): the list is new, or could not be
   * loaded.
   */
  constructor(field, list, { row, load, onChoose, onShown }) {
    this.#field = field;
    this.#list = list;
    this.#row = row;
    this.#load = load;
    this.#onChoose = onChoose;
    this.#onShown = onShown;
    field.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.load(field.value), TYPING_MS);
    });
    field.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("click", (event) => {
      const place = [...list.children].indexOf(event.target.closest("[role=option]"));
      if (place >= 0) onChoose(this.items[place]);
    });
    // A press on a row does not take the focus from the field.
    list.addEventListener("pointerdown", (event) => event.pointerType === "mouse" && event.preventDefault());
  }

  /** Returns the active item, or undefined if no item is active. */
  get active() {
    return this.items[this.#active];
  }

  /** Whether the list shows what the text finds. */
  isOf(text) {
    return this.shownFor === text;
  }

  /** Searches now. isQuiet: the same text again, so the active item stays where it is. */
  async load(text, { isQuiet = false } = {}) {
    clearTimeout(this.#typing);
    const mine = ++this.#asked;
    try {
      const items = await this.#load(text);
      if (mine === this.#asked) this.show(items, text, isQuiet);
    } catch (error) {
      if (mine === this.#asked) this.#onShown(text, error);
    }
  }

  show(items, text, isQuiet = false) {
    this.#asked += 1;
    const { active } = this;
    this.items = items;
    this.shownFor = text;
    this.#list.replaceChildren(...items.map((item) => this.#row(item)));
    [...this.#list.children].forEach((row, n) => { row.id = `${this.#list.id}-${n}`; });
    const same = isQuiet && active ? items.findIndex(({ id }) => id === active.id) : -1;
    this.#activate(same >= 0 ? same : text.trim() && items.length && !isQuiet ? 0 : -1);
    if (!isQuiet) this.#list.scrollTop = 0;
    this.#onShown(text, null);
  }

  /** Shows an item that has changed. */
  replace(item) {
    const place = this.items.findIndex(({ id }) => id === item.id);
    if (place < 0) return;
    this.items[place] = item;
    const row = this.#row(item);
    row.id = this.#list.children[place].id;
    this.#list.children[place].replaceWith(row);
    if (place === this.#active) this.#activate(place);
  }

  #activate(place) {
    this.#list.children[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = place;
    const row = this.#list.children[place];
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    if (row) this.#field.setAttribute("aria-activedescendant", row.id);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const last = this.items.length - 1;
    const to = {
      ArrowDown: Math.min(this.#active + 1, last),
      ArrowUp: Math.max(this.#active - 1, -1),
      PageDown: Math.min(this.#active + PAGE_ROWS, last),
      PageUp: Math.max(this.#active - PAGE_ROWS, -1),
    }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#activate(to);
  }
}
