-- Which migrations were applied. The table is made by core/data/migrations.py, before the first of them.

-- name: list_applied() -> rows
SELECT number, name, sha256 FROM core.migration ORDER BY number;

-- name: record_migration(number, name, sha256) -> none
INSERT INTO core.migration (number, name, sha256) VALUES ($1, $2, $3);
