// The receipt: after a payment with its change, and again from today's sales. The server writes it; here it is shown, and printed as wide as
// the paper (counter-print.css).

import { wordsOf } from "./counter-api.js";
import { change, isSome, money } from "./counter-money.js";
import { receipt } from "./counter-sale.js";
import { language, say } from "./counter-words.js";
import { find, recall, remember, write } from "./live-format.js";
import { SignInNeeded } from "./live-session.js";

// By the width of the paper in mm: the characters of a row, and the width in mm that a printer of this paper prints on.
const PAPERS = { 80: { columns: 42, width: 72 }, 58: { columns: 32, width: 48 } };
const SETTING = "counter-paper";
const MM_PER_INCH = 25.4;
const PX_PER_INCH = 96;
const LINE_HEIGHT = 1.2;
// Below the last row, so that it can be torn off.
const FEED_MM = 8;

export class Receipt {
  // The page sets these. onNext(): the dialog is closed.
  onNext = () => {};
  #dialog = find("receipt");
  #order = null;
  #tendered = "";
  #asked = 0;

  constructor() {
    for (const choice of this.#dialog.querySelectorAll("[name=paper]")) {
      choice.checked = choice.value === this.#paper;
      choice.addEventListener("change", () => {
        remember(SETTING, choice.value);
        this.#load();
      });
    }
    find("receipt-next").addEventListener("click", () => this.close());
    find("receipt-print").addEventListener("click", () => this.print());
    this.#dialog.addEventListener("close", () => this.#closed());
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.localName !== "button") this.close();
      if (event.key.toLowerCase() !== "p" || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.print();
    });
    window.addEventListener("beforeprint", () => this.#fit());
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** words: what is said of the order; tendered: the cash that was handed over for it, else "". isNext: a sale has ended with it. */
  show(order, { words = "", tendered = "", isNext = false }) {
    this.#order = order;
    this.#tendered = tendered;
    write(find("receipt-title"), say(isNext && !words ? "sold" : `was-${order.status}`));
    write(find("receipt-folio"), order.ticket_folio, "");
    write(find("receipt-words"), words, "");
    find("receipt-words").hidden = !words;
    const back = tendered ? change(tendered, order.final_amount) : null;
    find("receipt-change-part").hidden = back === null;
    write(find("receipt-change"), money(back), "");
    find("receipt-change").dataset.some = isSome(back);
    find("receipt-next-word").textContent = say(isNext ? "next" : "back");
    find("receipt-text").textContent = "";
    if (!this.#dialog.open) this.#dialog.showModal();
    find("receipt-next").focus();
    this.#load();
  }

  close() {
    this.#dialog.close();
  }

  print() {
    if (!find("paper").textContent) return;
    this.#fit();
    window.print();
  }

  get #paper() {
    return recall(SETTING) === "58" ? "58" : "80";
  }

  async #load() {
    const mine = ++this.#asked;
    const order = this.#order;
    find("paper").textContent = "";
    write(find("receipt-problem"), "", "");
    find("receipt-print").disabled = true;
    if (order.status === "GONE") return;
    const isCash = order.status === "PAID" && order.payment_method === "CASH" && this.#tendered;
    try {
      const text = await receipt(order, { paper: this.#paper, lang: language, tendered: isCash ? this.#tendered : "" });
      if (mine !== this.#asked) return;
      find("receipt-text").textContent = find("paper").textContent = text;
      find("receipt-print").disabled = false;
      this.#fit();
    } catch (error) {
      if (mine === this.#asked && !(error instanceof SignInNeeded)) write(find("receipt-problem"), `${say("no-receipt")} ${wordsOf(error)}`);
    }
  }

  #closed() {
    this.#asked += 1;
    this.#order = null;
    find("paper").textContent = "";
    this.onNext();
  }

  /** Makes the font so large that the characters of a row fill the paper, and the page as long as the receipt. Fonts differ in width. */
  #fit() {
    const paper = find("paper");
    if (!paper.textContent) return;
    const { columns, width } = PAPERS[this.#paper];
    const context = document.createElement("canvas").getContext("2d");
    context.font = `100px ${getComputedStyle(paper).fontFamily}`;
    const advance = context.measureText("0").width / 100;
    const size = ((width / MM_PER_INCH) * PX_PER_INCH) / columns / advance;
    paper.style.fontSize = `${size.toFixed(3)}px`;
    paper.style.lineHeight = String(LINE_HEIGHT);
    paper.dataset.paper = this.#paper;
    const rows = paper.textContent.trimEnd().split("\n").length;
    const length = Math.ceil(((rows * size * LINE_HEIGHT) / PX_PER_INCH) * MM_PER_INCH) + FEED_MM * 2;
    pageRule()?.style.setProperty("size", `${this.#paper}mm ${length}mm`);
  }
}

/** The rule @page of counter-print.css. */
function pageRule() {
  for (const sheet of document.styleSheets) {
    if (!sheet.href?.endsWith("/counter-print.css")) continue;
    return [...sheet.cssRules].find((rule) => rule instanceof CSSPageRule);
  }
  return undefined;
}
