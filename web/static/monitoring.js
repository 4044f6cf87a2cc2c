// The page of monitoring: how the server is, or how one's own tasks are. It loads all of its data from the API, which checks who asks.

import { showAccount } from "./header.js";
import { forget, json, request, retryAfter, signedInAs, signIn, signOut, Unavailable } from "./live-session.js";
import { bar, chart } from "./monitoring-charts.js";
import { ago, count, duration, moment, percent, time } from "./monitoring-format.js";

const API = "/api/monitoring/";
// Between two looks. An account has 1,000 requests an hour; a look takes two, and three of an administrator.
const REFRESH_SECONDS = 30;
const RECENT = 10;
// Measures of the server are taken every five minutes: these are 8 hours.
const MEASURES = 96;
const WORDS = { healthy: "Healthy", warning: "Warning", critical: "Critical" };

const find = (id) => document.getElementById(id);
const form = find("sign-in");
let timer = 0;
let looking = null;
// What the charts show. They are drawn again only if it has changed, so that who reads one keeps the place.
let drawnFrom = "";

// Requests

class Ended extends Error {}

/** Sends a request and returns the JSON of the response. Throws Ended: nobody is signed in; Unavailable; Error with the server's message. */
async function ask(path, method = "GET") {
  const response = await request(path, { method });
  if (response.status === 401) throw new Ended("");
  if (response.status === 403) throw new Ended("This account has no tasks here.");
  if (response.status === 429 || response.status >= 500) throw new Unavailable("The server can't answer just now.", retryAfter(response));
  const body = await json(response);
  if (!response.ok) throw new Error(body.error ?? `The server refuses that (status ${response.status}).`);
  return body;
}

async function load() {
  const [overview, tasks] = await Promise.all([ask(API), ask(`${API}api/tasks/?page_size=${RECENT}`)]);
  const measures = overview.is_admin ? (await ask(`${API}api/health-metrics/?page_size=${MEASURES}`)).results : [];
  return { overview, tasks: tasks.results, measures };
}

/** Looks at the server once, and again in a while. A second call while one is under way waits for it. */
function look() {
  looking ??= lookOnce().finally(() => { looking = null; });
  return looking;
}

async function lookOnce() {
  clearTimeout(timer);
  const who = signedInAs();
  if (!who) return askToSignIn("");
  let wait = REFRESH_SECONDS;
  try {
    const found = await load();
    // Meanwhile another user may have signed in.
    if (signedInAs() !== who) return undefined;
    show(found);
  } catch (error) {
    if (error instanceof Ended) return end(error.message);
    find("state").textContent = `${error.message} Trying again.`;
    find("state").dataset.state = "away";
    wait = Math.max(wait, error.retryAfter ?? 0);
  }
  // It may have been hidden while the server was asked.
  if (!document.hidden) timer = setTimeout(look, wait * 1000);
  return undefined;
}

// What is shown

function show({ overview, tasks, measures }) {
  const now = Date.parse(overview.health.timestamp);
  form.hidden = true;
  for (const id of ["figures", "refresh"]) find(id).hidden = false;
  find("state").textContent = `Updated ${time(overview.health.timestamp)}`;
  find("state").dataset.state = "current";
  showVerdict(overview);
  showAlerts(overview.active_alerts, now);
  showCharts(overview, measures);
  showTasks(overview.metrics.task_breakdown);
  fill("recent", tasks, "run", (fields, task) => {
    badge(fields.status, task.status_display, { success: "good", failure: "bad", retry: "wait", started: "busy" }[task.status] ?? "");
    fields.name.textContent = task.task_name;
    fields.when.textContent = ago(task.created_at, now);
    fields.when.title = moment(task.created_at);
    fields.duration.textContent = task.duration === null ? "" : duration(task.duration);
  });
}

