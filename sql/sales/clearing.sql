-- Clearing tables of sales, for the developer options. Each clearing is one transaction. The queries that count return
-- {key: number of removed rows}. docs/api/operations.md#developer-options
--
-- The tables are locked in the order in which an import locks them: customer, salesman, invoice, invoice_item, session. A separate
-- statement counts the rows after that, so that it sees the transactions for which the lock waited.

-- name: hold_all() -> none
LOCK TABLE sales.customer, sales.salesman, sales.invoice, sales.invoice_item, sales.session IN ACCESS EXCLUSIVE MODE;

-- name: count_all() -> value
-- Invoice returns and couriers have no tables yet, but the documented answer contains them.
SELECT json_build_object(
           'invoices', (SELECT count(*) FROM sales.invoice), 'invoice_items', (SELECT count(*) FROM sales.invoice_item),
           'invoice_returns', 0,
           'picking_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'picking'),
           'packing_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'packing'),
           'delivery_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'delivery'),
           'customers', (SELECT count(*) FROM sales.customer), 'salesmen', (SELECT count(*) FROM sales.salesman), 'couriers', 0)::text;

-- name: empty_all() -> none
-- CASCADE is not used, so the statement fails if another table, which is not named here, refers to one of these.
TRUNCATE sales.customer, sales.salesman, sales.invoice, sales.invoice_item, sales.session;

-- name: hold_invoices() -> none
LOCK TABLE sales.invoice, sales.invoice_item, sales.session IN ACCESS EXCLUSIVE MODE;

-- name: count_invoices() -> value
SELECT json_build_object(
           'invoices', (SELECT count(*) FROM sales.invoice), 'invoice_items', (SELECT count(*) FROM sales.invoice_item),
           'invoice_returns', 0,
           'picking_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'picking'),
           'packing_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'packing'),
           'delivery_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'delivery'))::text;

-- name: empty_invoices() -> none
TRUNCATE sales.invoice, sales.invoice_item, sales.session;

-- name: hold_sessions() -> none
LOCK TABLE sales.session IN ACCESS EXCLUSIVE MODE;

-- name: count_sessions() -> value
SELECT json_build_object(
           'picking_sessions', count(*) FILTER (WHERE kind = 'picking'), 'packing_sessions', count(*) FILTER (WHERE kind = 'packing'),
           'delivery_sessions', count(*) FILTER (WHERE kind = 'delivery'))::text
  FROM sales.session;

-- name: empty_sessions() -> none
TRUNCATE sales.session;

-- name: return_invoices() -> none
-- An unfinished invoice whose session was removed could never be finished, so it returns to PENDING. A delivered invoice stays.
UPDATE sales.invoice SET status = 'PENDING' WHERE status NOT IN ('PENDING', 'DELIVERED');

-- name: hold_imports() -> none
-- Imports wait for this lock, and then see that the rows were removed.
LOCK TABLE sales.customer, sales.salesman, sales.invoice IN SHARE ROW EXCLUSIVE MODE;

-- name: be_quiet() -> value
-- Switches off the events of sales.announce_invoice until the end of the transaction. They would be written at commit, after
-- forget_invoices has removed the events of invoices. Readers load their lists again anyway.
SELECT set_config('tradepost.quiet', 'on', true);

-- name: clear_customers() -> value
-- Returns null if an invoice exists, because it would be removed with its customer. The lock of hold_imports keeps new ones out.
WITH gone AS (
    DELETE FROM sales.customer WHERE NOT EXISTS (SELECT FROM sales.invoice) RETURNING 1
)
SELECT CASE WHEN NOT EXISTS (SELECT FROM sales.invoice) THEN json_build_object('customers', count(*))::text END FROM gone;

-- name: clear_salesmen() -> value
-- The invoices stay, without a salesman.
WITH gone AS (
    DELETE FROM sales.salesman RETURNING 1
)
SELECT json_build_object('salesmen', count(*))::text FROM gone;

-- name: count_couriers() -> value
SELECT json_build_object('couriers', 0)::text;

-- name: forget_invoices() -> none
-- Removes the events of invoices, so that a reader who resumes the stream does not get a removed invoice. The event sales.reload makes
-- all readers load their lists again.
WITH forgotten AS MATERIALIZED (
    SELECT core.forget_events('sales.invoice') AS done
)
INSERT INTO core.event (topic, payload) SELECT 'sales.reload', '{}' FROM forgotten WHERE done IS NOT NULL;
