// Numbers and moments as the page of monitoring shows them.

const whole = new Intl.NumberFormat("en");
const oneDigit = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

export const count = (number) => whole.format(number);

/** 98.76 becomes "98.8 %"; null becomes a dash. */
export const percent = (number) => (number === null ? "\u2013" : `${oneDigit.format(number)}\u202f%`);

/** Seconds as people say them: "12 ms", "3.4 s", "5 min". */
export function duration(seconds) {
  if (seconds === null) return "\u2013";
  if (seconds < 1) return `${Math.round(seconds * 1000)}\u202fms`;
  return seconds < 120 ? `${oneDigit.format(seconds)}\u202fs` : `${oneDigit.format(seconds / 60)}\u202fmin`;
}

/** "14:05". */
export const time = (iso) => clock.format(new Date(iso));

/** "2 Jan, 14:05". */
export const moment = (iso) => day.format(new Date(iso));

/** "3 minutes ago". now: milliseconds. */
export function ago(iso, now) {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  const unit = UNITS.find(([, length]) => seconds >= length);
  return unit ? relative.format(-Math.floor(seconds / unit[1]), unit[0]) : "just now";
}