function showVerdict({ health, metrics, is_admin: isAdmin }) {
  find("verdict-title").textContent = `${WORDS[health.status]}: ${health.message}`;
  find("verdict-title").parentElement.dataset.status = health.status;
  find("scope").textContent = isAdmin ? "The whole server." : "Your own tasks.";
  const tiles = [
    ["Workers", `${count(health.workers.active)} of ${count(health.workers.total)}`],
    ["Waiting", count(health.tasks.pending)],
    ["Running", count(health.tasks.active)],
    ["Success", metrics.completed_tasks ? percent(metrics.success_rate) : "\u2013"],
    ["Runs in 24 h", count(metrics.total_tasks)],
    ["Average", duration(metrics.duration_stats.avg_duration)],
  ];
  find("tiles").replaceChildren(...tiles.map(([name, value]) => {
    const tile = document.createElement("div"), term = document.createElement("dt"), said = document.createElement("dd");
    term.textContent = name;
    said.textContent = value;
    tile.append(term, said);
    return tile;
  }));
}

function showAlerts(alerts, now) {
  const focused = document.activeElement?.dataset.act;
  fill("alerts", alerts, "alert", (fields, alert) => {
    badge(fields.severity, alert.severity_display, { info: "busy", warning: "wait" }[alert.severity] ?? "bad");
    fields.title.textContent = alert.title;
    fields.message.textContent = alert.message;
    const seen = alert.acknowledged_at ? ", acknowledged" : "";
    fields.when.textContent = `${ago(alert.triggered_at, now)}${seen}`;
    fields.when.title = moment(alert.triggered_at);
    fields.acknowledge.hidden = Boolean(alert.acknowledged_at);
    for (const act of ["acknowledge", "resolve"]) {
      fields[act].dataset.act = `${alert.id}/${act}`;
      fields[act].setAttribute("aria-label", `${fields[act].textContent}: ${alert.title}`);
      fields[act].addEventListener("click", () => carryOut(alert.id, act, fields));
    }
  });
  // A list that was drawn again has lost the focus.
  if (focused) focusOn(focused);
  find("alerts-title").textContent = alerts.length ? `Alerts (${count(alerts.length)}${alerts.length === 100 ? " or more" : ""})` : "Alerts";
}

/** Moves the focus to a button of an alert, or, if it is gone, to the heading of the list. */
function focusOn(act) {
  (document.querySelector(`[data-act="${act}"]:not([hidden])`) ?? find("alerts-title")).focus();
}

async function carryOut(id, act, fields) {
  find("alerts-problem").textContent = "";
  fields.acknowledge.disabled = fields.resolve.disabled = true;
  try {
    await ask(`${API}api/alerts/${id}/${act}/`, "POST");
    // A look that is under way may have read the alert before.
    await looking;
    await look();
    // The button that was pressed is gone.
    focusOn(`${id}/resolve`);
  } catch (error) {
    if (error instanceof Ended) end(error.message);
    else find("alerts-problem").textContent = error.message;
  }
  fields.acknowledge.disabled = fields.resolve.disabled = false;
}

function showCharts({ hourly_trends: hours, health, is_admin: isAdmin }, measures) {
  const from = JSON.stringify([hours, health.queues, measures.map((one) => one.id)]);
  if (from === drawnFrom) return;
  drawnFrom = from;
  const over = (values) => hours.map((hour) => ({ label: time(hour.hour), values: values(hour) }));
  const queues = Object.entries(health.queues).map(([name, value]) => ({ name, value })).sort((one, other) => other.value - one.value);
  const charts = [
    chart({ title: "Success rate", points: over((hour) => [hour.success_rate]), series: [{ name: "success", kind: "line", className: "good" }],
      say: percent, top: 100, empty: "Nothing has ended yet." }),
    chart({ title: "Runs an hour", points: over((hour) => [hour.successful_tasks, hour.failed_tasks]),
      series: [{ name: "succeeded", kind: "bar", className: "good" }, { name: "failed", kind: "bar", className: "bad" }], say: tidy,
      empty: "Nothing has ended yet." }),
    chart({ title: "Average duration", points: over((hour) => [hour.avg_duration]), series: [{ name: "average", kind: "line", className: "busy" }],
      say: duration, empty: "Nothing has ended yet." }),
    bar({ title: "Waiting now, by queue", rows: queues, say: count, empty: "Nothing waits." }),
  ];
  if (isAdmin) charts.push(...measured(measures.toReversed()));
  find("charts").replaceChildren(...charts);
}

