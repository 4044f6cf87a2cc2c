// The PDF of a paper: saved, or handed to another program of the phone, such as its mail or a messenger.

import { askFile, isQuiet, wordsOf } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { tell } from "./books-shell.js";
import { say } from "./books-words.js";

const PDF = "application/pdf";

/** Returns the buttons that save and share the PDF. */
export function pdfButtons({ kind, paper }) {
  const name = `${paper[kind.number]}.pdf`;
  const path = `${kind.path}${paper.id}/pdf/`;
  const canShare = navigator.canShare?.({ files: [new File([], name, { type: PDF })] }) ?? false;
  return make("p", { class: "actions" },
    button(say("save-pdf"), { icon: "save", on: { click: (event) => save(event.currentTarget, path, name) } }),
    canShare && button(say("share"), { icon: "share", on: { click: (event) => share(event.currentTarget, path, name) } }));
}

async function share(pressed, path, name) {
  const blob = await fetched(pressed, path, PDF);
  if (!blob) return;
  // Whoever closes the list of programs gets an error, too.
  await navigator.share({ files: [new File([blob], name, { type: PDF })], title: name }).catch(() => {});
}

/** Fetches the file with the token of the session, and saves it under this name. */
export async function save(pressed, path, name, accept = PDF) {
  const blob = await fetched(pressed, path, accept);
  if (blob) saveBlob(blob, name);
}

export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  saveAddress(url, name);
  // The browser reads the file after this task.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function saveAddress(url, name) {
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

async function fetched(pressed, path, accept) {
  pressed.disabled = true;
  try {
    return await (await askFile(path, { accept })).blob();
  } catch (error) {
    if (!isQuiet(error)) tell(wordsOf(error), { isWrong: true });
    return null;
  } finally {
    pressed.disabled = false;
  }
}
