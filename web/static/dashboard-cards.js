// The cards of lists: the best clients, the key figures, what the next months may bring, and the present day with its alerts.

import { icon, linkButton, make } from "./books-dom.js";
import { count, isSome, month } from "./books-format.js";
import { amount, perCent, plain, sizeOf } from "./dashboard-format.js";
import { bar } from "./dashboard-svg.js";
import { changeMark } from "./dashboard-tiles.js";
import { say } from "./dashboard-words.js";

// The five key performance indicators, and two more that owners look for: conversion of quotes, and the average invoice.
const SHOWN_METRICS = [1, 2, 3, 4, 5, 8, 9];
const METRICS = { "Daily Revenue": "today-revenue", "Daily Expenses": "today-expenses", "Daily Profit": "today-profit", "Pending Invoices": "pending", "Overdue Invoices": "overdue", "Active Clients": "active-clients" };
const ALERT_ICONS = { critical: "warn", warning: "warn", success: "check" };

/** Returns the clients of the largest revenue, with how they pay. */
export function bestClients({ results, count: all }) {
  const row = (client) => {
    const number = client.invoice_count;
    const billed = number === 0 ? say("no-invoices-in") : number === 1 ? say("invoices-one") : say("invoices-many", { count: count(number) });
    const notes = [billed, isSome(client.outstanding_amount) && say("owing", { amount: amount(client.outstanding_amount) })].filter(Boolean);
    const score = perCent(client.payment_score).replace("%", "");
    return make("li", {}, make("a", { class: "plain-row client-row", href: `/books/#/clients/${client.client_id}`, data: { client: client.client_id } },
      make("span", {}, make("strong", { text: client.client_name }), make("strong", { text: amount(client.total_revenue) })),
      make("span", { class: "note" }, make("span", { class: "pieces" }, notes.map((text) => make("span", { text }))), make("span", {}, make("span", { title: say("score-label", { score }), text: say("score", { score }) }), make("span", { class: "badge risk", data: { risk: client.risk_level }, text: say(`risk-${client.risk_level}`, {}, client.risk_level) })))));
  };
  return [make("ul", { class: "plain-rows", role: "list" }, results.map(row)), all > results.length && linkButton(say("all", { count: count(all) }), "/books/#/clients", { class: "link" })].filter(Boolean);
}

const valueOf = (value, unit) => (unit === "currency" ? amount(value) : unit === "percentage" ? perCent(value) : plain(value));

/** Returns the metrics with their changes, and with the targets of those that have one. */
export function keyFigures({ key_metrics: metrics }) {
  const row = (metric) => {
    const mark = changeOfMetric(metric);
    return make("li", { class: "metric", data: { metric: metric.id } },
      make("span", { class: "metric-name", text: metric.metric_name }), changeMark(mark, mark[1] === null ? null : metric.is_improving),
      make("b", { text: valueOf(metric.current_value, metric.unit) }), target(metric));
  };
  return [make("ul", { class: "metrics", role: "list" }, metrics.filter(({ id }) => SHOWN_METRICS.includes(id)).map(row))];
}

function changeOfMetric({ current_value: now, previous_value: before, change_percentage: change, unit }) {
  if (now === before) return [say("change-none"), null];
  // A change of per cents in per cent would be misread.
  if (unit === "percentage") return [say("from", { before: perCent(before) }), Number(now) > Number(before)];
  return Number(change) ? [sizeOf(Number(change)), Number(change) > 0] : [say("before-nothing"), null];
}

function target({ target_value: wanted, target_achievement: part, unit }) {
  if (wanted === null) return null;
  const isReached = Number(part) >= 100;
  const words = say(isReached ? "target-reached" : "target", { target: valueOf(wanted, unit) });
  return make("span", { class: "target" }, bar([[Math.max(0, Math.min(100, Number(part))), isReached ? "reached" : "missed"]]), make("span", { class: "note", text: words }));
}

/** Returns what is expected of the next months; found is null if the past says nothing. */
export function projections(found) {
  if (!found?.length) return [make("p", { class: "note nothing", text: say("no-history") })];
  const most = Math.max(...found.map(({ projected_revenue: expected }) => Number(expected))) || 1;
  const row = (one) => {
    const [expected, billed] = [one.projected_revenue, one.confirmed_revenue].map(Number);
    const parts = [[(Math.min(billed, expected) / most) * 100, "confirmed"], [(Math.max(0, expected - billed) / most) * 100, "expected"]];
    return make("li", { class: "projection", data: { period: one.period } },
      make("span", { class: "share-name", text: month(`${one.period}-01`) }),
      make("span", { class: "share-amount" }, make("b", { text: amount(one.projected_revenue) }), make("span", { class: "note", text: say("confidence", { percent: perCent(one.confidence_level) }) })),
      bar(parts), isSome(one.confirmed_revenue) && make("span", { class: "note", text: say("billed-of", { amount: amount(one.confirmed_revenue) }) }));
  };
  return [
    make("ul", { class: "shares", role: "list" }, found.map(row)),
    found.some((one) => isSome(one.confirmed_revenue)) && make("p", { class: "keys" }, ["confirmed", "expected"].map((name) => make("span", { class: `key ${name}`, text: say(name) }))),
    make("p", { class: "note", text: say("average", { amount: amount(found[0].historical_average) }) }),
  ].filter(Boolean);
}

/** Returns the figures of the present day, the performance score and the alerts. */
export function today({ performance_score: score, metrics, alerts }) {
  const part = Math.max(0, Math.min(100, score));
  const values = metrics.map(({ name, value }) => make("div", { data: { live: name } }, make("dt", { text: say(METRICS[name] ?? "", {}, name) }), make("dd", { text: name.startsWith("Daily") ? amount(value) : count(value) })));
  return [
    make("p", { class: "performance" }, make("span", { class: "note", text: say("score-title") }), make("strong", { text: say("score-of", { score: plain(score) }) })),
    bar([[part, part < 50 ? "low" : "fair"]]),
    make("dl", { class: "live-values" }, values),
    alerts.length ? make("ul", { class: "alerts", role: "list", "aria-label": say("alerts") }, alerts.map((alert) => alertRow(alert, metrics))) : make("p", { class: "note nothing", text: say("no-alerts") }),
  ];
}

/** The server's words have no currency of the owner's, so the page has its own for those that it knows. */
function alertRow({ level, message, metric }, metrics) {
  const found = metrics.find(({ name }) => name === metric);
  const isMoney = metric.startsWith("Daily");
  const shown = (value) => (isMoney ? amount(value) : count(value));
  const words = found ? say(`alert-${level}-${metric}`, { amount: shown(found.value), change: shown(found.change) }, message) : message;
  return make("li", { class: "alert", data: { level } }, icon(ALERT_ICONS[level] ?? "warn"), make("span", { text: words }));
}
