-- The health checks. docs/api/operations.md#health

-- name: ping() -> value
SELECT 1;

-- name: count_all() -> row
-- The counts of the vendor API. The last three stay 0 until the vendor area has tables.
SELECT count(*) AS users, count(*) FILTER (WHERE role = 'VENDOR') AS vendors, 0 AS items, 0 AS categories, 0 AS sales_backups
  FROM accounts.account;
