// The counter: creates the parts of the page, and connects them.

import { takeReason } from "./counter-api.js";
import { Cart } from "./counter-cart.js";
import { Customers } from "./counter-customer.js";
import { Day } from "./counter-day.js";
import { watchKeys } from "./counter-keys.js";
import { Lines } from "./counter-lines.js";
import { Follower } from "./counter-live.js";
import { Memory } from "./counter-memory.js";
import { Pay } from "./counter-pay.js";
import { Receipt } from "./counter-receipt.js";
import { Sale } from "./counter-sale.js";
import { watchScanner } from "./counter-scanner.js";
import { Search } from "./counter-search.js";
import { language, say, speak } from "./counter-words.js";
import { find, write } from "./live-format.js";
import { leadKeys } from "./live-scan.js";
import { accountId } from "./live-session.js";
import { SignIn } from "./live-sign-in.js";
import { Sound } from "./live-sound.js";

// How long a message stays.
const MESSAGE_MS = 6000;
// Down a fourth: not found.
const WRONG = [[392, 0], [294, 0.13]];

document.documentElement.lang = language;
document.title = `${say("counter")} - Tradepost`;
speak();

const signIn = new SignIn({
  needed: say("sign-in-why"),
  asked: "",
  signIn: say("sign-in"),
  signOut: say("sign-out"),
  as: (who) => say("signed-in-as", { who }),
});
const sound = new Sound({ name: "counter-sound", notes: WRONG, isOn: true });
const memory = new Memory();
const cart = new Cart();
const sale = new Sale();
const lines = new Lines(cart);
const search = new Search({ add, tell });
const pay = new Pay(cart, sale, (words) => tell(words, true));
const receipt = new Receipt();
const day = new Day();
const customers = new Customers((customer) => {
  cart.setCustomer(customer);
  search.focus();
});
const stock = new Follower({
  path: "/api/pos/sse/stock/",
  onEvent: (event) => {
    search.stockChanged(event);
    cart.stockChanged(event);
  },
  onFresh: () => {
    search.refresh();
    cart.refresh();
  },
  onState: showState,
});
const orders = new Follower({
  path: "/api/pos/sse/orders/", onEvent: (order) => day.orderChanged(order), onFresh: () => day.refresh(),
});
// The account whose cart is shown; "" if nobody is signed in.
let account = "";
let hiding = 0;

function add(product, quantity) {
  if (!cart.add(product, quantity)) {
    tell(say("too-many-lines"), true);
    return;
  }
  lines.mark(product.id);
  tell(say("added", { quantity, name: product.name }), false);
}

/** Shows a message for a while. One of what went wrong is also heard. */
function tell(words, isWrong) {
  clearTimeout(hiding);
  write(find("message"), words, "");
  find("message").dataset.wrong = isWrong;
  if (isWrong && words) sound.ring();
  if (words) hiding = setTimeout(() => write(find("message"), "", ""), isWrong ? MESSAGE_MS * 2 : MESSAGE_MS);
}

function showState(state) {
  find("state").dataset.state = state;
  write(find("state-word"), say(`state-${state}`));
}

function keep() {
  const isEmpty = cart.isEmpty && !cart.customer && !sale.state;
  memory.save(isEmpty ? null : { cart: cart.kept(), sale: sale.state });
}

/** Shows the till of whoever is signed in: their cart, and the sale that they have not finished. */
async function begin() {
  const who = accountId();
  if (who === account) return;
  end();
  account = who;
  if (!who) {
    signIn.need(takeReason());
    return;
  }
  signIn.settle();
  const kept = await memory.open(who);
  if (account !== who) return;
  // What was scanned while the memory was opened.
  const early = cart.lines;
  cart.restore(kept?.cart);
  for (const { product_id: id, sku, name, quantity, stock: current_stock } of early) cart.add({ id, sku, name, current_stock }, quantity);
  sale.restore(kept?.sale);
  search.reset();
  stock.start();
  if (!document.querySelector("dialog[open]")) search.focus();
}

/** Nobody is at the till: nothing of the one who was is left on the screen. What is kept stays in the memory. */
function end() {
  account = "";
  memory.close();
  for (const follower of [stock, orders]) follower.stop();
  sale.suspend();
  cart.restore(null);
  for (const dialog of document.querySelectorAll("dialog[open]:not(#sign-in-dialog)")) dialog.close();
  search.clear();
  showState("signed-out");
}

function view(name) {
  document.body.dataset.view = name;
  find("view").setAttribute("aria-expanded", String(name === "cart"));
  lines.update();
}

function showSale() {
  const { state } = sale;
  pay.update();
  if (state?.stage !== "over") return undefined;
  const { order, isMine } = state;
  if (state.isFromCart && order.status === "PAID" && !cart.isEmpty) {
    cart.clear();
    return showSale();
  }
  const elsewhere = { PAID: say("paid-elsewhere", { method: order?.payment_method && say(order.payment_method) }), CANCELLED: say("cancelled-elsewhere") };
  const words = isMine ? "" : state.words || elsewhere[order.status];
  return receipt.show(order, { words, tendered: isMine && state.method === "CASH" ? state.tendered : "", isNext: true });
}

cart.onChange = () => {
  lines.update();
  pay.update();
  keep();
};
cart.onRefusal = (words) => tell(words, true);
sale.onChange = () => {
  keep();
  showSale();
};
sale.onRefused = (error) => {
  tell(error.message, true);
  cart.refresh();
};
sale.onEnd = (isSold) => {
  if (isSold) cart.clear();
  else cart.refresh();
  view(isSold ? "search" : "cart");
  if (day.isOpen) day.refresh();
  else search.focus();
};
receipt.onNext = () => {
  if (sale.state?.stage === "over") sale.end();
};
// What is said of the product that was just added comes first.
memory.onTrouble = () => setTimeout(() => tell(say("no-storage"), true), 0);
day.onOpen = () => orders.start();
day.onClose = () => {
  orders.stop();
  if (account) search.focus();
};
day.onPay = (order) => sale.state || sale.open(order);
day.onReceipt = (order) => receipt.show(order, {});

for (const [button, act] of [
  ["pay-open", () => pay.open()], ["bar-pay", () => pay.open()], ["day-open", () => day.open()], ["customer-open", () => customers.open()],
  ["customer-remove", () => cart.setCustomer(null)], ["view", () => view(document.body.dataset.view === "cart" ? "search" : "cart")],
]) find(button).addEventListener("click", act);
for (const dialog of document.querySelectorAll("dialog.sheet")) {
  dialog.querySelector(".close[value=close]")?.addEventListener("click", () => dialog.close());
}
watchKeys({
  search: () => {
    view("search");
    search.focus();
  },
  cart: () => {
    view("cart");
    lines.focus();
  },
  customer: () => customers.open(),
  pay: () => pay.open(),
  day: () => day.open(),
});
watchScanner((code) => {
  const open = document.querySelector("dialog[open]");
  // The next customer's first product is scanned while the last receipt is still shown.
  if (open && (open.id === "receipt" || open.id === "keys")) open.close();
  if (document.querySelector("dialog[open]") || sale.state) tell(say("not-now-scan", { code }), true);
  else search.scan(code);
}, "#sign-in-dialog, #customer");
leadKeys(() => (document.querySelector("dialog[open]") ? null : find("search")));
document.addEventListener("session", begin);
find("not-now").hidden = true;
lines.update();
if (accountId()) begin();
else {
  showState("signed-out");
  signIn.need("");
}