/** The charts of what the server has recorded. measures: oldest first. */
function measured(measures) {
  const over = (values) => measures.map((one) => ({ label: time(one.recorded_at), values: values(one) }));
  const empty = "The server records this every five minutes.";
  return [
    chart({ title: "Waiting and running", points: over((one) => [one.pending_tasks, one.active_tasks]), empty, say: tidy,
      series: [{ name: "waiting", kind: "line", className: "wait" }, { name: "running", kind: "line", className: "busy" }] }),
    chart({ title: "Processors of the host", points: over((one) => [one.cpu_usage]), empty, say: percent, top: 100,
      series: [{ name: "in use", kind: "line", className: "busy" }] }),
  ];
}

/** A count on an axis, which may end in the middle between two. */
const tidy = (value) => (Number.isInteger(value) ? count(value) : value.toFixed(1));

function showTasks(breakdown) {
  fill("tasks", Object.entries(breakdown), "task", (fields, [name, task]) => {
    fields.name.textContent = name;
    fields.total.textContent = count(task.total);
    fields.failed.textContent = count(task.failed);
    fields.failed.classList.toggle("bad", task.failed > 0);
    fields.average.textContent = duration(task.avg_duration);
  });
}

/** Fills a list with copies of a template; what stands in its place while it is empty has the id `no-…`. */
function fill(id, rows, template, write) {
  find(id).replaceChildren(...rows.map((row) => {
    const element = find(template).content.firstElementChild.cloneNode(true);
    write(Object.fromEntries([...element.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field])), row);
    return element;
  }));
  find(`no-${id}`).hidden = rows.length > 0;
  (find(id).closest("table") ?? find(id)).hidden = rows.length === 0;
}

function badge(element, text, kind) {
  element.textContent = text;
  element.dataset.kind = kind;
}

// Signing in and out

function askToSignIn(why) {
  clearTimeout(timer);
  // The next person at this screen may be another one.
  for (const id of ["tiles", "alerts", "charts", "tasks", "recent"]) find(id).replaceChildren();
  drawnFrom = "";
  for (const id of ["figures", "refresh"]) find(id).hidden = true;
  showUser();
  find("state").textContent = "";
  form.hidden = false;
  find("sign-in-problem").textContent = why;
  (form.email.value ? form.password : form.email).focus();
}

function end(why) {
  forget();
  askToSignIn(why);
}

function showUser() {
  const who = signedInAs();
  showAccount(who ? "Sign out" : "Sign in", who && `Signed in as ${who}`);
}

/** Somebody has signed in or out, here or in another tab. */
async function userChanged() {
  showUser();
  await looking;
  if (signedInAs()) look();
  else if (form.hidden) askToSignIn("");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  find("sign-in-problem").textContent = "";
  button.disabled = true;
  try {
    await signIn(form.email.value.trim(), form.password.value);
    await look();
    if (form.hidden) find("refresh").focus();
  } catch (error) {
    find("sign-in-problem").textContent = error.message;
  }
  // The screen may be in a public place, so the password is not left in the field.
  form.password.value = "";
  button.disabled = false;
});

find("refresh").addEventListener("click", look);
find("account").addEventListener("click", () => (signedInAs() ? signOut() : askToSignIn("")));
document.addEventListener("session", userChanged);
// A hidden page does not ask; when it is seen again, it asks at once.
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden && signedInAs()) look();
});

showUser();
look();
