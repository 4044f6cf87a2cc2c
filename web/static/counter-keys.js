// The keys of the counter, and the page that lists them.

import { say } from "./counter-words.js";
import { find } from "./live-format.js";

const LIST = [
  [["/", "F2"], "key-search"], [["3*"], "key-times"], [["↑", "↓"], "key-choose"], [["F7"], "key-cart"], [["+", "−", "Del"], "key-line"],
  [["F4"], "key-customer"], [["F8", "Ctrl+Enter"], "key-pay"], [["1", "2", "3", "4"], "key-methods"], [["Enter"], "key-enter"],
  [["Esc"], "key-back"], [["F9"], "key-day"], [["P"], "key-print"], [["F1", "?"], "key-help"],
];

/** does: from "search", "cart", "customer", "pay", "day" to what the key does. They work while no dialog is open. */
export function watchKeys(does) {
  find("key-list").append(...LIST.map(([keys, word]) => entry(keys, word)));
  find("keys-open").addEventListener("click", () => find("keys").showModal());
  const byKey = { F2: does.search, F4: does.customer, F7: does.cart, F8: does.pay, F9: does.day, F1: () => find("keys").showModal() };
  document.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    const isCommand = ctrlKey || metaKey || altKey;
    // The browser's own F1 to F9 would open its help or its menus, whatever is open here.
    const isOurs = !isCommand && key in byKey;
    const isTyped = event.target.closest?.("input, select, textarea") && event.target.value !== "";
    let act = isOurs ? byKey[key] : null;
    if (key === "Enter" && (ctrlKey || metaKey)) act = does.pay;
    if (key === "?" && !isCommand && !isTyped) act = byKey.F1;
    if (key === "/" && !isCommand && !event.target.closest?.("input")) act = does.search;
    const open = document.querySelector("dialog[open]");
    if (isOurs) event.preventDefault();
    if (!act) return;
    if (open) {
      // The same key closes what it has opened.
      if ((key === "F1" && open.id === "keys") || (key === "F9" && open.id === "day") || (key === "F4" && open.id === "customer")) open.close();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  });
}

function entry(keys, word) {
  const element = document.createElement("div");
  const term = document.createElement("dt");
  term.append(...keys.flatMap((key) => [Object.assign(document.createElement("kbd"), { textContent: key }), " "]));
  element.append(term, Object.assign(document.createElement("dd"), { textContent: say(word) }));
  return element;
}
