// The period's revenue, expenses, profit and margin, each with its change and the line of the last periods.

import { make } from "./books-dom.js";
import { amount, changeOf, perCent, periodName, plain, sizeOf } from "./dashboard-format.js";
import { sparkline } from "./dashboard-svg.js";
import { say } from "./dashboard-words.js";

// Figures whose rise is no good news.
const FALLS = ["expenses"];

/** Returns the head of the period: its name, and what it is compared with. */
export function periodHead({ overview, trends }) {
  const [before, now] = trends.revenue_trend.slice(-2).map(({ date }) => periodName(overview.period_type, date));
  return [make("h2", { id: "period-title", text: now }), make("p", { class: "note", text: say("so-far", { before }) })];
}

/** Returns the four tiles. */
export function tiles({ overview, trends }) {
  const values = (name) => trends[`${name}_trend`].map(({ value }) => value);
  const [revenue, expenses, profit] = ["revenue", "expense", "profit"].map(values);
  const margins = revenue.map((value, n) => (value ? (profit[n] / value) * 100 : 0));
  return [
    tile("revenue", amount(overview.total_revenue), revenue), tile("expenses", amount(overview.total_expenses), expenses),
    tile("profit", amount(overview.net_profit), profit), tile("margin", perCent(overview.profit_margin), margins, pointsOf(revenue, margins)),
  ];
}

function tile(name, text, values, change = changed(values)) {
  const [, isUp] = change;
  const isGood = isUp === null ? null : isUp !== FALLS.includes(name);
  return make("div", { class: "tile figure-tile", data: { figure: name } },
    make("span", { class: "tile-name", text: say(name) }), make("strong", { text, data: { length: text.length > 14 ? "most" : text.length > 10 ? "more" : "" } }), changeMark(change, isGood), sparkline(values, name));
}

/** Returns [what is said of the change, whether it is a rise]; null: it is neither a rise nor a fall. */
function changed(values) {
  const change = changeOf(values);
  if (change === null) return [say(values.at(-1) ? "before-nothing" : "change-none"), null];
  return change === 0 ? [say("change-none"), null] : [sizeOf(change), change > 0];
}

/** The change of a margin, in points: a change of per cents in per cent would be misread. */
function pointsOf(revenue, margins) {
  const [before, now] = margins.slice(-2);
  if (!revenue.at(-1)) return [say("no-revenue"), null];
  if (!revenue.at(-2)) return [say("before-nothing"), null];
  return now === before ? [say("change-none"), null] : [say("points", { change: plain(Math.abs(now - before)) }), now > before];
}

/** Returns a change with its arrow, which screen readers hear as a word. */
export function changeMark([text, isUp], isGood) {
  const way = isUp === null ? "" : say(isUp ? "up" : "down");
  const arrow = isUp === null ? "" : isUp ? "▲ " : "▼ ";
  return make("span", { class: "change", data: { good: isGood ?? "" } }, make("span", { "aria-hidden": "true", text: `${arrow}${text}` }), make("span", { class: "unseen", text: say("change-of", { way, change: text }) }));
}
