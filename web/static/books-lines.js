// The lines of the editor: what is sold, how much of it, and at which price. The total of a line is the server's.

import { button, make } from "./books-dom.js";
import { plainMoney, typedNumber } from "./books-format.js";
import { grow, sentences } from "./books-form.js";
import { say } from "./books-words.js";
import { write } from "./live-format.js";

export class Lines {
  #list = make("ol", { class: "lines", "aria-label": say("lines") });
  #onChange;
  // What the editor shows: the lines, and the button that adds one.
  element;

  constructor(onChange) {
    this.#onChange = onChange;
    const add = button(say("add-line"), { icon: "add", class: "plain add-line", on: { click: () => this.add({ isFocused: true }) } });
    this.element = make("section", { class: "lines-part", "aria-label": say("lines") },
      make("div", { class: "line-heads", "aria-hidden": "true" }, ["description", "quantity", "unit-price", "amount"].map((name) => make("span", { text: say(name) }))),
      this.#list, make("p", { class: "problem", role: "alert", data: { problem: "line_items" } }), add);
    this.#list.addEventListener("input", (event) => {
      event.target.removeAttribute("aria-invalid");
      event.target.closest("li").querySelector(".problem").textContent = "";
      this.#onChange();
    });
    this.#list.addEventListener("click", (event) => {
      const act = event.target.closest("button")?.dataset.act;
      if (act) this.#act(act, event.target.closest("li"));
    });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Adds a line, at the end or after another one. */
  add({ line = { description: "", quantity: "1", unit_price: "" }, after = null, isFocused = false } = {}) {
    const row = lineRow(line);
    if (after) after.after(row);
    else this.#list.append(row);
    if (!isFocused) return;
    row.querySelector("textarea").focus();
    row.scrollIntoView({ block: "nearest" });
    this.#onChange();
  }

  /** The lines as they are typed. */
  get typed() {
    return [...this.#list.children].map((row) => {
      const [description, quantity, price] = row.querySelectorAll("textarea, input");
      return { description: description.value, quantity: quantity.value, unit_price: price.value };
    });
  }

  set typed(lines) {
    this.#list.replaceChildren(...lines.map(lineRow));
    if (!lines.length) this.add();
  }

  /** The lines as the API takes them, without those that are empty. Their places are those of `filled`. */
  get items() {
    return this.#filled().map(([, { description, quantity, unit_price: price }]) => ({
      description: description.trim(), quantity: typedNumber(quantity), unit_price: typedNumber(price),
    }));
  }

  /** Shows the totals that the server has computed for the lines that are complete, in their order. */
  showTotals(lines) {
    let n = 0;
    for (const [row, line] of this.#rows()) {
      const output = row.querySelector("output");
      write(output, isComplete(line) ? plainMoney(lines[n++]?.total ?? "") : "", "");
    }
  }

  /** Shows what is wrong with the lines. said: of `line_items`. Returns whether there is anything. */
  showProblems(said) {
    const filled = this.#filled();
    if (!Array.isArray(said) || said.every((one) => typeof one === "string")) {
      this.element.querySelector("[data-problem]").textContent = sentences(said ?? []).join(" ");
      return Boolean(said);
    }
    said.forEach((problems, n) => {
      const row = filled[n]?.[0];
      const words = sentences(problems).join(" ");
      if (!row || !words) return;
      row.querySelector(".problem").textContent = words;
      for (const name of Object.keys(problems)) row.querySelector(`[data-line="${CSS.escape(name)}"]`)?.setAttribute("aria-invalid", "true");
    });
    return true;
  }

  clearProblems() {
    for (const place of this.element.querySelectorAll(".problem")) place.textContent = "";
  }

  #rows() {
    const typed = this.typed;
    return [...this.#list.children].map((row, n) => [row, typed[n]]);
  }

  #filled() {
    return this.#rows().filter(([, { description, unit_price: price }]) => description.trim() || price.trim());
  }

  #act(act, row) {
    if (act === "remove") {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      if (next) next.querySelector("textarea").focus();
      else this.add({ isFocused: true });
    } else if (act === "up") row.previousElementSibling?.before(row);
    else row.nextElementSibling?.after(row);
    if (act !== "remove") row.querySelector(`[data-act="${act}"]`).focus();
    this.#onChange();
  }

  /** Alt and an arrow move a line; Enter in its last field goes on to the next line. */
  #key(event) {
    const row = event.target.closest("li");
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      const { target } = event;
      this.#act(event.key === "ArrowUp" ? "up" : "down", row);
      target.focus();
    } else if (event.key === "Enter" && event.target.localName === "input") {
      event.preventDefault();
      if (event.target.dataset.line === "quantity") row.querySelector('[data-line="unit_price"]').focus();
      else if (row.nextElementSibling) row.nextElementSibling.querySelector("textarea").focus();
      else this.add({ isFocused: true });
    }
  }
}

/** Whether the server counts the line in a preview: it has a text, and a quantity and a price of more than nothing. */
function isComplete({ description, quantity, unit_price: price }) {
  return description.trim() !== "" && Number(typedNumber(quantity)) > 0 && Number(typedNumber(price)) > 0;
}

function lineRow({ description, quantity, unit_price: price }) {
  const area = grow(make("textarea", { rows: "1", maxlength: "1000", "aria-label": say("description"), placeholder: say("description-hint"), data: { line: "description" }, value: description }));
  const number = (name, words, value) => make("input", { type: "text", inputmode: "decimal", maxlength: "14", autocomplete: "off", "aria-label": words, placeholder: words, data: { line: name }, value });
  const act = (name, words, image) => button(words, { icon: image, unseen: true, class: "plain bare", tabindex: name === "remove" ? null : "-1", data: { act: name } });
  return make("li", { class: "line" },
    area, number("quantity", say("quantity"), quantity), make("span", { class: "times", "aria-hidden": "true", text: "×" }),
    number("unit_price", say("unit-price"), price), make("output", { "aria-label": say("amount") }),
    make("span", { class: "line-acts" }, act("up", say("move-up"), "up"), act("down", say("move-down"), "down"), act("remove", say("remove-line"), "bin")),
    make("span", { class: "problem", role: "alert" }));
}
