-- Clearing tables of sales, for the developer options. Each clearing is one transaction; a query that counts answers
-- {key: rows that went}. docs/api/operations.md#developer-options
--
-- Tables are locked in the order in which an import locks them: customer, salesman, invoice, invoice_item, session. They are
-- counted after that, by a statement of its own, which sees what the lock waited for.

-- name: hold_all() -> none
LOCK TABLE sales.customer, sales.salesman, sales.invoice, sales.invoice_item, sales.session IN ACCESS EXCLUSIVE MODE;

-- name: count_all() -> value
-- Returns and couriers have no tables yet; the document names them.
SELECT json_build_object(
           'invoices', (SELECT count(*) FROM sales.invoice), 'invoice_items', (SELECT count(*) FROM sales.invoice_item),
           'invoice_returns', 0,
           'picking_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'picking'),
           'packing_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'packing'),
           'delivery_sessions', (SELECT count(*) FROM sales.session WHERE kind = 'delivery'),
           'customers', (SELECT count(*) FROM sales.customer), 'salesmen', (SELECT count(*) FROM sales.salesman), 'couriers', 0)::text;

-- name: empty_all() -> none
-- Never CASCADE: a table that refers to one of these and is not named makes it fail.
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
-- Without its session an invoice half way through the warehouse could never be finished. A delivered one is.
UPDATE sales.invoice SET status = 'PENDING' WHERE status NOT IN ('PENDING', 'DELIVERED');

-- name: hold_imports() -> none
-- An import waits here, and then sees what was cleared.
LOCK TABLE sales.customer, sales.salesman, sales.invoice IN SHARE ROW EXCLUSIVE MODE;

-- name: be_quiet() -> value
-- To the end of the transaction: each invoice that is changed would announce itself as it commits, after the others' events were
-- forgotten; readers load their lists again anyway.
SELECT set_config('tradepost.quiet', 'on', true);

-- name: clear_customers() -> value
-- Null while there is an invoice, which would go with its customer. After hold_imports none can come meanwhile.
WITH gone AS (
    DELETE FROM sales.customer WHERE NOT EXISTS (SELECT FROM sales.invoice) RETURNING 1
)
SELECT CASE WHEN NOT EXISTS (SELECT FROM sales.invoice) THEN json_build_object('customers', count(*))::text END FROM gone;

-- name: clear_salesmen() -> value
-- Invoices stay, without one.
WITH gone AS (
    DELETE FROM sales.salesman RETURNING 1
)
SELECT json_build_object('salesmen', count(*))::text FROM gone;

-- name: count_couriers() -> value
SELECT json_build_object('couriers', 0)::text;

-- name: forget_invoices() -> none
-- What was cleared must not be sent again to a reader of the stream who resumes it; all readers load their lists again.
WITH forgotten AS MATERIALIZED (
    SELECT core.forget_events('sales.invoice') AS done
)
INSERT INTO core.event (topic, payload) SELECT 'sales.reload', '{}' FROM forgotten WHERE done IS NOT NULL;
