// Periods, per cents and short amounts as people read them.

import { day, money, month, plusDays } from "./books-format.js";

export const PERIODS = ["daily", "weekly", "monthly", "quarterly", "yearly"];

const RANGE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const SHORT_MONTH = new Intl.DateTimeFormat(undefined, { month: "short", timeZone: "UTC" });
const PER_CENT = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
// A change beyond this many per cent says no more than that it is large.
const MOST_CHANGE = 999;

const quarter = (date) => `Q${Math.ceil(Number(date.slice(5, 7)) / 3)}`;

/** Returns the name of the period that begins on this date: "November 2026", "Q4 2026", "23 – 29 Nov 2026". */
export function periodName(type, date) {
  if (type === "yearly") return date.slice(0, 4);
  if (type === "quarterly") return `${quarter(date)} ${date.slice(0, 4)}`;
  if (type === "monthly") return month(date);
  if (type === "weekly") return RANGE.formatRange(Date.parse(date), Date.parse(plusDays(date, 6)));
  return day(date);
}

/** Returns the name for an axis: the year where one begins, else what is short. */
export function periodLabel(type, date) {
  if (type === "yearly" || (type !== "daily" && type !== "weekly" && date.endsWith("-01-01"))) return date.slice(0, 4);
  if (type === "quarterly") return quarter(date);
  return (type === "monthly" ? SHORT_MONTH : SHORT_DAY).format(Date.parse(date));
}

/** Returns a number of the server, or one of its texts, as an amount with the currency. */
export const amount = (value) => money(typeof value === "number" ? value.toFixed(2) : String(value).replace(/(\.\d\d)\d+$/, "$1"));

/** Returns a short form of an amount for an axis: "$1.2K". */
export function shortAmount(value) {
  const sign = money("0.00").replace("0.00", "");
  return `${value < 0 ? "-" : ""}${sign}${COMPACT.format(Math.abs(value))}`;
}

/** Returns "72.4%". A text of the server goes digit by digit through Intl, and never through a float. */
export const perCent = (value) => `${PER_CENT.format(value)}%`;

export const plain = (value) => PER_CENT.format(value);

/** Returns by how many per cent of the absolute value before the last of the values differs from it, as the API counts; null: there was nothing before. */
export function changeOf(values) {
  const [before, now] = values.slice(-2);
  return values.length < 2 || !before ? null : ((now - before) / Math.abs(before)) * 100;
}

/** Returns a change without its sign: "12.3%", ">999%". */
export const sizeOf = (change) => (Math.abs(change) > MOST_CHANGE ? `>${MOST_CHANGE}%` : perCent(Math.abs(change)));

export const clock = (time) => TIME.format(time);
