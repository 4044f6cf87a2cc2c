-- The health checks. docs/api/operations.md#health

-- name: ping() -> value
SELECT 1;

-- name: count_all() -> row
-- The counts of the vendor API. Items and categories stay 0 until the vendor area has tables of them.
SELECT count(*) AS users, count(*) FILTER (WHERE role = 'VENDOR') AS vendors, 0 AS items, 0 AS categories,
       (SELECT coalesce(sum(t.bills), 0)::bigint FROM vendor.bill_tally t) AS sales_backups
  FROM accounts.account;
