// The sale in progress, from the confirmed payment method to the receipt. Each step is kept in the memory before it is sent, so that a reload
// at any moment, or a server that restarts, goes on where it was: nothing is sold twice, and no sale is forgotten.
//
//     cart --order--> PENDING --pay--> PAID --next--> cart
//                        |
//                        +--cancel--> the same cart again

import { ask, get, post } from "./counter-api.js";
import { attempt, pause, perform, Suspended } from "./counter-attempt.js";
import { Refused, SignInNeeded, Unavailable } from "./live-session.js";

const ORDERS = "/api/orders/";
const WAIT_SECONDS = 1;

/**
 * `state` is null, or {total, methods, method, tendered, creating, order, paying, stage, words}. stage is one of
 *   working: a request is under way; `tries` counts lost answers.
 *   differs: the order costs something else than the cart did, which the cashier has to accept first.
 *   choose: the order is pending; `words` say why it is not paid.
 *   over: the order is paid, or it was changed elsewhere: `words` say so.
 */
export class Sale {
  // The page sets these. onChange(): the state has changed and has to be kept. onRefused(error): no order was made. onEnd(isSold): the state is
  // null again; the cart stays unless it is sold.
  onChange = () => {};
  onRefused = () => {};
  onEnd = () => {};
  state = null;
  tries = 0;
  #run = 0;

  /** Goes on with what the memory has kept, or with nothing. */
  restore(state) {
    this.#run += 1;
    this.state = state ?? null;
    this.tries = 0;
    this.onChange();
    if (this.state?.creating || this.state?.paying) this.#work();
    else if (this.state && this.state.stage !== "over") this.#reread(this.state.words);
  }

  /** Another account, or none, is at the till. What is kept stays. */
  suspend() {
    this.#run += 1;
    this.state = null;
  }

  /** Opens a pending order, of today's sales. */
  open(order) {
    this.#set({ order, total: order.final_amount, methods: null, stage: "choose", words: "" });
  }

  /** The cashier has confirmed how the cart, or the pending order, is paid. */
  confirm({ method, tendered, cart }) {
    const chosen = { method, tendered, stage: "working", words: "" };
    if (this.state) this.#set({ ...this.state, ...chosen, paying: this.#payment(this.state.order, method) });
    else {
      const { final_amount: total, payment_methods: methods } = cart.priced;
      this.#set({ ...chosen, total, methods, creating: attempt(ORDERS, cart.order()), isFromCart: true });
    }
    this.#work();
  }

  /** The cashier accepts the total of the order. Cash that no longer covers it has to be counted again. */
  accept(isEnough) {
    const { order, method } = this.state;
    if (isEnough) {
      this.#set({ ...this.state, total: order.final_amount, stage: "working", paying: this.#payment(order, method) });
      this.#work();
    } else this.#set({ ...this.state, total: order.final_amount, stage: "choose", words: "" });
  }

  /** Cancels the pending order. A lost answer is cleared up by reading the order. */
  async cancel() {
    const { order } = this.state;
    this.#set({ ...this.state, stage: "working" });
    const run = this.#run;
    const after = await this.#settled(run, () => cancelOrder(order.id));
    if (!after || run !== this.#run) return;
    if (after.status === "CANCELLED" && this.state.isFromCart) this.#end(false);
    else this.#show(after, "");
  }

  /** Leaves the order pending, for today's sales, or ends a sale that is over. */
  end() {
    const { isFromCart, order } = this.state;
    // What was cancelled elsewhere is still in the hands of the customer.
    this.#end(Boolean(isFromCart) && order.status !== "CANCELLED" && order.status !== "GONE");
  }

  async #work() {
    const run = ++this.#run;
    const watch = {
      isWanted: () => run === this.#run,
      onWait: (tries) => {
        if (run !== this.#run) return;
        this.tries = tries;
        this.onChange();
      },
    };
    this.tries = 0;
    try {
      if (this.state.creating) await this.#create(watch);
      if (run === this.#run && this.state?.paying) await this.#pay(watch);
    } catch (error) {
      // The attempt stays as it is: it is made again when its account is signed in.
      if (!(error instanceof Suspended) && !(error instanceof SignInNeeded)) throw error;
    }
  }

  async #create(watch) {
    let order;
    try {
      order = await perform(this.state.creating, watch);
    } catch (error) {
      if (!(error instanceof Refused) || !watch.isWanted()) throw error;
      this.#end(false);
      this.onRefused(error);
      return;
    }
    if (!watch.isWanted()) return;
    const isSame = order.final_amount === this.state.total;
    const then = isSame ? { paying: this.#payment(order, this.state.method) } : { stage: "differs" };
    this.#set({ ...this.state, order, creating: null, ...then });
  }

  async #pay(watch) {
    let order;
    try {
      order = await perform(this.state.paying, watch);
    } catch (error) {
      if (!(error instanceof Refused) || !watch.isWanted()) throw error;
      this.#set({ ...this.state, paying: null, stage: "choose", words: error.message });
      await this.#reread(error.message);
      return;
    }
    if (watch.isWanted()) this.#set({ ...this.state, order, paying: null, stage: "over", words: "", isMine: true });
  }

  /** Reads the order, which another till may have paid or cancelled. */
  async #reread(words) {
    const run = this.#run;
    const { id } = this.state.order;
    const order = await this.#settled(run, () => get(`${ORDERS}${id}/`));
    if (order && run === this.#run) this.#show(order, words);
  }

  #show(order, words) {
    const isPending = order.status === "PENDING";
    const stage = !isPending ? "over" : this.state.stage === "differs" ? "differs" : "choose";
    this.#set({ ...this.state, order, paying: null, stage, words, isMine: false });
  }

  /** Asks until there is an answer. Returns null if the order is gone, or the page has turned to something else. */
  async #settled(run, question) {
    for (;;) {
      try {
        return await question();
      } catch (error) {
        if (run !== this.#run || error instanceof SignInNeeded) return null;
        if (error instanceof Refused) {
          this.#set({ ...this.state, order: { ...this.state.order, status: "GONE" }, paying: null, stage: "over", words: error.message, isMine: false });
          return null;
        }
        if (!(error instanceof Unavailable)) throw error;
        this.tries += 1;
        this.onChange();
        await pause(Math.max(error.retryAfter, WAIT_SECONDS));
      }
    }
  }

  #payment(order, method) {
    return attempt(`${ORDERS}${order.id}/pay/`, { payment_method: method });
  }

  #set(state) {
    this.state = state;
    this.onChange();
  }

  #end(isSold) {
    this.#run += 1;
    this.state = null;
    this.onEnd(isSold);
    this.onChange();
  }
}

/** Cancels an order, and returns it as it then is, whoever has cancelled or paid it. Throws Unavailable, SignInNeeded, or Refused: 404. */
export async function cancelOrder(id) {
  try {
    await post(`${ORDERS}${id}/cancel/`, {});
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  return get(`${ORDERS}${id}/`);
}

/** Loads the text of a receipt. */
export async function receipt(order, { paper, lang, tendered }) {
  const query = new URLSearchParams({ format: "text", paper, lang, ...(tendered && { tendered }) });
  const response = await ask(`${ORDERS}${order.id}/receipt/?${query}`);
  try {
    return await response.text();
  } catch {
    throw new Unavailable("");
  }
}

