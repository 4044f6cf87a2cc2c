// What all views share of the page: the title with the way back, the message that stays for a while, and dialogs.

import { button, icon, make } from "./books-dom.js";
import { say } from "./books-words.js";
import { find, write } from "./live-format.js";

const MESSAGE_MS = 6000;

let hiding = 0;
let sheets = 0;

/** Goes to another view. replace: the present one does not stay in the history. */
export function go(hash, { replace = false } = {}) {
  if (location.hash === hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else if (replace) {
    history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = hash;
}

/** Shows the title of the view. back: the address that the arrow leads to; "": there is no arrow. */
export function setTitle(words, back = "") {
  write(find("title"), words);
  document.title = `${words} - Tradepost`;
  find("back").hidden = !back;
  if (back) find("back").href = back;
}

/** Shows a message for a while. action: [words, what a press does]. */
export function tell(words, { isWrong = false, action } = {}) {
  clearTimeout(hiding);
  const element = find("news");
  element.dataset.wrong = isWrong;
  element.setAttribute("role", isWrong ? "alert" : "status");
  const act = action && button(action[0], { class: "link", on: { click: () => { tell(""); action[1](); } } });
  element.replaceChildren(...(words ? [make("span", { text: words }), act].filter(Boolean) : []));
  if (words) hiding = setTimeout(() => tell(""), isWrong || action ? MESSAGE_MS * 2 : MESSAGE_MS);
}

/**
 * Opens a dialog with this content, which takes the whole screen of a phone. Returns {dialog, close(value)}. onClose(value): it has been
 * closed; value is "" unless close() was given one.
 */
export function openSheet({ title, content, onClose = () => {}, kind = "" }) {
  const id = `sheet-title-${++sheets}`;
  const heading = make("h2", { text: title, id, tabindex: "-1" });
  const close = button(say("close"), { icon: "close", unseen: true, class: "plain close", on: { click: () => dialog.close("") } });
  const dialog = make("dialog", { class: `sheet ${kind}`, "aria-labelledby": id }, make("header", {}, heading, close), content);
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose(dialog.returnValue);
  });
  // A press beside the dialog closes it, too.
  dialog.addEventListener("pointerdown", (event) => {
    const box = dialog.getBoundingClientRect();
    const isBeside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
    if (event.target === dialog && isBeside) dialog.close("");
  });
  document.body.append(dialog);
  dialog.showModal();
  const first = dialog.querySelector("[autofocus]") ?? heading;
  first.focus();
  return { dialog, close: (value = "") => dialog.close(value) };
}

/** Asks a question and resolves to whether it was agreed to. isDanger: what is agreed to can't be undone. */
export function confirm(title, words, agree, { isDanger = false } = {}) {
  return new Promise((resolve) => {
    const yes = button(agree, { class: isDanger ? "danger" : "", autofocus: !isDanger, on: { click: () => sheet.close("yes") } });
    const no = button(say("not-now"), { autofocus: isDanger, on: { click: () => sheet.close("") } });
    const content = make("div", { class: "asked" }, make("p", { text: words }), make("p", { class: "buttons" }, yes, no));
    const sheet = openSheet({ title, content, kind: "small", onClose: (value) => resolve(value === "yes") });
  });
}

/** Closes all dialogs but that of the sign-in, and the message. */
export function closeAll() {
  for (const dialog of document.querySelectorAll("dialog.sheet[open]")) dialog.close("");
  tell("");
}

/** Returns what stands in a view until its content has come: grey bars. */
export function waiting(count = 4) {
  return make("div", { class: "waiting", "aria-hidden": "true" }, Array.from({ length: count }, () => make("p", {})));
}

/** Returns what stands instead of a content that could not be loaded. */
export function failed(words, again) {
  return make("div", { class: "none failed" }, icon("warn"), make("p", { text: words }), make("p", { class: "none-actions" }, button(say("again"), { on: { click: again } })));
}
