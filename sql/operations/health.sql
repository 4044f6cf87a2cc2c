-- The health checks. docs/api/operations.md#health

-- name: ping() -> value
SELECT 1;

-- name: count_all() -> row
-- The counts of the vendor API. Beyond 100,000 items it is what Postgres estimates, because counting reads the whole index.
SELECT count(*) AS users, count(*) FILTER (WHERE role = 'VENDOR') AS vendors,
       (SELECT CASE WHEN c.reltuples > 100000 THEN c.reltuples::bigint ELSE (SELECT count(*) FROM vendor.item) END
          FROM pg_class c WHERE c.oid = 'vendor.item'::regclass) AS items,
       (SELECT count(*) FROM vendor.category) + (SELECT count(*) FROM vendor.global_category) AS categories,
       (SELECT coalesce(sum(t.bills), 0)::bigint FROM vendor.bill_tally t) AS sales_backups
  FROM accounts.account;
