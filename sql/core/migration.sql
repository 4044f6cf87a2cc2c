-- Which migrations, and which text of each area's functions, the database has. These tables are there before the first migration.

-- name: make_schema() -> none
CREATE SCHEMA IF NOT EXISTS core;

-- name: make_migration_table() -> none
CREATE TABLE IF NOT EXISTS core.migration (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());

-- name: make_functions_table() -> none
CREATE TABLE IF NOT EXISTS core.functions (
    area text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());

-- name: list_applied() -> rows
SELECT number, name, sha256 FROM core.migration ORDER BY number;

-- name: list_functions() -> rows
SELECT area, sha256 FROM core.functions ORDER BY area;

-- name: record_migration(number, name, sha256) -> none
INSERT INTO core.migration (number, name, sha256) VALUES ($1, $2, $3);

-- name: record_functions(area, sha256) -> none
INSERT INTO core.functions (area, sha256) VALUES ($1, $2)
ON CONFLICT (area) DO UPDATE SET sha256 = EXCLUDED.sha256, applied_at = now();
