// The pages for sales reps. They work without this script; with it decisions need no new page, and registrations appear by themselves.

const STREAM = "/sales-rep/sse/";
// Several vendors may change at once: the page is loaded again once.
const SETTLE_MS = 200;
// The parts of a page that the server composes anew.
const PARTS = ["counts", "vendors", "vendor"];

const message = document.getElementById("message");
const connection = document.getElementById("connection");
const selectAll = document.getElementById("select-all");
let settling = 0;
let latest = 0;

/** Ask before a decision, send it, and show its outcome. */
document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  const question = submitter?.dataset.confirm;
  if (!question) return;
  event.preventDefault();
  if (!confirm(question)) return;
  const data = new FormData(form);
  submitter.disabled = true;
  try {
    // The property formAction of a button without the attribute is the address of the page.
    const response = await fetch(submitter.getAttribute("formaction") ?? form.action, {
      method: "POST",
      headers: { "X-Requested-With": "XMLHttpRequest", "X-CSRFToken": data.get("csrfmiddlewaretoken") },
      body: new URLSearchParams(data),
    });
    const answer = await response.json();
    say(answer.message ?? answer.error, response.ok && answer.success);
  } catch {
    say("The server can't be reached. Nothing was changed, or the answer was lost: the list shows which.", false);
  } finally {
    submitter.disabled = false;
  }
  await refresh();
});

selectAll?.addEventListener("change", () => {
  for (const box of boxes()) box.checked = selectAll.checked;
});
document.getElementById("vendors")?.addEventListener("change", showAll);

function boxes() {
  return [...document.querySelectorAll('input[name="vendor_ids"]')];
}

/** The box of all is what the others are. */
function showAll() {
  if (!selectAll) return;
  const found = boxes();
  const ticked = found.filter((box) => box.checked).length;
  selectAll.checked = ticked > 0 && ticked === found.length;
  selectAll.indeterminate = ticked > 0 && ticked < found.length;
  document.getElementById("all").hidden = found.length === 0;
}

function say(text, isGood) {
  message.textContent = text;
  message.className = `message ${isGood ? "success" : "error"}`;
}

/** Load this page again and put its parts in place of the old ones; what is ticked stays so, and new vendors are marked. */
async function refresh() {
  latest += 1;
  const mine = latest;
  let response;
  try {
    response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  } catch {
    return;
  }
  // A page that was asked for later may have come before.
  const text = await response.text();
  if (mine !== latest) return;
  if (response.redirected) {
    location.reload();
    return;
  }
  if (!response.ok) return;
  const ticked = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  const known = new Set([...document.querySelectorAll("tr[data-id]")].map((row) => row.dataset.id));
  const focused = document.activeElement?.closest("#vendors a, #vendors button, #vendors input");
  const place = focused && [focused.closest("tr").dataset.id, focused.parentElement.className];
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const id of PARTS) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh) old.replaceChildren(...fresh.childNodes);
  }
  for (const box of boxes()) box.checked = ticked.has(box.value);
  for (const row of document.querySelectorAll("tr[data-id]")) row.classList.toggle("fresh", !known.has(row.dataset.id));
  if (place) document.querySelector(`tr[data-id="${place[0]}"] .${place[1]} :is(a, button, input)`)?.focus();
  showAll();
}

function watch() {
  const stream = new EventSource(STREAM);
  const show = (word) => {
    if (connection) connection.textContent = word;
  };
  const changed = () => {
    clearTimeout(settling);
    settling = setTimeout(refresh, SETTLE_MS);
  };
  let isFirst = true;
  stream.addEventListener("open", () => {
    show("Live");
    // What happened while the connection was lost may be more than the stream tells.
    if (!isFirst) changed();
    isFirst = false;
  });
  stream.addEventListener("message", changed);
  stream.addEventListener("reset", changed);
  stream.addEventListener("error", () => {
    show(stream.readyState === EventSource.CLOSED ? "Not live: please load the page again" : "Reconnecting");
    // The session may have ended.
    if (stream.readyState === EventSource.CLOSED) refresh();
  });
}

showAll();
watch();
