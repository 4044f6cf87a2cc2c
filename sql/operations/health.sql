-- What the health checks ask.

-- name: ping() -> value
SELECT 1;

-- name: count_all() -> row
-- Seed 002's counts. The vendor area's tables come with that area; until then it has no rows.
SELECT count(*) AS users, count(*) FILTER (WHERE role = 'VENDOR') AS vendors, 0 AS items, 0 AS categories, 0 AS sales_backups
  FROM accounts.account;
