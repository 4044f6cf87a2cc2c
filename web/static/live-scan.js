// What a barcode scanner types: quickly, with Enter or Tab at the end, perhaps with a prefix that names the kind of code.

// The longest time between two keys of a scan, in ms. Scanners need 1 to 50; a person at this speed would type 120 words a minute.
const KEY_MS = 100;
// The least number of keys of a scan before its Tab: a person may press two keys at once.
const FEWEST = 3;

// Blanks and controls around a code, and the AIM identifier of its symbology, such as ]C1 for Code 128 (ISO/IEC 15424). The server drops
// them too.
const AROUND = /^[\s\p{Cc}\u200b\ufeff]+|[\s\p{Cc}\u200b\ufeff]+$/gu;
const AIM = /^\][A-Za-z][0-9A-Fa-f]/;
// Malayalam chillu letters have two forms, which no normal form of Unicode unites: the letter, or another one with virama and joiner.
const CHILLUS = { "\u0d23": "\u0d7a", "\u0d28": "\u0d7b", "\u0d30": "\u0d7c", "\u0d32": "\u0d7d", "\u0d33": "\u0d7e", "\u0d15": "\u0d7f" };

/** Returns the text in the form in which the server stores it. */
export function canonical(text) {
  return text.normalize("NFC").replace(/([\u0d23\u0d28\u0d30\u0d32\u0d33\u0d15])\u0d4d\u200d/g, (_, letter) => CHILLUS[letter]);
}

/** Returns what was scanned, without what the scanner has added around it. */
export function scanned(text) {
  return canonical(text).replace(AROUND, "").replace(AIM, "").replace(AROUND, "");
}

// The keys of the present burst, and whether the last key has ended a scan, or was an Enter that may have ended one.
let keys = 0;
let lastKey = -Infinity;
let isEnd = false;
let wasEnter = false;

document.addEventListener("keydown", (event) => {
  const isQuick = event.timeStamp - lastKey < KEY_MS;
  lastKey = event.timeStamp;
  if (!isQuick) keys = 0;
  // Some scanners end a scan with CR and LF, which arrive as two Enters, and a person may hold the key. The second Enter would press what the
  // first one has opened: the step of an invoice, for the worker who was here before.
  const isSecond = event.key === "Enter" && (event.repeat || (isQuick && (wasEnter || isEnd)));
  if (isSecond && event.target.localName !== "textarea") {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  wasEnter = event.key === "Enter";
  isEnd = event.key === "Tab" && keys >= FEWEST && !event.shiftKey;
  // A key that types nothing, such as Shift for a capital letter, belongs to the burst.
  if (types(event)) keys += 1;
  else if (event.key === "Tab" || event.key === "Enter") keys = 0;
}, true);

/** Calls onEnd() when a Tab ends a scan into this field. A Tab that a person presses still moves the focus. */
export function whenTabEndsScan(field, onEnd) {
  field.addEventListener("keydown", (event) => {
    if (!isEnd) return;
    event.preventDefault();
    onEnd();
  });
}

/**
 * Leads what is typed or scanned while no field has the focus into the field that target() returns; null: nowhere. A person's `/` only
 * goes to the field; the `/` that begins a scan is part of it.
 */
export function leadKeys(target) {
  // The time of a `/` that may have been the first key of a scan.
  let slash = -Infinity;
  document.addEventListener("keydown", (event) => {
    const isFirstAfterSlash = event.timeStamp - slash < KEY_MS;
    slash = -Infinity;
    const field = target();
    if (!field || !types(event)) return;
    if (event.target === field && isFirstAfterSlash) field.value = "/";
    if (event.target.closest?.("input, select, textarea")) return;
    field.focus();
    field.select();
    if (event.key !== "/") return;
    event.preventDefault();
    slash = event.timeStamp;
  });
}

/** Whether the key types a character. A space presses the button that has the focus. AltGr counts as Control and Alt on Windows. */
export function types(event) {
  const { key, ctrlKey, metaKey, altKey, isComposing } = event;
  const isCommand = metaKey || ((ctrlKey || altKey) && !event.getModifierState("AltGraph"));
  return [...key].length === 1 && key !== " " && !isCommand && !isComposing;
}
