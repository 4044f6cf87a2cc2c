// Drawings. The strict Content-Security-Policy admits no inline style, so sizes are SVG attributes, and colours come from classes. Amounts
// become numbers here, for lengths only: what is read as text is what the server has sent.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** Returns a new SVG element. Attributes that are null or false are left out; children that are, too. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, typeof value === "number" ? short(value) : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const short = (number) => String(Math.round(number * 100) / 100);

/** Returns the numbers of an axis, round ones, that include zero and reach beyond all values. wanted: about how many steps. */
export function ticks(values, wanted = 4) {
  const least = Math.min(0, ...values);
  const most = Math.max(0, ...values);
  if (least === most) return [0];
  const rough = (most - least) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((times) => times * power >= rough * 0.999);
  const first = Math.floor(least / step + 1e-9);
  const last = Math.ceil(most / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
}

/** Returns a small line of the values, the last of which is marked. It has the width of its place. */
export function sparkline(values, kind) {
  const [width, height, edge] = [100, 32, 4];
  const least = Math.min(0, ...values);
  const span = Math.max(0, ...values) - least || 1;
  // The dot at the end needs room.
  const x = (n) => (values.length < 2 ? 0 : (n / (values.length - 1)) * (width - edge));
  const y = (value) => height - edge - ((value - least) / span) * (height - 2 * edge);
  const end = values.length - 1;
  const points = values.map((value, n) => `${short(x(n))},${short(y(value))}`);
  return draw("svg", { class: `sparkline ${kind}`, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("path", { class: "area", d: `M0,${short(y(0))} L${points.join(" L")} L${short(x(end))},${short(y(0))} Z` }),
    draw("path", { class: "line", d: `M${points.join(" L")}` }),
    // A line without a length has round ends: a dot that stays round, however the drawing is stretched.
    draw("path", { class: "dot", d: `M${short(x(end))},${short(y(values[end]))} h0.001` }));
}

/** Returns a drawing of what a chart will look like. */
export function sketch() {
  const columns = [26, 9, 34, 14, 30, 12, 44, 16, 52, 18];
  return draw("svg", { class: "sketch", viewBox: "0 0 150 60", "aria-hidden": "true" },
    columns.map((height, n) => draw("rect", { x: n * 15 + 2 - (n % 2) * 3, y: 58 - height, width: 11, height, rx: 2 })), draw("path", { d: "M8 42 L38 36 L68 40 L98 26 L128 16" }));
}

/** Returns a bar of which these parts of the whole are filled, one after the other. parts: [[per cent, class], …]. */
export function bar(parts, label = "") {
  let x = 0;
  const filled = parts.filter(([part]) => part > 0).map(([part, kind]) => {
    const width = Math.min(part, 100 - x);
    const rect = draw("rect", { class: kind, x: `${short(x)}%`, width: `${short(width)}%`, height: "100%" });
    x += width;
    return rect;
  });
  return draw("svg", { class: "bar", ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }) }, draw("rect", { class: "rest", width: "100%", height: "100%" }), filled);
}
