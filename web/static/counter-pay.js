// The dialog that takes the payment: of the cart, or of a pending order. What happens in between is the sale's (counter-sale.js); this file
// shows it and takes the cashier's choices.

import { problemOf } from "./counter-lines.js";
import { cents, change, fromCents, handy, money } from "./counter-money.js";
import { say } from "./counter-words.js";
import { find, whole, write } from "./live-format.js";

const METHODS = ["CASH", "CARD", "POINTS", "CREDIT"];

export class Pay {
  #dialog = find("pay");
  #tendered = find("tendered");
  #cart;
  #sale;
  #onSaid;
  // The method whose form is open, or "".
  #method = "";
  // The stage that is shown: the focus moves only when it changes.
  #shown = "";

  /** onSaid(words): the payment can't go on, and the dialog is closed. */
  constructor(cart, sale, onSaid) {
    this.#cart = cart;
    this.#sale = sale;
    this.#onSaid = onSaid;
    find("methods").append(...METHODS.map((method, n) => methodButton(method, n + 1)));
    find("methods").addEventListener("click", (event) => this.#choose(event.target.closest("button")?.dataset.method));
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.back();
    });
    // Chromium closes a dialog on a second Escape, whatever the cancel event says.
    this.#dialog.addEventListener("close", () => this.#sale.state && this.#sale.state.stage !== "over" && this.update());
    find("pay-close").addEventListener("click", () => this.#close());
    this.#tendered.addEventListener("input", () => this.#showChange());
    find("quick").addEventListener("click", (event) => this.#quick(event.target.closest("button")?.value));
    for (const [form, take] of [["cash", () => this.#takeCash()], ["other", () => this.#take("")], ["differs", () => this.#accept()]]) {
      find(form).addEventListener("submit", (event) => {
        event.preventDefault();
        take();
      });
    }
    for (const button of this.#dialog.querySelectorAll(".to-methods")) button.addEventListener("click", () => this.back());
    find("order-cancel").addEventListener("click", () => this.#sale.cancel());
    find("order-leave").addEventListener("click", () => this.#sale.end());
  }

  /** Opens for the cart, if it can be sold. */
  open() {
    if (!this.#cart.isReady || this.#sale.state) return;
    this.#method = this.#shown = "";
    this.#show();
  }

  /** The cart's price has changed, or the sale's state. */
  update() {
    const { state } = this.#sale;
    if (state && state.stage !== "over") this.#show();
    else if (state && this.#dialog.open) this.#dialog.close();
    else if (!state && this.#dialog.open) {
      // Another till has taken what is in the cart, or a price has changed.
      if (this.#shown !== "cart" || this.#cart.isEmpty) this.#dialog.close();
      else if (this.#cart.isPriced && !this.#cart.isReady) {
        this.#dialog.close();
        const line = this.#cart.lines.find((one) => problemOf(this.#cart, one));
        this.#onSaid(`${line.name}: ${problemOf(this.#cart, line)}`);
      } else this.#show();
    }
  }

  /** One step back: from a form to the methods, and from these to the cart. */
  back() {
    const { state } = this.#sale;
    if (this.#method && (!state || state.stage === "choose")) {
      this.#method = "";
      this.#show();
      this.#focusMethod();
    } else this.#close();
  }

  #close() {
    if (!this.#sale.state) this.#dialog.close();
  }

  get #total() {
    return this.#sale.state?.order?.final_amount ?? this.#sale.state?.total ?? this.#cart.priced?.final_amount ?? "0.00";
  }

  #show() {
    const { state, tries } = this.#sale;
    const stage = state?.stage ?? "cart";
    const isNew = stage !== this.#shown;
    if (isNew) this.#method = "";
    this.#shown = stage;
    const isChoosing = stage === "cart" || stage === "choose";
    const isPriced = state ? true : this.#cart.isPriced;
    write(find("due"), isPriced ? money(this.#total) : "…");
    write(find("pay-folio"), state?.order?.ticket_folio, "");
    write(find("pay-words"), this.#words(state), "");
    find("pay-words").hidden = !find("pay-words").textContent;
    find("working").hidden = stage !== "working";
    write(find("working"), workingWords(state, tries), "");
    find("working").dataset.lost = tries > 0;
    this.#showMethods(isChoosing && !this.#method);
    find("cash").hidden = !isChoosing || this.#method !== "CASH";
    find("other").hidden = !isChoosing || !this.#method || this.#method === "CASH";
    find("differs").hidden = stage !== "differs";
    find("pending-buttons").hidden = !(stage === "differs" || (stage === "choose" && !this.#method));
    find("pay-close").hidden = Boolean(state);
    for (const id of ["cash-take", "other-take"]) find(id).disabled = !isPriced;
    if (isChoosing && this.#method) this.#showForm();
    if (!this.#dialog.open) this.#dialog.showModal();
    else if (!isNew) return;
    if (isChoosing) this.#focusMethod();
    else if (stage === "differs") find("differs").querySelector("button").focus();
  }

  #words(state) {
    if (state?.stage === "differs") return say("differs", { now: money(state.order.final_amount), before: money(state.total) });
    if (state?.stage === "choose") return state.words || say("pending");
    return "";
  }

  #showMethods(isShown) {
    find("methods").hidden = !isShown;
    for (const button of find("methods").children) {
      const { method } = button.dataset;
      const refusal = this.#refusal(method);
      button.setAttribute("aria-disabled", String(Boolean(refusal)));
      write(button.querySelector("small"), refusal ? say(`why-${refusal}`) : this.#holds(method), "");
    }
  }

  /** Why the method can't pay: by what the server said of the cart; of an order it says so when it is tried. */
  #refusal(method) {
    const { state } = this.#sale;
    if (state && !state.methods) return state.order.customer || method === "CASH" || method === "CARD" ? null : "no customer";
    const known = state ? state.methods : this.#cart.priced?.payment_methods;
    return known?.find(({ payment_method }) => payment_method === method)?.refusal ?? null;
  }

  #holds(method) {
    const { customer, priced } = this.#cart;
    if (!customer || (this.#sale.state && !this.#sale.state.isFromCart)) return "";
    if (method === "POINTS" && priced) return say("points-part", { needed: whole.format(priced.points_needed), count: whole.format(customer.current_points) });
    return method === "CREDIT" ? say("credit-part", { amount: money(customer.available_credit) }) : "";
  }

  #focusMethod() {
    const last = this.#sale.state?.method ?? "CASH";
    (find("methods").querySelector(`[data-method=${last}]`) ?? find("methods").firstElementChild).focus();
  }

  #choose(method) {
    if (!method || this.#refusal(method)) return;
    this.#method = method;
    this.#tendered.value = "";
    find("quick").replaceChildren(...[this.#total, ...handy(this.#total)].map((amount, n) => quickButton(amount, n === 0)));
    this.#show();
    (method === "CASH" ? this.#tendered : find("other-take")).focus();
  }

  #showForm() {
    if (this.#method === "CASH") return this.#showChange();
    const { customer, priced } = this.#cart;
    const isKnown = customer && (!this.#sale.state || this.#sale.state.isFromCart);
    const values = { name: customer?.name, count: whole.format(customer?.current_points ?? 0), amount: money(customer?.available_credit) };
    const words = { CARD: "card-words", POINTS: isKnown ? "points-words" : "points-plain", CREDIT: isKnown ? "credit-words" : "credit-plain" };
    write(find("other-words"), say(words[this.#method], values));
    const take = this.#method === "POINTS" && !isKnown ? "take-plain-POINTS" : `take-${this.#method}`;
    return write(find("other-take"), say(take, { amount: money(this.#total), needed: whole.format(priced?.points_needed ?? 0) }));
  }

  /** An empty field means that the customer has the exact amount. */
  #showChange() {
    const typed = this.#tendered.value.trim();
    const back = typed ? change(typed, this.#total) : "0.00";
    const problem = cents(typed || "0") === null ? "no-amount" : "not-enough";
    write(find("cash-change"), back === null ? say(problem) : say("change-is", { amount: money(back) }));
    find("cash-change").dataset.enough = back !== null;
    write(find("cash-take"), say("take-cash", { amount: money(this.#total) }));
  }

  #quick(amount) {
    if (!amount) return;
    this.#tendered.value = amount;
    this.#showChange();
    find("cash-take").focus();
  }

  #takeCash() {
    const typed = this.#tendered.value.trim();
    if (typed && change(typed, this.#total) === null) {
      this.#tendered.focus();
      this.#tendered.select();
      return;
    }
    this.#take(typed || this.#total);
  }

  #take(tendered) {
    const { state } = this.#sale;
    if (state ? state.stage !== "choose" : !this.#cart.isReady) return;
    this.#sale.confirm({ method: this.#method, tendered: tendered && fromCents(cents(tendered)), cart: this.#cart });
  }

  #accept() {
    const { state } = this.#sale;
    this.#sale.accept(state.method !== "CASH" || change(state.tendered, state.order.final_amount) !== null);
  }

  #key(event) {
    const isField = event.target.localName === "input";
    if (event.ctrlKey || event.altKey || event.metaKey || isField || find("methods").hidden) return;
    const buttons = [...find("methods").children];
    const place = buttons.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (METHODS[event.key - 1]) this.#choose(METHODS[event.key - 1]);
    else if (step) buttons.at((place + step) % buttons.length).focus();
    else return;
    event.preventDefault();
  }
}

function workingWords(state, tries) {
  if (state?.stage !== "working") return "";
  if (!tries) return say("selling");
  return say(state.creating || state.paying ? "checking" : "reading", { tries });
}

function methodButton(method, number) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain method";
  button.dataset.method = method;
  const key = Object.assign(document.createElement("kbd"), { textContent: number });
  button.append(key, Object.assign(document.createElement("span"), { textContent: say(method) }), document.createElement("small"));
  return button;
}

function quickButton(amount, isExact) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "plain", value: amount, textContent: isExact ? say("exact") : money(amount).replace(/\.00$/, "") });
  return button;
}
