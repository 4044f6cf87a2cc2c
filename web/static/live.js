// The live invoice board: puts the board, the connection and the sign-in form together.

import { Board } from "./live-board.js";
import { Connection } from "./live-connection.js";
import { signIn } from "./live-session.js";

const find = (id) => document.getElementById(id);
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", "signed-out": "Signed out" };

const board = new Board();
const connection = new Connection(board, showState);
let trueAt = null; // when the board last was up to date, while it isn't

function showState(state, { seconds = 0, why = "" }) {
  if (state === "live") trueAt = null;
  else if (find("state").dataset.state === "live") trueAt = new Date();
  find("state").dataset.state = state;
  document.body.classList.toggle("stale", trueAt !== null);
  // Only what changed: the word is announced.
  if (find("state-word").textContent !== WORDS[state]) find("state-word").textContent = WORDS[state];
  find("state-more").textContent = state === "reconnecting" ? waiting(seconds) : "";
  if (state === "signed-out") askToSignIn(why);
  else if (state === "live") find("sign-in").hidden = true;
}

function waiting(seconds) {
  const when = seconds ? `in ${seconds} s` : "now";
  return trueAt ? `${when}, as of ${time.format(trueAt)}` : when;
}

// Signing in

const form = find("sign-in");
const button = form.querySelector("button");

function askToSignIn(why) {
  board.clear();
  trueAt = null;
  document.body.classList.remove("stale");
  form.hidden = false;
  tell(why);
  (form.email.value ? form.password : form.email).focus();
}

function tell(problem) {
  find("sign-in-problem").textContent = problem;
}

// The pause after too many tries is one account's, not the form's.
form.email.addEventListener("input", () => { button.disabled = false; });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  tell("");
  button.disabled = true;
  let pause = 0;
  try {
    await signIn(form.email.value.trim(), form.password.value);
    form.hidden = true;
    connection.connect();
  } catch (error) {
    tell(error.message);
    pause = error.retryAfter ?? 0;
  }
  form.password.value = ""; // not left on a screen that anyone walks by
  setTimeout(() => { button.disabled = false; }, pause * 1000);
});

// The rest of the page

function tick() {
  find("clock").textContent = time.format(new Date());
}

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
