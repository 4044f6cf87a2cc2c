// Somebody else, or another device, has changed what is being edited (412): shows what differs, and lets people choose.

import { button, make } from "./books-dom.js";
import { fill } from "./books-form.js";
import { openSheet } from "./books-shell.js";
import { say } from "./books-words.js";

const DIFFERENT = 8;

/**
 * mine: the values as sent; base: the document on which they were typed; now: the present document; fields: the names to compare. onMine():
 * what the form has is to be saved over the present; onTheirs(): the present is taken. takeTheirs(names): writes these members of the present
 * into the form. What only the other has changed is taken without a question.
 */
export function settle({ form, mine, base, now, fields, onMine, onTheirs, takeTheirs = (names) => fill(form, Object.fromEntries(names.map((name) => [name, now[name]]))) }) {
  const changed = fields.filter((name) => !same(base[name], now[name]) && !same(mine[name], now[name]));
  const isMine = (name) => !same(mine[name], base[name]);
  takeTheirs(changed.filter((name) => !isMine(name)));
  const theirs = changed.filter(isMine);
  if (!theirs.length) {
    onMine();
    return;
  }
  const rows = theirs.slice(0, DIFFERENT).map((name) => make("tr", {},
    make("th", { scope: "row", text: say(`field-${name}`, {}, name) }), make("td", { text: shown(now[name]) }), make("td", { text: shown(mine[name]) })));
  const content = make("div", { class: "asked" },
    make("p", { text: say("changed-why") }),
    make("table", { class: "differs" }, make("thead", {}, make("tr", {}, make("td", {}), make("th", { scope: "col", text: say("theirs") }), make("th", { scope: "col", text: say("mine") }))), make("tbody", {}, rows)),
    make("p", { class: "buttons" },
      button(say("keep-mine"), { class: "", on: { click: () => sheet.close("mine") } }),
      button(say("take-theirs"), { on: { click: () => sheet.close("theirs") } })));
  const sheet = openSheet({
    title: say("changed"), content, onClose: (choice) => {
      if (choice === "mine") onMine();
      else if (choice === "theirs") {
        takeTheirs(fields);
        onTheirs();
        form.dispatchEvent(new Event("input"));
      }
    },
  });
}

const same = (one, other) => JSON.stringify(plain(one)) === JSON.stringify(plain(other));

/** Numbers and texts of the same value are the same. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.keys(value).sort().filter((name) => name !== "total").map((name) => [name, plain(value[name])]);
  const text = value === null || value === undefined ? "" : String(value);
  return /^-?\d+(\.\d+)?$/.test(text) ? String(Number(text)) : text;
}

function shown(value) {
  if (Array.isArray(value)) return value.map(({ description, quantity, unit_price: price }) => `${quantity} × ${description} ${price}`).join("\n");
  return value === null || value === undefined || value === "" ? "-" : String(value);
}
