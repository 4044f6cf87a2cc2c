// How things are written, and the few ways in which the page touches its elements.
//
// Invoices come from strangers. All of their text goes in through textContent, and nothing of it becomes markup, an address
// or a class name; a status selects its colour as the value of a data attribute.

const SLOW_SECONDS = 3600; // an invoice that waits so long turns amber
const LATE_SECONDS = 4 * 3600; // and red

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
export const whole = new Intl.NumberFormat();

export const find = (id) => document.getElementById(id);

/** Only what changed: a field may be announced, or selected by somebody. */
export function write(element, text, otherwise = "-") {
  const shown = text === null || text === undefined || text === "" ? otherwise : String(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/** A copy of a template's one element. */
export function copy(template) {
  return find(template).content.firstElementChild.cloneNode(true);
}

export function fieldsOf(element) {
  return Object.fromEntries([...element.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field]));
}

export function age(seconds) {
  if (Number.isNaN(seconds)) return "";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 10) return `${hours}h ${String(minutes % 60).padStart(2, "0")}m`;
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)} days`;
}

/** How an age looks: "", "slow" or "late". What was delivered waits for nobody. */
export function lateness(seconds, status) {
  if (status === "DELIVERED" || !(seconds >= SLOW_SECONDS)) return "";
  return seconds < LATE_SECONDS ? "slow" : "late";
}

export function moment(text) {
  const time = Date.parse(text);
  return Number.isNaN(time) ? "" : dayAndTime.format(time);
}

export function amount(value) {
  return Number.isFinite(value) ? money.format(value) : "";
}

export function counted(number, one, many) {
  return number === 1 ? `1 ${one}` : `${whole.format(number)} ${many}`;
}

export function titled(word) {
  return String(word).charAt(0).toUpperCase() + String(word).slice(1).toLowerCase();
}

// What this device remembers between visits; a browser that forbids it just doesn't.

export function recall(name) {
  try {
    return localStorage.getItem(`tradepost.${name}`) ?? "";
  } catch {
    return "";
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`tradepost.${name}`, value);
  } catch { /* see above */ }
}
