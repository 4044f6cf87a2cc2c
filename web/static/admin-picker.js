// An input that names another row by its id becomes a search for that row; its value stays the id. A fieldset of several rows gets one
// more with each choice. Without this script the id is typed.

// Between the last letter and the search.
const WAIT_MS = 200;
let made = 0;

export class Picker {
  #place;
  #several;
  #value;
  #box = document.createElement("input");
  #list = document.createElement("ul");
  #timer;
  #asked = 0;
  #at = -1;

  /** place: the element around the input or inputs, with the address of the search in data-choices. */
  constructor(place) {
    this.#place = place;
    this.#several = place.matches("fieldset");
    this.#value = this.#several ? null : place.querySelector("input");
    this.#build();
    this.#box.addEventListener("input", () => this.#typed());
    this.#box.addEventListener("focus", () => this.#search());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("blur", () => this.#left());
    // A press on a row must not take the focus away before the click.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => this.#choose(event.target.closest("[data-key]")));
  }

  #build() {
    const id = `picks-${made += 1}`;
    Object.assign(this.#box, { type: "text", maxLength: 100, autocomplete: "off", role: "combobox", placeholder: "Search" });
    Object.assign(this.#list, { id, className: "picks", role: "listbox", hidden: true });
    this.#box.setAttribute("aria-controls", id);
    this.#box.setAttribute("aria-expanded", "false");
    this.#box.setAttribute("aria-autocomplete", "list");
    if (this.#several) {
      this.#box.setAttribute("aria-label", `Add to ${this.#place.querySelector("legend").textContent}`);
      this.#place.append(this.#box);
    } else {
      // The label and the description go on belonging to what people see.
      this.#box.id = this.#value.id;
      this.#value.removeAttribute("id");
      const described = this.#value.getAttribute("aria-describedby");
      if (described) this.#box.setAttribute("aria-describedby", described);
      this.#box.value = this.#value.dataset.label || this.#value.value;
      this.#value.type = "hidden";
      this.#value.after(this.#box);
    }
    this.#place.append(this.#list);
  }

  #typed() {
    clearTimeout(this.#timer);
    if (this.#value && !this.#box.value.trim()) this.#take("", "");
    this.#timer = setTimeout(() => this.#search(), WAIT_MS);
  }

  async #search() {
    const asked = this.#asked += 1;
    const words = this.#isUnchanged() ? "" : this.#box.value.trim();
    const address = new URL(this.#place.dataset.choices, location.href);
    address.searchParams.set("q", words);
    const found = await choices(address);
    // A slower answer to an older question must not replace a newer one.
    if (asked === this.#asked && document.activeElement === this.#box) this.#show(found);
  }

  #isUnchanged() {
    return this.#value ? this.#box.value === (this.#value.dataset.label || this.#value.value) : false;
  }

  #show(found) {
    this.#at = -1;
    this.#list.replaceChildren(...(found ?? []).map((row, n) => option(row, `${this.#list.id}-${n}`)));
    if (!found?.length) {
      const none = document.createElement("li");
      none.className = "none";
      none.textContent = found ? "Nothing found. A search needs three letters in a row." : "The server does not answer.";
      this.#list.append(none);
    }
    this.#open(true);
  }

  #open(isOpen) {
    this.#list.hidden = !isOpen;
    this.#box.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) this.#box.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const rows = [...this.#list.querySelectorAll("[data-key]")];
    if (event.key === "Escape") this.#open(false);
    else if (event.key === "Enter" && !this.#list.hidden && this.#at >= 0) {
      event.preventDefault();
      this.#choose(rows[this.#at]);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && rows.length) {
      event.preventDefault();
      this.#at = (this.#at + (event.key === "ArrowDown" ? 1 : rows.length - (this.#at < 0 ? 0 : 1))) % rows.length;
      rows.forEach((row, n) => row.setAttribute("aria-selected", String(n === this.#at)));
      rows[this.#at].scrollIntoView({ block: "nearest" });
      this.#box.setAttribute("aria-activedescendant", rows[this.#at].id);
    }
  }

  #choose(row) {
    if (!row) return;
    if (this.#several) this.#add(row.dataset.key, row.textContent);
    else this.#take(row.dataset.key, row.textContent);
    this.#open(false);
  }

  #take(key, label) {
    this.#value.value = key;
    this.#value.dataset.label = label;
    this.#box.value = label;
    this.#value.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #add(key, label) {
    this.#box.value = "";
    const there = [...this.#place.querySelectorAll("[type=checkbox]")].find((tick) => tick.value === key);
    if (there) {
      there.checked = true;
      return;
    }
    const tick = Object.assign(document.createElement("input"), { type: "checkbox", value: key, checked: true });
    tick.name = this.#place.dataset.name;
    const line = Object.assign(document.createElement("label"), { className: "check" });
    line.append(tick, ` ${label}`);
    this.#box.before(line);
    tick.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // What was typed and not chosen names no row, so the chosen one is shown again.
  #left() {
    this.#open(false);
    this.#box.value = this.#value ? this.#value.dataset.label || this.#value.value : "";
  }
}

function option(row, id) {
  const line = Object.assign(document.createElement("li"), { id, role: "option", textContent: row.label });
  line.dataset.key = row.key;
  line.setAttribute("aria-selected", "false");
  return line;
}

/** Returns the rows that a search finds, or null if the server does not answer. */
async function choices(address) {
  try {
    const response = await fetch(address, { headers: { "X-Requested-With": "XMLHttpRequest" }, cache: "no-store" });
    return response.ok ? (await response.json()).choices : null;
  } catch {
    return null;
  }
}
