-- Developer options: how many rows the tables hold, and starting their numbers from the beginning. What may be cleared is in each
-- area's clearing.sql. docs/api/operations.md#developer-options

-- name: table_stats(tables, changes_allowed) -> value
-- tables: [{place, key, description, relation, kind}], from handlers/api/clearing.py. All counts are of one moment.
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
-- One clearing or resetting at a time: each waits here for the one before it, and none meets another half way.
SELECT pg_advisory_xact_lock('operations.audit'::regclass::oid::bigint);

-- name: limit_waiting(milliseconds) -> value
-- For every lock from here to the end of the transaction: who waits for a table makes all others queue behind.
SELECT set_config('lock_timeout', ($1::integer)::text, true);

-- name: note_cleared(actor, table_name, message, counts) -> row
-- The answer, and the audit's entry.
SELECT json_build_object('success', true, 'message', $3::text, 'deleted_counts', $4::json)::text AS answer,
       operations.note($1::jsonb, 'developer.clear-data', 'table', $2, NULL, ($4::json)::jsonb);

-- name: reset_sequences(schemas, actor) -> row
-- Not the numbers of sessions: a token names its session by that number, so an old one would open somebody else's; nor of accounts,
-- by whose numbers the audit knows them; nor of the audit itself.
WITH reset AS MATERIALIZED (
    SELECT operations.reset_sequences($1::text[], ARRAY['accounts.session', 'accounts.account', 'operations.audit']) AS n
)
SELECT json_build_object('success', true, 'message', format('Reset %s database sequences', n), 'reset_count', n)::text AS answer,
       operations.note($2::jsonb, 'developer.reset-sequences', 'sequence', NULL, NULL, json_build_object('reset_count', n)::jsonb)
  FROM reset;
