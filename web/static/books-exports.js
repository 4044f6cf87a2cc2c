// The exports: a table is saved at once, or, if it is long, made by the server and saved when it is done.

import { askFile, get, isQuiet, pause, wordsOf } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { today } from "./books-format.js";
import { saveAddress, saveBlob } from "./books-pdf.js";
import { tell } from "./books-shell.js";
import { say } from "./books-words.js";

const EXPORTED = ["clients", "quotes", "invoices", "expenses"];
const TYPES = { csv: "text/csv", xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" };
// Seconds between two looks at a table that is being made; the last one is repeated. Each look is one of the hour's requests.
const LOOKS = [3, 5, 8, 13, 21, 34, 60];
const LONGEST_MS = 30 * 60_000;

/** Returns the tables with a button for each format. */
export function exportsOf(page) {
  const row = (room) => make("li", {}, make("span", { text: say(room) }), Object.keys(TYPES).map((format) => one(room, format)), make("span", { class: "note export-state", role: "status" }));
  const one = (room, format) => button(format.toUpperCase(), { icon: "save", "aria-label": say("export-what", { what: say(room), format: format.toUpperCase() }), data: { export: `${room}-${format}` }, on: {
    click: (event) => start(page, room, format, event.currentTarget),
  } });
  return make("ul", { class: "exports", role: "list" }, EXPORTED.map(row));
}

async function start(page, room, format, pressed) {
  const state = pressed.closest("li").querySelector(".export-state");
  const name = `${room}-${today()}.${format}`;
  pressed.disabled = true;
  try {
    state.textContent = say("export-begun");
    const response = await askFile(`/api/${room}/export/?export_format=${format}`, { accept: `${TYPES[format]}, application/json`, signal: page.signal });
    if (response.status === 202) await follow(page, await response.json(), name, state);
    else saveBlob(await response.blob(), name);
    state.textContent = "";
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    state.textContent = "";
    // A file that breaks off is no file.
    tell(error instanceof TypeError ? say("no-answer") : wordsOf(error), { isWrong: true });
  } finally {
    pressed.disabled = false;
  }
}

/** Waits until the table is made, and saves it. */
async function follow(page, { id }, name, state) {
  state.textContent = say("export-made");
  const begun = Date.now();
  for (let looks = 0; Date.now() - begun < LONGEST_MS; looks += 1) {
    const found = await get(`/api/books/exports/${id}/`, {}, page.signal);
    if (found.file) {
      saveAddress(found.file, name);
      return;
    }
    if (found.error) throw new Error(found.error);
    await pause(LOOKS[Math.min(looks, LOOKS.length - 1)]);
  }
  throw new Error(say("export-late"));
}
