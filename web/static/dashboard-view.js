// The sections of the page. Each is filled again only if what it shows has changed, so that a focus, a selection or an open list stays.

import { linkButton, make } from "./books-dom.js";
import { bestClients, keyFigures, projections, today } from "./dashboard-cards.js";
import { owed, shares } from "./dashboard-shares.js";
import { periodHead, tiles } from "./dashboard-tiles.js";
import { TrendChart } from "./dashboard-trend.js";
import { say } from "./dashboard-words.js";

const FRESH_MS = 1600;

export class DashboardView {
  #chart = new TrendChart();
  // The sections by name, and what each shows, as text.
  #bodies = {};
  #shown = {};
  element;

  constructor() {
    const head = make("div", { class: "period-head", data: { section: "head" } });
    const tileRow = make("div", { class: "figure-tiles", role: "group", "aria-labelledby": "period-title" });
    this.#bodies = { head, tiles: tileRow };
    const card = (name, { note, link } = {}) => {
      const body = make("div", { class: "card-body" });
      this.#bodies[name] = body;
      return make("section", { class: "card", "aria-labelledby": `${name}-title`, data: { section: name } }, make("div", { class: "card-head" }, make("h2", { id: `${name}-title`, text: say(`${name}-title`) }), note && make("span", { class: "note", text: note }), link), body);
    };
    this.element = make("div", { class: "dashboard" },
      head, tileRow, this.#chart.element, card("owed", { link: linkButton(say("to-overdue"), "/books/#/invoices?status=overdue", { class: "link" }) }),
      card("revenue"), card("expenses"), card("today"), card("clients", { note: say("clients-note") }), card("metrics", { note: say("metrics-note") }), card("projections", { note: say("projections-note") }));
  }

  /** Shows the figures of dashboard-load.js. */
  show(found) {
    const { overview, trends, breakdown } = found;
    this.element.removeAttribute("aria-busy");
    this.#fill("head", [overview.period_type, trends.revenue_trend.at(-1)], () => periodHead(found));
    this.#fillTiles(found);
    this.#chart.show(trends);
    this.#fill("owed", [overview.outstanding_amount, found.stats, found.soon, found.late, overview.snapshot_date], () => owed(found));
    this.#fill("revenue", breakdown.revenue_categories, (items) => shares(items, "revenue", say("no-revenue-in")));
    this.#fill("expenses", breakdown.expense_categories, (items) => shares(items, "expenses", say("no-expenses-in"), (name) => say(`category-${name}`, {}, name)));
    this.#fill("clients", found.clients, bestClients);
    this.#fill("metrics", overview.key_metrics, () => keyFigures(overview));
    this.#fill("projections", found.projections, projections);
  }

  /** Shows the figures of the moment. */
  showLive(figures) {
    const { performance_score, metrics, alerts } = figures;
    this.#fill("today", { performance_score, metrics, alerts: alerts.map(({ level, message, metric }) => ({ level, message, metric })) }, today);
  }

  /** Other figures have been asked for. */
  wait() {
    this.element.setAttribute("aria-busy", "true");
  }

  #fillTiles(found) {
    const before = Object.fromEntries([...this.#bodies.tiles.children].map((tile) => [tile.dataset.figure, tile.querySelector("strong").textContent]));
    const wasPeriod = this.#bodies.tiles.dataset.period;
    const isFilled = this.#fill("tiles", [found.overview, found.trends], () => tiles(found));
    this.#bodies.tiles.dataset.period = found.overview.period_type;
    if (!isFilled || wasPeriod !== found.overview.period_type) return;
    for (const tile of this.#bodies.tiles.children) {
      if (before[tile.dataset.figure] === tile.querySelector("strong").textContent) continue;
      tile.classList.add("fresh");
      setTimeout(() => tile.classList.remove("fresh"), FRESH_MS);
    }
  }

  /** Fills a section by make(data), if the data are others than those shown. Returns whether they are. */
  #fill(name, data, fill) {
    const text = JSON.stringify(data);
    if (this.#shown[name] === text) return false;
    this.#shown[name] = text;
    const body = this.#bodies[name];
    const focused = body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const open = [...body.querySelectorAll("details")].map((one) => one.open);
    body.replaceChildren(...fill(data));
    for (const [n, details] of body.querySelectorAll("details").entries()) details.open = open[n] ?? false;
    if (focused) [...body.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    return true;
  }
}
