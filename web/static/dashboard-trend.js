// The chart of revenue, expenses and profit. One period is always being read: the one under the pointer or the keyboard's, else the present.
// For screen readers it is a slider over the periods, and a table below it has all values.

import { make } from "./books-dom.js";
import { amount, periodLabel, periodName, shortAmount } from "./dashboard-format.js";
import { draw, ticks } from "./dashboard-svg.js";
import { say } from "./dashboard-words.js";

const KINDS = ["revenue", "expenses", "profit"];
// Pixels: room for labels, and the width of a letter of them.
const FOOT = 26;
const HEAD = 10;
const LETTER = 7.4;
// The widest bar in pixels, and the part of a period's room that each of its two bars takes.
const WIDEST = 22;
const PART = 0.34;

export class TrendChart {
  #type = "";
  // [{date, revenue, expenses, profit}, …], oldest first.
  #points = [];
  #read = -1;
  // Of the drawing, in pixels: CSS decides.
  #width = 600;
  #height = 300;
  #band = draw("rect", { class: "band" });
  #place = () => {};
  #periodAt = () => 0;
  #reading = make("div", { class: "reading" });
  #plot = make("div", { class: "plot", role: "slider", tabindex: "0", "aria-label": say("trend-label"), "aria-valuemin": "1" });
  #table = make("table", { class: "trend-table" });
  #details = make("details", { class: "as-table" }, make("summary", { text: say("as-table") }), make("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": say("as-table") }, this.#table));
  element = make("section", { class: "card trend", "aria-labelledby": "trend-title", data: { section: "trend" } }, make("h2", { id: "trend-title", text: say("trend-title") }), this.#reading, this.#plot, this.#details);

  constructor() {
    new ResizeObserver(() => this.#resized()).observe(this.#plot);
    for (const event of ["pointermove", "pointerdown"]) this.#plot.addEventListener(event, ({ clientX }) => this.#at(clientX - this.#plot.getBoundingClientRect().left));
    this.#plot.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && document.activeElement !== this.#plot && this.#show(this.#last));
    this.#plot.addEventListener("blur", () => this.#show(this.#last));
    this.#plot.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows the trends of the API. */
  show({ period, revenue_trend: revenue, expense_trend: expenses, profit_trend: profit }) {
    const wasLast = this.#read < 0 || this.#read === this.#last || period !== this.#type;
    this.#type = period;
    this.#points = revenue.map(({ date, value }, n) => ({ date, revenue: value, expenses: expenses[n].value, profit: profit[n].value }));
    this.#plot.setAttribute("aria-valuemax", this.#points.length);
    this.#draw();
    this.#fillTable();
    this.#show(wasLast ? this.#last : Math.min(this.#read, this.#last));
  }

  get #last() {
    return this.#points.length - 1;
  }

  #resized() {
    const { clientWidth: width, clientHeight: height } = this.#plot;
    if (!width || !height || (width === this.#width && height === this.#height)) return;
    [this.#width, this.#height] = [width, height];
    if (this.#points.length) this.#draw();
  }

  #draw() {
    const [width, height] = [this.#width, this.#height];
    const steps = ticks(this.#points.flatMap((point) => KINDS.map((kind) => point[kind])));
    const labels = steps.map(shortAmount);
    const left = 8 + Math.max(...labels.map((label) => label.length)) * LETTER;
    const [least, most] = [steps[0], steps.at(-1)];
    const y = (value) => (most === least ? height - FOOT : HEAD + ((most - value) / (most - least)) * (height - FOOT - HEAD));
    const room = (width - left) / this.#points.length;
    const x = (n) => left + room * (n + 0.5);
    const lines = steps.map((step, n) => [draw("line", { class: step === 0 ? "zero" : "grid", x1: left, x2: width, y1: y(step), y2: y(step) }), draw("text", { class: "y-label", x: left - 8, y: y(step) + 4 }, labels[n])]);
    const wide = Math.min(WIDEST, room * PART);
    const column = (kind, side) => this.#points.map((point, n) => {
      const end = y(point[kind]);
      return draw("rect", { class: kind, x: x(n) + side, width: wide, y: Math.min(end, y(0)), height: Math.abs(end - y(0)), rx: Math.min(2, wide / 4), "data-value": String(point[kind]) });
    });
    const profit = this.#points.map((point, n) => [x(n), y(point.profit)]);
    this.#place = () => {
      for (const [name, value] of [["x", left + room * this.#read], ["width", room], ["y", 0], ["height", height - FOOT + 4]]) this.#band.setAttribute(name, value);
    };
    this.#plot.replaceChildren(draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
      this.#band, lines, column("revenue", -wide - 0.75), column("expenses", 0.75),
      draw("polyline", { class: "profit", points: profit.map((point) => point.map((number) => number.toFixed(1)).join(",")).join(" ") }),
      profit.map(([cx, cy], n) => draw("circle", { class: "profit", cx, cy, r: wide < 6 ? 2.2 : 3.2, "data-value": String(this.#points[n].profit) })),
      this.#xLabels(room, x)));
    this.#periodAt = (offset) => Math.floor((offset - left) / room);
    this.#place();
  }

  /** The names of periods, as many as have room, counted from the present one. */
  #xLabels(room, x) {
    const labels = this.#points.map(({ date }) => periodLabel(this.#type, date));
    const every = Math.max(1, Math.ceil((Math.max(...labels.map((label) => label.length)) * LETTER + 8) / room));
    return labels.map((label, n) => {
      if ((this.#last - n) % every) return null;
      // The last name may be wider than its room.
      const isOut = x(n) + (label.length * LETTER) / 2 > this.#width;
      return draw("text", { class: isOut ? "x-label end" : "x-label", x: isOut ? this.#width : x(n), y: this.#height - 7 }, label);
    });
  }

  #at(offset) {
    this.#show(Math.max(0, Math.min(this.#last, this.#periodAt(offset))));
  }

  #key(event) {
    const steps = { ArrowLeft: this.#read - 1, ArrowDown: this.#read - 1, ArrowRight: this.#read + 1, ArrowUp: this.#read + 1, Home: 0, End: this.#last };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#show(Math.max(0, Math.min(this.#last, steps[event.key])));
  }

  #show(read) {
    const point = this.#points[read];
    if (!point) return;
    this.#read = read;
    const period = periodName(this.#type, point.date);
    const [revenue, expenses, profit] = KINDS.map((kind) => amount(point[kind]));
    this.#reading.dataset.length = [revenue, expenses, profit].some((text) => text.length > 11) ? "more" : "";
    this.#reading.replaceChildren(make("strong", { text: period }), ...[revenue, expenses, profit].map((text, n) => make("span", { class: `key ${KINDS[n]}` }, make("span", { text: say(KINDS[n]) }), make("b", { text }))));
    this.#plot.setAttribute("aria-valuenow", read + 1);
    this.#plot.setAttribute("aria-valuetext", say("reading-of", { period, revenue, expenses, profit }));
    this.#place();
  }

  #fillTable() {
    const head = make("thead", {}, make("tr", {}, make("th", { scope: "col", text: say("period") }), KINDS.map((kind) => make("th", { scope: "col", class: "figure", text: say(kind) }))));
    const rows = this.#points.map((point) => make("tr", {}, make("th", { scope: "row", text: periodName(this.#type, point.date) }), KINDS.map((kind) => make("td", { class: "figure", text: amount(point[kind]) }))));
    this.#table.replaceChildren(make("caption", { class: "unseen", text: say("trend-caption", { count: this.#points.length }) }), head, make("tbody", {}, rows.reverse()));
  }
}
