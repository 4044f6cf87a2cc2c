-- Which migrations, and which text of each area's functions, the database has. These tables are there before the first migration.

-- name: make_schema() -> none
CREATE SCHEMA IF NOT EXISTS core;

-- name: make_migration_table() -> none
CREATE TABLE IF NOT EXISTS core.migration (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());

-- name: make_functions_table() -> none
CREATE TABLE IF NOT EXISTS core.functions (
    area text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());

-- name: try_lock(lock) -> value
-- Whether this transaction now holds the advisory lock.
SELECT pg_try_advisory_xact_lock($1);

-- name: take_lock(lock) -> value
SELECT pg_advisory_xact_lock($1);

-- name: describe_lock_holder(lock) -> value
-- Who holds the advisory lock, in words. pg_locks shows the lock's number in two halves.
SELECT coalesce((SELECT format('the program %s (Postgres process %s, user %s, since %s)', coalesce(nullif(a.application_name, ''), 'without a name'),
                               a.pid, a.usename, to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"'))
                   FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                    AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint
                  LIMIT 1), 'another program');

-- name: list_applied() -> rows
SELECT number, name, sha256 FROM core.migration ORDER BY number;

-- name: list_functions() -> rows
SELECT area, sha256 FROM core.functions ORDER BY area;

-- name: record_migration(number, name, sha256) -> none
INSERT INTO core.migration (number, name, sha256) VALUES ($1, $2, $3);

-- name: record_functions(area, sha256) -> none
INSERT INTO core.functions (area, sha256) VALUES ($1, $2)
ON CONFLICT (area) DO UPDATE SET sha256 = EXCLUDED.sha256, applied_at = now();
