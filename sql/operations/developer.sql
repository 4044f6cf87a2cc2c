-- Developer options: row counts of the tables, and resetting the sequences of their ids. The queries that clear tables are in
-- sql/AREA/clearing.sql. docs/api/operations.md#developer-options

-- name: table_stats(tables, changes_allowed) -> value
-- tables: [{place, key, description, relation, kind}], as handlers/api/clearing.py defines them. All counts are of the same moment.
WITH counted AS MATERIALIZED (
    SELECT t.place, t.key, t.description, operations.count_rows(t.relation, t.kind) AS n
      FROM jsonb_to_recordset($1::jsonb) AS t (place integer, key text, description text, relation text, kind text)
)
SELECT json_build_object(
           'success', true,
           'stats', json_object_agg(key, json_build_object('count', n, 'description', description) ORDER BY place),
           'total_records', sum(n), 'changes_allowed', $2::boolean)::text
  FROM counted;

-- name: take_turn() -> value
-- Waits until no other transaction clears or resets, so that these changes never run at the same time.
SELECT pg_advisory_xact_lock('operations.audit'::regclass::oid::bigint);

-- name: limit_waiting(milliseconds) -> value
-- Limits the wait for each lock until the transaction ends, because every later request for a table queues behind a waiting one.
SELECT set_config('lock_timeout', ($1::integer)::text, true);

-- name: note_cleared(actor, table_name, message, counts) -> row
-- The body of the answer; it also writes the entry of the audit.
SELECT json_build_object('success', true, 'message', $3::text, 'deleted_counts', $4::json)::text AS answer,
       operations.note($1::jsonb, 'developer.clear-data', 'table', $2, NULL, ($4::json)::jsonb);

-- name: reset_sequences(schemas, actor) -> row
-- Three tables keep their numbers. accounts.session: a token names its session by number, so an old token would open the session of
-- another person. accounts.account: the audit names accounts by number. operations.audit: it only grows.
WITH reset AS MATERIALIZED (
    SELECT operations.reset_sequences($1::text[], ARRAY['accounts.session', 'accounts.account', 'operations.audit']) AS n
)
SELECT json_build_object('success', true, 'message', format('Reset %s database sequences', n), 'reset_count', n)::text AS answer,
       operations.note($2::jsonb, 'developer.reset-sequences', 'sequence', NULL, NULL, json_build_object('reset_count', n)::jsonb)
  FROM reset;
