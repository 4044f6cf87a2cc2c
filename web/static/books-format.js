// Amounts, days and quantities as people read and type them. The server computes every amount: texts such as "1234.50" stay texts, and no
// amount passes through a float.

const DAY_MS = 86_400_000;
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const LONG_DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const MONTH = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric", timeZone: "UTC" });
const MONTH_NAME = new Intl.DateTimeFormat(undefined, { month: "long", timeZone: "UTC" });
const COUNT = new Intl.NumberFormat("en");

// Where these currencies are used, digits are grouped by two after the first three. The papers group them so, too (paper_amounts.py).
const GROUPED_BY_TWO = ["INR", "BDT", "NPR", "PKR"];

let shownCurrency = { currency: "", sign: "" };

/** Sets what stands before each amount, and how its digits are grouped: {currency: "USD", sign: "$"}. */
export function setCurrency(found) {
  shownCurrency = found;
}

/** Returns the amount as people read it: "1,234.50". */
export function plainMoney(text, { currency } = shownCurrency) {
  if (text === null || text === undefined || text === "") return "";
  const [whole, part = "00"] = String(text).replace("-", "").split(".");
  const groups = GROUPED_BY_TWO.includes(currency) ? /\B(?=(\d{2})*\d{3}$)/g : /\B(?=(\d{3})+$)/g;
  return `${String(text).startsWith("-") ? "-" : ""}${whole.replace(groups, ",")}.${part.padEnd(2, "0")}`;
}

/** Returns the amount with the currency: "$1,234.50". A sign of letters alone would seem to be one word with the digits. */
export function money(text, how = shownCurrency) {
  const plain = plainMoney(text, how);
  const before = `${how.sign}${/^\p{L}+$/u.test(how.sign) ? "\u00a0" : ""}`;
  return plain.startsWith("-") ? `-${before}${plain.slice(1)}` : plain && `${before}${plain}`;
}

/** Whether the amount is more than nothing. */
export const isSome = (text) => /[1-9]/.test(text ?? "");

/** Returns the sum of amounts as text. */
export function sum(texts) {
  const cents = texts.reduce((total, text) => total + BigInt(String(text).replace(".", "")), 0n);
  const digits = String(cents < 0n ? -cents : cents).padStart(3, "0");
  return `${cents < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/**
 * Returns a typed number as the API takes it: "1,234.5", "1.234,50", "12,5" and " 7 " are "1234.5", "1234.50", "12.5" and "7". A text that is
 * no number is returned as it is, so that the server says what is wrong.
 */
export function typedNumber(text) {
  const plain = String(text ?? "").replace(/[\s'\u00a0\u202f]/g, "");
  const decimal = plain.lastIndexOf(",") > plain.lastIndexOf(".") && !/^\d{1,3}(,\d{3})+$/.test(plain) ? "," : ".";
  const number = decimal === "," ? plain.replaceAll(".", "").replace(",", ".") : plain.replaceAll(",", "");
  return /^-?(\d+\.?\d*|\.\d+)$/.test(number) ? number.replace(/^(-?)\./, "$10.").replace(/\.$/, "") : String(text ?? "").trim();
}

/** Returns a rate of percent ("18", "7.25") as the fraction that the API takes ("0.18", "0.0725"), digit by digit. */
export function fraction(percent) {
  const number = typedNumber(percent.replace("%", ""));
  if (!/^\d+(\.\d+)?$/.test(number)) return number;
  const [whole, part = ""] = number.split(".");
  const digits = whole.padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}${part}`.replace(/^0+(?=\d)/, "");
}

/** Returns a fraction ("0.1800") as percent ("18"). */
export function percent(rate) {
  if (rate === null || rate === undefined || rate === "") return "";
  const [whole, part = ""] = String(rate).split(".");
  const digits = part.padEnd(2, "0");
  const text = `${whole}${digits.slice(0, 2)}.${digits.slice(2)}`.replace(/^0+(?=\d)/, "");
  return text.replace(/\.?0*$/, (tail) => (text.includes(".") ? "" : tail)) || "0";
}

/** Today where the reader is: the day of what is written now. */
export const today = () => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10);

/** Today as the server counts days, such as those that an invoice is overdue: in UTC. */
export const todayInUtc = () => new Date().toISOString().slice(0, 10);

export const plusDays = (day, count) => new Date(Date.parse(day) + count * DAY_MS).toISOString().slice(0, 10);

/** The days from one day to another. */
export const daysBetween = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS);

/** Returns a day, or the day of a moment: "29 Nov 2026". */
export function day(text) {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? "" : DAY.format(time);
}

/** Returns a day as papers show it, which no reader takes for a month: "29 November 2026". */
export function longDay(text) {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? "" : LONG_DAY.format(time);
}

/** Returns the day without the year, if it is this one. */
export function shortDay(text) {
  const time = Date.parse(text ?? "");
  if (Number.isNaN(time)) return "";
  return (String(text).startsWith(today().slice(0, 4)) ? SHORT_DAY : DAY).format(time);
}

/** Returns the month of a day: "November 2026". */
export const month = (text) => MONTH.format(Date.parse(text));

/** Returns the name of the month of a day. */
export const monthName = (text) => MONTH_NAME.format(Date.parse(text));

export const count = (number) => COUNT.format(number);

/** Returns a size of bytes: "240 KB", "1.2 MB". */
export function size(bytes) {
  return bytes < 999_500 ? `${Math.max(1, Math.round(bytes / 1000))} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
