// Formats values as text, and accesses the elements of the page.
//
// The text of an invoice is untrusted. It is written only through textContent, so it never becomes markup, an address or a class
// name. A status selects its colour through the value of a data attribute.

// An invoice that waits this long is shown in amber, and later in red.
const SLOW_SECONDS = 3600;
const LATE_SECONDS = 4 * 3600;

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
export const whole = new Intl.NumberFormat();

export const find = (id) => document.getElementById(id);

/** Writes the text only if it differs: a write triggers a screen reader announcement, and removes the user's selection. */
export function write(element, text, otherwise = "-") {
  const shown = text === null || text === undefined || text === "" ? otherwise : String(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/** Returns a copy of the single element of a template. */
export function copy(template) {
  return find(template).content.firstElementChild.cloneNode(true);
}

/** Returns the parts of an element by data-field. */
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

/** Returns "", "slow" or "late". A delivered invoice is never late. */
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

// Settings that this device keeps between visits. If the browser blocks localStorage, nothing is kept.

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
  } catch {
    // The browser blocks localStorage.
  }
}
