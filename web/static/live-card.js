// One card of the board, and its animations.

import { age, amount, copy, counted, fieldsOf, lateness, write } from "./live-format.js";

// How long a new or changed card is tinted.
const FRESH_MS = 8000;
// The most cards that are tinted at a time. The browser repaints each of them in every frame, and a tint stands out only if
// most cards have none.
const MOST_TINTS = 24;
const FLIGHT_MS = 500;
// The tint is constant for this part of FRESH_MS, and then fades.
const FADED_FROM = 0.35;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const tints = new Set();

export class Card {
  element = copy("card");
  button = this.element.querySelector("button");
  // The status of the column that contains the card.
  status = null;
  // The time at which the invoice was created, in ms.
  created = NaN;
  #fields = fieldsOf(this.element);
  #invoice = null;
  #tint = null;

  constructor(invoice) {
    this.id = invoice.id;
    this.element.dataset.id = invoice.id;
    // The column decides which one of its cards is in the tab order.
    this.button.tabIndex = -1;
  }

  fill(invoice, now) {
    const fields = this.#fields;
    this.#invoice = invoice;
    this.created = Date.parse(invoice.created_at);
    write(fields.number, invoice.invoice_no);
    write(fields.name, invoice.customer?.name);
    write(fields.area, invoice.customer?.area ?? "", "");
    write(fields.salesman, invoice.salesman?.name ?? "", "");
    write(fields.count, counted(invoice.items?.length ?? 0, "item", "items"));
    write(fields.total, amount(invoice.total_amount));
    fields.age.dateTime = invoice.created_at ?? "";
    this.updateAge(now);
  }

  updateAge(now) {
    const seconds = (now - this.created) / 1000;
    write(this.#fields.age, age(seconds), "");
    const late = lateness(seconds, this.#invoice.status);
    if (this.element.dataset.late !== late) this.element.dataset.late = late;
  }

  /** Tints the card for FRESH_MS, because the invoice is new or has changed. */
  highlight(isNew) {
    this.#tint?.cancel();
    const tint = isNew ? "var(--fresh)" : "var(--moved)";
    const after = reducedMotion.matches ? tint : "var(--row)";
    const frames = { backgroundColor: [tint, tint, after], offset: [0, FADED_FROM, 1] };
    const animation = this.button.animate(frames, { duration: FRESH_MS, easing: "ease-out" });
    this.#tint = animation;
    animation.onfinish = animation.oncancel = () => tints.delete(animation);
    tints.add(animation);
    if (tints.size > MOST_TINTS) tints.values().next().value.cancel();
  }

  /** Returns the position of the card on the screen, or null if a flight from or to it would not be visible. */
  place() {
    if (reducedMotion.matches || document.hidden || !this.element.checkVisibility()) return null;
    const { x, y, width, height, bottom } = this.element.getBoundingClientRect();
    return bottom > 0 && y < innerHeight ? { x, y, width, height } : null;
  }

  /** Animates a copy of the card from its old position to its new one. The card itself would be clipped, because columns scroll. */
  flyFrom(origin) {
    const target = this.place();
    if (!target) return;
    const ghost = this.element.cloneNode(true);
    ghost.classList.add("ghost");
    ghost.inert = true;
    ghost.removeAttribute("data-id");
    ghost.setAttribute("aria-hidden", "true");
    document.body.append(ghost);
    const frame = ({ x, y, width, height }) => ({
      transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px`,
    });
    const timing = { duration: FLIGHT_MS, easing: "cubic-bezier(0.3, 0, 0.1, 1)" };
    const flight = ghost.animate([frame(origin), frame(target)], timing);
    flight.finished.catch(() => {}).then(() => ghost.remove());
    this.element.animate({ opacity: [0, 0, 1], offset: [0, 0.9, 1] }, timing);
  }
}
