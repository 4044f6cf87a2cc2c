// The export: what the file contains, how far the server is with it, and the download.

import { ask, askFile, get, isQuiet, local, pause, wordsOf } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { saveBlob } from "./books-pdf.js";
import { openSheet } from "./books-shell.js";
import { PERIODS } from "./dashboard-format.js";
import { say } from "./dashboard-words.js";
import { accessToken, json } from "./live-session.js";
import { Stream } from "./live-stream.js";

const FORMATS = ["xlsx", "csv", "pdf"];
const TYPES = ["overview", "detailed", "financial", "clients", "analytics"];
// Seconds between two looks at a file that is being made, should its events be lost; the last one is repeated.
const LOOKS = [2, 5, 10, 20, 40, 60];
const LONGEST_MS = 30 * 60_000;

/** Opens the dialog. period: the one that the page shows. */
export function openExport(period) {
  const leaving = new AbortController();
  const submit = button(say("export-make"), { type: "submit", class: "", icon: "save" });
  const state = make("p", { class: "export-state", role: "status" });
  const progress = make("progress", { max: "100", hidden: true, "aria-label": say("export-making") });
  const charts = make("label", { class: "check" }, make("input", { type: "checkbox", name: "include_charts", checked: true }), make("span", { text: say("with-charts") }));
  const form = make("form", { class: "export-form" },
    choice("export_format", say("export-format"), FORMATS.map((format) => [format, say(`format-${format}`)])),
    choice("export_type", say("export-type"), TYPES.map((type) => [type, say(`type-${type}`)])),
    choice("period_type", say("export-period"), PERIODS.map((type) => [type, say(type)]), period),
    charts, progress, state, make("p", { class: "buttons" }, submit));
  // A table of text has no charts.
  form.elements.export_format.addEventListener("change", () => { charts.hidden = form.elements.export_format.value === "csv"; });
  const sheet = openSheet({ title: say("export-title"), content: form, kind: "small", onClose: () => leaving.abort() });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const asked = Object.fromEntries(new FormData(form));
    submit.disabled = true;
    progress.hidden = false;
    progress.removeAttribute("value");
    state.textContent = say("export-making");
    const tell = ({ stage, percent }) => {
      progress.value = percent;
      state.textContent = say(`export-stage-${stage}`, {}, say("export-making"));
    };
    try {
      const name = await made({ ...asked, include_charts: "include_charts" in asked }, tell, leaving.signal);
      state.textContent = say("export-done", { name });
    } catch (error) {
      state.textContent = isQuiet(error) ? "" : wordsOf(error);
      if (leaving.signal.aborted) sheet.close();
    } finally {
      progress.hidden = true;
      submit.disabled = false;
    }
  });
}

function choice(name, words, choices, chosen = choices[0][0]) {
  return make("label", { class: "export-choice" }, make("span", { text: words }), make("select", { name }, choices.map(([value, text]) => make("option", { value, text, selected: value === chosen }))));
}

/** Has the file made, saves it and returns its name. */
async function made(asked, tell, signal) {
  const query = new URLSearchParams(asked);
  let found = await json(await ask(`/api/dashboard/export/?${query}`, { signal }));
  if (!found.export_url) found = await followed(found, tell, signal);
  const name = found.export_url.split("/").pop().split("?")[0];
  saveBlob(await (await askFile(found.export_url, { signal })).blob(), name);
  return name;
}

/** Waits until the file is made, and returns its document. */
async function followed({ status_url: path, events_url: events, ...begun }, tell, signal) {
  tell(begun);
  const since = Date.now();
  for (let looks = 0; Date.now() - since < LONGEST_MS; looks += 1) {
    await watched(local(events), tell, signal);
    const found = await get(local(path), {}, signal);
    if (found.export_url) return found;
    if (found.status === "failed") throw new Error(found.error);
    tell(found);
    await pause(LOOKS[Math.min(looks, LOOKS.length - 1)]);
  }
  throw new Error(say("export-late"));
}

/** Resolves when the stream of the export's events has ended, for whatever reason. */
function watched(path, tell, signal) {
  return new Promise((resolve) => {
    const stream = new Stream({
      path, token: accessToken(), onOpen: () => {}, onEnd: resolve,
      onBlock: ({ data }) => data && tell(JSON.parse(data)),
    });
    signal.addEventListener("abort", () => {
      stream.close();
      resolve();
    });
  });
}
