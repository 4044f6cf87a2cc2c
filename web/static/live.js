// The live invoice board: creates the parts of the page, and shows the state of the connection.

import { Board } from "./live-board.js";
import { Connection } from "./live-connection.js";
import { Drawer } from "./live-drawer.js";
import { Filter } from "./live-filter.js";
import { find, write } from "./live-format.js";
import { PickingLists } from "./live-papers.js";
import { signedInAs } from "./live-session.js";
import { SignIn } from "./live-sign-in.js";
import { Sound } from "./live-sound.js";
import { Store } from "./live-store.js";

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", paused: "Paused", "signed-out": "Signed out" };

const store = new Store();
const signIn = new SignIn({
  needed: "This server shows invoices only to signed-in users.",
  asked: "To pick, pack and deliver.",
  signIn: "Sign in",
  signOut: "Sign out",
  as: (who) => `Signed in as ${who}`,
});
const sound = new Sound();
const drawer = new Drawer(signIn);
const filter = new Filter(store, (invoice, opener) => drawer.show(invoice, opener));
drawer.onNumber = (text) => filter.scan(text);
const lists = new PickingLists(signIn);
const board = new Board(store, filter, drawer, { onArrivals: () => sound.ring(), onPrint: (ids) => lists.show(ids) });
const connection = new Connection(board, showState);
// The time until which the board was up to date; null while it is up to date.
let staleSince = null;

function showState(state, { seconds = 0, why = "" }) {
  if (state === "live") staleSince = null;
  else if (find("state").dataset.state === "live") staleSince = new Date();
  find("state").dataset.state = state;
  document.body.classList.toggle("stale", staleSince !== null);
  write(find("state-word"), WORDS[state]);
  write(find("state-more"), state === "reconnecting" ? waiting(seconds) : "", "");
  if (state === "signed-out") {
    board.clear();
    staleSince = null;
    document.body.classList.remove("stale");
    signIn.need(why);
  } else if (state === "live") signIn.settle();
}

function waiting(seconds) {
  const when = seconds ? `in ${seconds} s` : "now";
  return staleSince ? `${when}, as of ${time.format(staleSince)}` : when;
}

function tick() {
  write(find("clock"), time.format(new Date()));
}

// Somebody has signed in where that was required, or has signed out, here or in another tab.
document.addEventListener("session", () => {
  if (!signedInAs() || find("state").dataset.state === "signed-out") connection.connect();
});
find("import-example").textContent = `curl ${location.origin}/api/sales/import/invoice/ \\
  -H 'X-API-KEY: YOUR_KEY' \\
  -H 'Content-Type: application/json' \\
  -d '{"invoice_no": "INV-1", "salesman": "Ajay",
       "invoice_date": "${new Date().toISOString().slice(0, 10)}",
       "customer": {"code": "C-889", "name": "LifeCare Pharmacy"},
       "items": [{"name": "Paracetamol 650mg", "quantity": 20,
                  "item_code": "PR650", "mrp": 3.50,
                  "shelf_location": "R-12"}]}'`;
setInterval(tick, 1000);
tick();
connection.start();
