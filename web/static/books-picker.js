// A field in which a client is chosen: what is typed is searched, and a client who is not there yet can be made.

import { get, isQuiet, wordsOf } from "./books-api.js";
import { editClient } from "./books-client-form.js";
import { button, icon, make } from "./books-dom.js";
import { say } from "./books-words.js";

const TYPING_MS = 160;
const SHOWN = 8;
let numbers = 0;

export class ClientPicker {
  #id = `picker-${++numbers}`;
  #signal;
  #onChange;
  #chosen = null;
  #found = [];
  #active = -1;
  #asked = 0;
  #typing = 0;
  #list = make("ul", { class: "choices", role: "listbox", id: `${this.#id}-list`, "aria-label": say("clients"), hidden: true });
  #field;
  #card = make("div", { class: "chosen", hidden: true });
  #typed;
  // The field, to be put into a form. Its problem is that of the field `client`.
  element;

  /** onChange(client): {id, name, …}, or null. */
  constructor({ label, signal, onChange, isOptional = false }) {
    this.#signal = signal;
    this.#onChange = onChange;
    this.#field = make("input", {
      id: this.#id, type: "text", maxlength: "100", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list",
      "aria-controls": `${this.#id}-list`, placeholder: say(isOptional ? "no-client-hint" : "client-hint"), "aria-describedby": `${this.#id}-problem`, data: { line: "no" },
      on: {
        input: () => this.#search(TYPING_MS), click: () => this.#search(0), keydown: (event) => this.#key(event),
        blur: () => setTimeout(() => this.#close(), 150),
      },
    });
    this.#typed = make("div", { class: "typed" }, this.#field, this.#list);
    this.element = make("div", { class: "part wide picker" },
      make("label", { for: this.#id, text: label }), this.#typed, this.#card,
      make("span", { class: "problem", id: `${this.#id}-problem`, role: "alert", data: { problem: "client" } }));
    // A press on a row does not take the focus from the field.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const place = [...this.#list.children].indexOf(event.target.closest("[role=option]"));
      if (place >= 0) this.#choose(place);
    });
  }

  get client() {
    return this.#chosen;
  }

  set client(client) {
    this.#chosen = client;
    this.#card.hidden = !client;
    this.#typed.hidden = Boolean(client);
    this.element.querySelector("[data-problem]").textContent = "";
    if (!client) return;
    const note = [client.company, client.email || client.phone].filter(Boolean).join(" · ");
    this.#card.replaceChildren(
      make("span", { class: "initial", "aria-hidden": "true", text: [...client.name][0]?.toUpperCase() ?? "" }),
      make("span", { class: "row-text" }, make("strong", { text: client.name }), note && make("span", { class: "note", text: note })),
      button(say("other-client"), { icon: "close", unseen: true, on: { click: () => this.#clear() } }));
  }

  focus() {
    this.#field.focus();
  }

  #clear() {
    this.client = null;
    this.#field.value = "";
    this.#onChange(null);
    this.#field.focus();
  }

  #search(ms) {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#load(this.#field.value.trim()), ms);
  }

  async #load(text) {
    const mine = ++this.#asked;
    try {
      const { results } = await get("/api/clients/", { search: text, is_active: "true", page_size: SHOWN, ordering: text ? "" : "-updated_at" }, this.#signal);
      if (mine !== this.#asked || document.activeElement !== this.#field) return;
      this.#found = results;
      this.#show(text);
    } catch (error) {
      if (mine !== this.#asked || isQuiet(error)) return;
      this.#list.replaceChildren(make("li", { class: "note", text: wordsOf(error) }));
      this.#list.hidden = false;
    }
  }

  #show(text) {
    const rows = this.#found.map((client) => make("li", { class: "choice", role: "option", "aria-selected": "false" },
      make("strong", { text: client.name }), make("span", { class: "note", text: [client.company, client.email || client.phone].filter(Boolean).join(" · ") })));
    rows.push(make("li", { class: "choice add", role: "option", "aria-selected": "false" }, icon("add"), make("strong", { text: text ? say("add-client", { name: text }) : say("new-client") })));
    rows.forEach((row, n) => { row.id = `${this.#id}-${n}`; });
    this.#list.replaceChildren(...rows);
    this.#list.hidden = false;
    this.#field.setAttribute("aria-expanded", "true");
    this.#activate(text ? 0 : -1);
  }

  #close() {
    this.#asked += 1;
    clearTimeout(this.#typing);
    this.#list.hidden = true;
    this.#field.setAttribute("aria-expanded", "false");
    this.#field.removeAttribute("aria-activedescendant");
  }

  #activate(place) {
    this.#list.children[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = place;
    const row = this.#list.children[place];
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    if (row) this.#field.setAttribute("aria-activedescendant", row.id);
  }

  #choose(place) {
    const client = this.#found[place];
    if (client) this.#take(client);
    else editClient({ name: this.#field.value.trim(), signal: this.#signal, onSaved: (made) => this.#take(made) });
    this.#close();
  }

  #take(client) {
    this.client = client;
    this.#onChange(client);
    this.element.dispatchEvent(new CustomEvent("chosen", { bubbles: true }));
  }

  #key(event) {
    const last = this.#list.children.length - 1;
    if (event.key === "Escape" && !this.#list.hidden) {
      event.preventDefault();
      this.#close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.#list.hidden) this.#search(0);
      else this.#activate(event.key === "ArrowDown" ? Math.min(this.#active + 1, last) : Math.max(this.#active - 1, 0));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!this.#list.hidden && this.#active >= 0) this.#choose(this.#active);
    }
  }
}
