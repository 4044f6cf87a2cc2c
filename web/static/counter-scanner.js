// A barcode scanner types fast and ends with Enter or Tab. What it types is taken out of whatever has the focus, so a code neither lands in
// a quantity nor confirms a payment.

import { types } from "./live-scan.js";

// The longest time between two keys of a scan, in ms. Scanners need 1 to 50; people who type fast need 80.
const KEY_MS = 60;
// The least number of keys of a scan: people press two or three keys that fast.
const FEWEST = 4;
// `3*` may be typed before a scan.
const TIMES = /^\s*\d{1,6}\s*[*x×]\s*$/i;

let text = "";
let lastKey = -Infinity;
// The field that the burst goes into, and what was in it before.
let field = null;
let before = "";
let hasEnded = false;

/** Calls onScan(text, field) for each scan, outside of the elements that match `except`. */
export function watchScanner(onScan, except) {
  window.addEventListener("keydown", (event) => {
    const isQuick = event.timeStamp - lastKey < KEY_MS;
    lastKey = event.timeStamp;
    // A pause ends a burst whatever the next key is: a person presses Shift just before `+`, and a scanner before the first capital letter.
    if (!isQuick) {
      text = "";
      hasEnded = false;
    }
    if (event.target.closest?.(except)) {
      text = "";
      return;
    }
    if (event.key === "Enter" || event.key === "Tab") ends(event, onScan);
    else if (types(event)) {
      if (!text) begin(event.target);
      // Within a scan `-` and `+` are no commands to the line that has the focus. A key that is held down repeats as fast.
      else if (!event.repeat) event.stopPropagation();
      text += event.key;
      hasEnded = false;
    }
  }, true);
}

function begin(target) {
  field = target.localName === "input" && "value" in target ? target : null;
  before = field?.value ?? "";
}

function ends(event, onScan) {
  const isScan = text.length >= FEWEST;
  // Some scanners end with CR and LF: the second one must not press what the first has opened.
  hasEnded ||= isScan;
  if (hasEnded) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  const code = text;
  text = "";
  if (!isScan) return;
  const target = field?.isConnected ? field : null;
  const times = target && TIMES.test(before) ? before : "";
  if (target) target.value = times ? "" : before;
  onScan(times + code, target);
}
