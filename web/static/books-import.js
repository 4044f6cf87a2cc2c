// The import of clients: the file is checked first, what is wrong in it is shown, and then it is stored.

import { isQuiet, newKey, Refused, wordsOf } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { count } from "./books-format.js";
import { sentences } from "./books-form.js";
import { forgetPlaces } from "./books-list.js";
import { upload } from "./books-file.js";
import { say } from "./books-words.js";

const PATH = "/api/clients/import/";
const SHOWN = 50;

export function importClients(page) {
  const input = make("input", { type: "file", accept: ".csv,.xlsx,text/csv", class: "unseen", tabindex: "-1", "aria-hidden": "true", id: "import-file" });
  const outcome = make("div", { class: "import-outcome", role: "status", "aria-live": "polite" });
  const choose = button(say("choose-table"), { icon: "file", on: { click: () => input.click() } });
  let file = null;
  let key = "";
  const run = async (parameters, show) => {
    choose.disabled = true;
    outcome.replaceChildren(make("p", { class: "note", text: say("reading-file") }));
    try {
      show(await upload("POST", `${PATH}?${parameters}`, { blob: file, filename: file.name, key: parameters.includes("dry_run") ? newKey() : key, signal: page.signal }));
    } catch (error) {
      if (page.signal.aborted || isQuiet(error)) return;
      const said = error instanceof Refused ? sentences(error.fields).join(" ") : "";
      outcome.replaceChildren(make("p", { class: "problem", text: said || wordsOf(error) }), button(say("again"), { on: { click: () => run(parameters, show) } }));
    } finally {
      choose.disabled = false;
    }
  };
  const store = () => run("mode=good", (report) => {
    forgetPlaces();
    file = null;
    outcome.replaceChildren(make("p", { class: "said good", text: say("imported", { count: count(report.created) }) }));
  });
  input.addEventListener("change", () => {
    [file] = input.files;
    if (!file) return;
    // Read into memory: the file may be changed between the two requests, and the second one is repeated under one key.
    const chosen = file;
    key = newKey();
    run("dry_run=true&mode=good", (report) => outcome.replaceChildren(...reported(report, chosen, store)));
    input.value = "";
  });
  return make("div", {}, make("p", { class: "actions" }, choose, input), outcome);
}

function reported({ rows, valid, errors, errors_truncated: hasMore, ignored_columns: ignored }, file, store) {
  const wrong = errors.slice(0, SHOWN).map(({ row, errors: said }) => make("tr", {}, make("th", { scope: "row", text: String(row) }),
    make("td", { text: Object.entries(said).map(([name, words]) => `${name === "non_field_errors" ? "" : `${name}: `}${sentences(words).join(" ")}`).join(" ") })));
  return [
    make("p", {}, make("strong", { text: file.name }), " ", make("span", { text: say("import-rows", { rows: count(rows), valid: count(valid) }) })),
    ignored?.length > 0 && make("p", { class: "note", text: say("ignored-columns", { names: ignored.join(", ") }) }),
    wrong.length > 0 && make("table", { class: "wrong-rows" }, make("thead", {}, make("tr", {}, make("th", { scope: "col", text: say("row") }), make("th", { scope: "col", text: say("what-is-wrong") }))), make("tbody", {}, wrong)),
    (hasMore || errors.length > SHOWN) && make("p", { class: "note", text: say("more-wrong-rows") }),
    valid > 0 && make("p", { class: "buttons" }, button(say("import-now", { count: count(valid) }), { class: "", icon: "check", on: { click: store } })),
  ].filter(Boolean);
}
