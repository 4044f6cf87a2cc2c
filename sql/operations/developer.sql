-- Developer options: how many rows the tables hold, emptying them, starting their numbers anew. The tables and their keys are
-- in operations.developer_table (migration 0009). Each clear_ query answers {key: rows that went}.

-- name: table_stats(changes_allowed) -> value
-- All counts are of one moment.
WITH counted AS MATERIALIZED (
    SELECT place, key, description, operations.count_rows(relation) AS n FROM operations.developer_table
)
SELECT json_build_object(
           'success', true,
           'stats', json_object_agg(key, json_build_object('count', n, 'description', description) ORDER BY place),
           'total_records', sum(n), 'changes_allowed', $1::boolean)::text
  FROM counted;

-- name: take_turn() -> value
-- One clearing or resetting at a time: each waits here for the one before it, and none meets another half way.
SELECT pg_advisory_xact_lock('operations.developer_table'::regclass::oid::bigint);

-- name: limit_waiting(milliseconds) -> value
-- For every lock from here to the end of the transaction: who waits for a table makes all others queue behind.
SELECT set_config('lock_timeout', ($1::integer)::text, true);

-- name: hold_imports() -> none
-- An import locks the three in this order; it waits here, and then sees what was cleared.
LOCK TABLE sales.customer, sales.salesman, sales.invoice IN SHARE ROW EXCLUSIVE MODE;

-- name: be_quiet() -> value
-- To the end of the transaction: each invoice that is changed would announce itself as it commits, after the others' were
-- forgotten; readers are told to begin anew.
SELECT set_config('tradepost.quiet', 'on', true);

-- name: clear_all() -> value
-- The order is that in which an import locks them.
SELECT operations.empty_tables(ARRAY['customers', 'salesmen', 'invoices', 'invoice_items', 'invoice_returns', 'picking_sessions',
                                     'packing_sessions', 'delivery_sessions', 'couriers'])::text;

-- name: clear_invoices() -> value
SELECT operations.empty_tables(ARRAY['invoices', 'invoice_items', 'invoice_returns', 'picking_sessions', 'packing_sessions',
                                     'delivery_sessions'])::text;

-- name: clear_sessions() -> value
SELECT operations.empty_tables(ARRAY['picking_sessions', 'packing_sessions', 'delivery_sessions'])::text;

-- name: return_invoices() -> none
-- Without its session an invoice half way through the warehouse could never be finished. A delivered one is.
UPDATE sales.invoice SET status = 'PENDING' WHERE status NOT IN ('PENDING', 'DELIVERED');

-- name: clear_customers() -> value
-- Null while there is an invoice: with its customer it would go too. After hold_imports none can come meanwhile.
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

-- name: clear_couriers() -> value
SELECT operations.empty_tables(ARRAY['couriers'])::text;

-- name: clear_users() -> value
-- With their sessions and menus. Who may call this is a SUPERADMIN, and stays.
WITH gone AS (
    DELETE FROM accounts.account WHERE role <> 'SUPERADMIN' RETURNING 1
)
SELECT json_build_object('users', count(*))::text FROM gone;

-- name: clear_departments() -> value
-- Their job titles go with them: here, where they are counted, and not by the foreign key.
WITH titles AS (
    DELETE FROM accounts.job_title WHERE department_id IS NOT NULL RETURNING 1
), gone AS (
    DELETE FROM accounts.department RETURNING 1
)
SELECT json_build_object('departments', (SELECT count(*) FROM gone), 'job_titles', (SELECT count(*) FROM titles))::text;

-- name: clear_job_titles() -> value
WITH gone AS (
    DELETE FROM accounts.job_title RETURNING 1
)
SELECT json_build_object('job_titles', count(*))::text FROM gone;

-- name: forget_invoices() -> none
-- What was cleared must not be sent again to a reader of the stream who resumes it; all of them begin anew.
WITH forgotten AS MATERIALIZED (
    SELECT core.forget_events('sales.invoice') AS done
)
INSERT INTO core.event (topic, payload) SELECT 'sales.cleared', '{}' FROM forgotten WHERE done IS NOT NULL;

-- name: told_cleared(actor, table_name, message, counts) -> row
-- The answer, and the audit's entry.
SELECT json_build_object('success', true, 'message', $3::text, 'deleted_counts', $4::json)::text AS answer,
       operations.note($1::jsonb, 'developer.clear-data', 'table', $2, NULL, ($4::json)::jsonb);

-- name: reset_sequences(actor) -> row
-- Not those of sessions: a token names its session by that number, so an old one would open somebody else's; nor of accounts, by
-- whose numbers the audit knows them.
WITH reset AS MATERIALIZED (
    SELECT operations.reset_sequences(ARRAY['sales', 'accounts', 'pos', 'vendor', 'books'], ARRAY['accounts.session', 'accounts.account']) AS n
)
SELECT json_build_object('success', true, 'message', format('Reset %s database sequences', n), 'reset_count', n)::text AS answer,
       operations.note($1::jsonb, 'developer.reset-sequences', 'sequence', NULL, NULL, json_build_object('reset_count', n)::jsonb)
  FROM reset;
