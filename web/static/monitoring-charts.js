// Charts as SVG, drawn here. The policy of the page allows no style attributes: what has a size has it as a geometry attribute, and
// colours come from the classes of monitoring.css.

const SVG = "http://www.w3.org/2000/svg";
// The inside of a chart, in units of its own; the picture is scaled to the width that it gets.
const WIDTH = 480, HEIGHT = 190, LEFT = 46, RIGHT = 8, TOP = 10, BOTTOM = 24;
const ACROSS = WIDTH - LEFT - RIGHT, DOWN = HEIGHT - TOP - BOTTOM;
const KEYS = { ArrowLeft: -1, ArrowRight: 1 };

/**
 * A figure with a chart of values over time.
 *
 * points: [{label, values}], oldest first; null among the values is a gap. series: [{name, kind: "line" or "bar", className}], one for each
 * value; bars stand on each other. say(value): a value as text. top: the highest value of the axis; without it, what the values need.
 */
export function chart({ title, points, series, say, top, empty }) {
  const figure = made("figure", "chart");
  const caption = made("figcaption");
  const heading = made("h3");
  heading.textContent = title;
  const reading = made("p", "reading");
  caption.append(heading, series.length > 1 ? legend(series) : "", reading);
  figure.append(caption);
  const highest = top ?? nice(Math.max(0, ...points.map((point) => stacked(point, series))));
  if (!points.some((point) => point.values.some((value) => value !== null)) || !highest) {
    const nothing = made("p", "nothing");
    nothing.textContent = empty;
    figure.append(nothing);
    return figure;
  }
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: 0, "aria-label": summary(title, points, series, say) });
  svg.append(...axis(highest, say, points));
  series.forEach((one, n) => svg.append(...(one.kind === "line" ? line(points, n, one, highest) : bars(points, series, n, one, highest))));
  const mark = drawn("line", { class: "mark", y1: TOP, y2: TOP + DOWN, visibility: "hidden" });
  svg.append(mark);
  figure.append(svg);
  read(svg, mark, points, series[0].kind === "bar" ? middle : x, (point) => {
    reading.textContent = point ? `${point.label}: ${spoken(point, series, say)}` : "";
  });
  return figure;
}

/** A figure with one bar for each name. rows: [{name, value}]. */
export function bar({ title, rows, say, empty }) {
  const figure = made("figure", "chart bars");
  const caption = made("figcaption");
  const heading = made("h3");
  heading.textContent = title;
  caption.append(heading);
  figure.append(caption);
  const highest = Math.max(0, ...rows.map((row) => row.value));
  if (!rows.length) {
    const nothing = made("p", "nothing");
    nothing.textContent = empty;
    figure.append(nothing);
    return figure;
  }
  const list = made("dl");
  for (const { name, value } of rows) {
    const term = made("dt"), said = made("dd");
    term.textContent = name;
    said.textContent = say(value);
    const picture = drawn("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
    picture.append(drawn("rect", { class: "track", width: 100, height: 6, rx: 1 }));
    picture.append(drawn("rect", { class: "waiting", width: highest ? (100 * value) / highest : 0, height: 6, rx: 1 }));
    list.append(term, said, picture);
  }
  figure.append(list);
  return figure;
}

/** The smallest of 1, 2, 5, 10, 20, … that is not below the value; 0 for 0. */
export function nice(value) {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999999);
}

const x = (n, points) => LEFT + (points.length > 1 ? (n * ACROSS) / (points.length - 1) : ACROSS / 2);
/** The middle of a bar, each of which has a slot of the same width. */
const middle = (n, points) => LEFT + ((n + 0.5) * ACROSS) / points.length;
const y = (value, highest) => TOP + DOWN - (Math.min(value, highest) * DOWN) / highest;

function axis(highest, say, points) {
  const lines = [0, 0.5, 1].flatMap((share) => {
    const at = y(share * highest, highest);
    const text = drawn("text", { x: LEFT - 6, y: at + 4, class: "scale", "text-anchor": "end" });
    text.textContent = say(share * highest);
    return [drawn("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }), text];
  });
  const ends = [[0, "start"], [Math.floor((points.length - 1) / 2), "middle"], [points.length - 1, "end"]];
  const labels = ends.map(([n, anchor]) => {
    const at = { start: LEFT, middle: LEFT + ACROSS / 2, end: WIDTH - RIGHT }[anchor];
    const text = drawn("text", { x: at, y: HEIGHT - 6, class: "scale", "text-anchor": anchor });
    text.textContent = points[n].label;
    return text;
  });
  return [...lines, ...labels];
}

/** The runs of values without a gap, each a line; a value alone is a dot. */
function line(points, n, { className }, highest) {
  const runs = [];
  points.forEach((point, at) => {
    if (point.values[n] === null) return;
    const place = [x(at, points), y(point.values[n], highest)];
    if (at && points[at - 1].values[n] !== null) runs.at(-1).push(place);
    else runs.push([place]);
  });
  return runs.map((run) => (run.length === 1
    ? drawn("circle", { class: `dot ${className}`, cx: run[0][0], cy: run[0][1], r: 3 })
    : drawn("polyline", { class: `line ${className}`, points: run.map(([across, down]) => `${round(across)},${round(down)}`).join(" ") })));
}

function bars(points, series, n, { className }, highest) {
  const slot = ACROSS / points.length, width = Math.max(1, slot * 0.7);
  return points.flatMap((point, at) => {
    if (!point.values[n]) return [];
    const below = series.slice(0, n).reduce((sum, one, m) => sum + (one.kind === "bar" ? point.values[m] ?? 0 : 0), 0);
    const from = y(below + point.values[n], highest), to = y(below, highest);
    return [drawn("rect", { class: `bar ${className}`, x: round(middle(at, points) - width / 2), y: round(from), width: round(width), height: round(Math.max(1, to - from)) })];
  });
}

/** Follows the pointer, a finger, or the arrow keys, and calls tell(point), or tell(null). place(n, points): where the mark of a point stands. */
function read(svg, mark, points, place, tell) {
  let at = -1;
  const go = (n) => {
    at = Math.max(0, Math.min(points.length - 1, n));
    for (const name of ["x1", "x2"]) mark.setAttribute(name, round(place(at, points)));
    mark.setAttribute("visibility", "visible");
    tell(points[at]);
  };
  const leave = () => {
    at = -1;
    mark.setAttribute("visibility", "hidden");
    tell(null);
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) * WIDTH) / box.width - LEFT;
    const share = across / ACROSS;
    go(place === x ? Math.round(share * (points.length - 1)) : Math.floor(share * points.length));
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    go(at < 0 ? points.length - 1 : at + KEYS[event.key]);
  });
}

function legend(series) {
  const list = made("ul", "legend");
  for (const { name, className } of series) {
    const item = made("li", className);
    item.textContent = name;
    list.append(item);
  }
  return list;
}

const stacked = (point, series) => (series[0].kind === "bar"
  ? point.values.reduce((sum, value) => sum + (value ?? 0), 0) : Math.max(0, ...point.values.map((value) => value ?? 0)));

const spoken = (point, series, say) => series.map((one, n) => {
  const value = point.values[n] === null ? "none" : say(point.values[n]);
  return series.length > 1 ? `${value} ${one.name}` : value;
}).join(", ");

function summary(title, points, series, say) {
  const told = points.filter((point) => point.values.some((value) => value !== null));
  return `${title}, from ${points[0].label} to ${points.at(-1).label}. Last: ${spoken(told.at(-1), series, say)}. The arrow keys read each.`;
}

const round = (number) => Math.round(number * 10) / 10;

function made(name, className = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  return element;
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
