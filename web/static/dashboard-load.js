// The requests for the figures.

import { ask, get, Refused } from "./books-api.js";
import { isSome } from "./books-format.js";
import { json } from "./live-session.js";

const ROOT = "/api/dashboard/";
const PERIODS_SHOWN = 12;
const CLIENTS_SHOWN = 5;
const LATE_SHOWN = 4;
const ALL_DAYS = { start_date: "1900-01-01" };

/** Returns the figures of the present period. `last_updated` and `snapshot_date` change whenever any figure does. */
export const loadOverview = (period, signal) => get(`${ROOT}overview/`, { period_type: period }, signal);

/**
 * Returns the other figures, which are at least as new as an overview that was loaded before. `isEmpty`: there is nothing in the books.
 */
export async function loadRest(period, overview, signal) {
  // Books that have just been opened have nothing to project from, and a refused request would stand in the browser's log.
  const isNew = !overview.total_clients && !isSome(overview.total_revenue);
  const [stats, trends, breakdown, clients, projections, soon, late] = await Promise.all([
    get(`${ROOT}stats/`, {}, signal), get(`${ROOT}trends/`, { period, periods: PERIODS_SHOWN }, signal), get(`${ROOT}breakdown/`, { period_type: period }, signal),
    get(`${ROOT}clients/`, { period_type: period, page_size: CLIENTS_SHOWN }, signal), isNew ? null : loadProjections(signal),
    get("/api/invoices/due_soon/", {}, signal), get("/api/invoices/", { status: "overdue", ordering: "due_date", page_size: LATE_SHOWN }, signal),
  ]);
  const found = { overview, stats, trends, breakdown, clients, projections, soon, late: late.results };
  const isNothing = await isEmpty(found, signal);
  if (isNew && !isNothing) found.projections = await loadProjections(signal);
  return { ...found, isEmpty: isNothing };
}

/** Returns what the stream sends, where there is no stream. */
export const loadLive = (signal) => get(`${ROOT}realtime/aggregate/`, {}, signal);

/** Returns the projections; null: there are no invoices to project from. */
async function loadProjections(signal) {
  try {
    return await json(await ask(`${ROOT}projections/`, { signal }));
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

/** Only expenses of long ago show neither in the trends nor among the clients, so these are looked for before the books count as empty. */
async function isEmpty({ overview, trends, clients }, signal) {
  if (clients.count || ["revenue", "expense"].some((name) => trends[`${name}_trend`].some(({ value }) => value))) return false;
  const all = await get(`${ROOT}overview/`, { ...ALL_DAYS, period_type: overview.period_type }, signal);
  return all.total_expense_count === 0 && all.total_invoices === 0;
}
