// The lists that the board begins with: one request a column.

import { load } from "./live-session.js";

const LIST = "/api/sales/invoices/";
const PAGE = 100; // the most that the API gives at once

export const STATUSES = ["PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED"];
/** How many of a column are loaded at first: of what is done, fewer. */
export const LOADED = Object.fromEntries(STATUSES.map((status) => [status, status === "DELIVERED" ? 50 : PAGE]));

/** filter: parameters of the list, such as {search: "…"}. Each column: {status, count, isExact, invoices, isAll, serverTime}. */
export function loadColumns(filter = {}) {
  return Promise.all(STATUSES.map((status) => page(status, filter, { page_size: LOADED[status] })));
}

/** Of one column, what comes after its newest `known`. */
export async function loadMore(status, filter, known) {
  const first = Math.floor(known / PAGE) + 1;
  const found = await page(status, filter, { page_size: PAGE, page: first });
  if (found.isAll || known % PAGE <= PAGE / 2) return found;
  // Most of that page was there already.
  const second = await page(status, filter, { page_size: PAGE, page: first + 1 });
  return { ...second, invoices: [...found.invoices, ...second.invoices] };
}

/** How many invoices there are by status, and the newest one's id (0: none). */
export async function loadCounts() {
  const columns = await Promise.all(STATUSES.map((status) => page(status, {}, { page_size: 1 })));
  return {
    counts: Object.fromEntries(columns.map(({ status, count }) => [status, count])),
    newest: Math.max(0, ...columns.flatMap(({ invoices }) => invoices.map(({ id }) => id))),
  };
}

/** The invoice of exactly this number, or null. */
export async function findByNumber(number) {
  // The newest that contain it; and where those are many, the first by number, among which it comes before the longer ones.
  for (const order of [{}, { ordering: "invoice_no" }]) {
    const { body } = await load(`${LIST}?${new URLSearchParams({ search: number, page_size: PAGE, ...order })}`);
    const found = body.results.find((invoice) => sameNumber(invoice, number));
    if (found || !body.next) return found ?? null;
  }
  return null;
}

/** As it is now, or null when it is no longer there. */
export async function loadInvoice(id) {
  const { body } = await load(`${LIST}${id}/`, { orNull: true });
  return body;
}

export function sameNumber(invoice, number) {
  return invoice.invoice_no.toLowerCase() === number.toLowerCase();
}

async function page(status, filter, which) {
  const { body, serverTime } = await load(`${LIST}?${new URLSearchParams({ status, ...filter, ...which })}`);
  const isExact = body.count_is_exact !== false; // the server counts what a search finds to 10,000
  return { status, count: body.count, isExact, invoices: body.results, isAll: body.next === null, serverTime };
}
