// The requests for the lists of the board: one request for each column.

import { load } from "./live-session.js";

const LIST = "/api/sales/invoices/";
// The largest page_size that the API allows.
const PAGE = 100;

export const STATUSES = ["PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED"];
/** The number of invoices that are loaded first in each column. Fewer of the delivered ones are needed. */
export const LOADED = Object.fromEntries(STATUSES.map((status) => [status, status === "DELIVERED" ? 50 : PAGE]));

/** Loads the first page of each column: [{status, count, isExact, invoices, isAll, serverTime}]. filter: parameters of the list,
    such as {search: "…"}. */
export function loadColumns(filter = {}) {
  return Promise.all(STATUSES.map((status) => page(status, filter, { page_size: LOADED[status] })));
}

/** Loads the invoices of one column that follow the newest `known` ones. */
export async function loadMore(status, filter, known) {
  const first = Math.floor(known / PAGE) + 1;
  const found = await page(status, filter, { page_size: PAGE, page: first });
  if (found.isAll || known % PAGE <= PAGE / 2) return found;
  // More than half of that page was known already, so the next page is loaded too.
  const second = await page(status, filter, { page_size: PAGE, page: first + 1 });
  return { ...second, invoices: [...found.invoices, ...second.invoices] };
}

/** Returns the number of invoices by status, and the id of the newest invoice (0 if there is none). */
export async function loadCounts() {
  const columns = await Promise.all(STATUSES.map((status) => page(status, {}, { page_size: 1 })));
  return {
    counts: Object.fromEntries(columns.map(({ status, count }) => [status, count])),
    newest: Math.max(0, ...columns.flatMap(({ invoices }) => invoices.map(({ id }) => id))),
  };
}

/** Returns the invoice with exactly this number; if there is none, the one whose number differs only in case, unless several do; or null. */
export async function findByNumber(number) {
  // The first request gives the newest invoices whose texts contain the number. If there is more than one page of them, the second
  // request sorts by number, so that the exact number comes before longer numbers that begin with it.
  for (const order of [{}, { ordering: "invoice_no" }]) {
    const { body } = await load(`${LIST}?${new URLSearchParams({ search: number, page_size: PAGE, ...order })}`);
    const found = body.results.filter((invoice) => sameNumber(invoice, number));
    const exact = found.find((invoice) => invoice.invoice_no === number);
    if (exact) return exact;
    if (!body.next) return found.length === 1 ? found[0] : null;
  }
  return null;
}

/** Returns the current state of the invoice, or null if it no longer exists. */
export async function loadInvoice(id) {
  const { body } = await load(`${LIST}${id}/`, { orNull: true });
  return body;
}

function sameNumber(invoice, number) {
  return invoice.invoice_no.toLowerCase() === number.toLowerCase();
}

async function page(status, filter, which) {
  const { body, serverTime } = await load(`${LIST}?${new URLSearchParams({ status, ...filter, ...which })}`);
  // The server stops counting search results at 10,000.
  const isExact = body.count_is_exact !== false;
  return { status, count: body.count, isExact, invoices: body.results, isAll: body.next === null, serverTime };
}
