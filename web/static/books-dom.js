// Makes elements. What people have typed is untrusted: it is written as text only, so it never becomes markup, an address or a class name.

const SVG = "http://www.w3.org/2000/svg";
// The lines of each icon, in a box of 20 by 20.
const ICONS = {
  add: "M10 4v12M4 10h12",
  back: "M12.5 4l-6 6 6 6",
  bin: "M4 6h12M8 6V4h4v2M6 6l.7 10.5h6.6L14 6",
  camera: "M3 6.5h3l1.5-2h5l1.5 2h3v9.5H3zM10 8.2a2.8 2.8 0 1 0 .01 0",
  check: "m4 10.5 4 4 8-9",
  close: "M5 5l10 10M15 5 5 15",
  coins: "M3 6h14v8H3zM10 8a2 2 0 1 0 .01 0M5.5 8.5v3M14.5 8.5v3",
  copy: "M7 7h9v9H7zM4 13V4h9",
  down: "M10 4v12m-5-5 5 5 5-5",
  edit: "M4 16l.8-3.5L13 4.3l2.7 2.7-8.2 8.2zM11.5 5.8l2.7 2.7",
  file: "M5 3h7l3 3v11H5zM12 3v3h3",
  invoice: "M5 3h10v14l-2-1.3-1.5 1.3-1.5-1.3L8.5 17 7 15.7 5 17zM7.5 7h5M7.5 10.2h5",
  mail: "M3 5h14v10H3zM3.5 5.5 10 11l6.5-5.5",
  person: "M10 3.5a3.1 3.1 0 1 0 .01 0M3.8 16.6a6.3 6.3 0 0 1 12.4 0",
  phone: "M5 3h3l1.5 4-2 1.5a9 9 0 0 0 4 4l1.5-2 4 1.5v3c0 1-1 2-2 2C9 17 3 11 3 5c0-1 1-2 2-2z",
  save: "M10 3v9m-4-4 4 4 4-4M4 16h12",
  search: "M8.5 3.5a5 5 0 1 0 .01 0M12.3 12.3 17 17",
  send: "M3 10 17 3.5 13 17l-3-5.5zM10 11.5 17 3.5",
  share: "M10 12V3m-3.5 3L10 2.5 13.5 6M5 9H4v8h12V9h-1",
  stop: "M10 3a7 7 0 1 0 .01 0M5 15 15 5",
  undo: "M7 4 3.5 7.5 7 11M4 7.5h8a4 4 0 0 1 0 8H8",
  up: "M10 16V4M5 9l5-5 5 5",
  warn: "M10 3 18 16.5H2zM10 8v4M10 14.3v.1",
};

/**
 * Returns a new element. options: `class`, `on` {event: listener}, `data` {name: value}, `text`, `value`, and attributes; an attribute
 * that is null, undefined or false is left out. children: elements and texts; null, undefined and false are left out.
 */
export function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "value") element.value = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Returns the icon as an SVG that screen readers skip. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Returns a button. options: as of make(), with `icon`, and `unseen` if the words are for screen readers only. */
export function button(words, { icon: name, unseen, class: kind = "plain", ...options } = {}) {
  const label = make("span", { class: unseen ? "unseen" : "", text: words });
  return make("button", { type: "button", class: kind, title: unseen ? words : null, ...options }, name && icon(name), label);
}

/** Returns a link that looks as a button. */
export function linkButton(words, href, { icon: name, class: kind = "plain", ...options } = {}) {
  return make("a", { class: `button ${kind}`, href, ...options }, name && icon(name), make("span", { text: words }));
}

/** Returns the definitions [[term, text or element], …] as a list; those without a text are left out. */
export function facts(pairs, kind = "facts") {
  const shown = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return make("dl", { class: kind }, shown.map(([term, value]) => make("div", {}, make("dt", { text: term }), make("dd", {}, value))));
}

/** Returns a text of several lines as an element that keeps them. */
export const prose = (text, kind = "prose") => make("p", { class: kind, text });

/** Returns what stands where there is nothing to show: a sentence, and what to do about it. */
export function none(words, ...actions) {
  return make("div", { class: "none" }, make("p", { text: words }), actions.length > 0 && make("p", { class: "none-actions" }, ...actions));
}
