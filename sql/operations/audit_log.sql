-- Following the audit in the order of its ids, for audit.log. docs/api/operations.md#audit
-- An id is drawn before its transaction commits, so entries become visible out of order, and ids of transactions that were rolled back
-- never do. next_xid, oldest_xid: of the statement's snapshot. Transactions that had begun by then are below next_xid; those below
-- oldest_xid have ended.

-- name: list_before(moment, most) -> rows
-- The last entries before a moment (epoch seconds), the newest first. At least one row; without entries its id is null.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid, e.id
  FROM (SELECT) AS always
  LEFT JOIN (SELECT a.id FROM operations.audit a WHERE a.at < to_timestamp($1::float8) ORDER BY a.at DESC, a.id DESC LIMIT $2::bigint) e ON true
 ORDER BY e.id DESC;

-- name: list_new(top, lows, highs, most) -> rows
-- The entries above the id `top`, and those that have appeared in the gaps below it, which lie from `lows` to `highs`; `most` of each. At
-- least one row; without entries its id is null. last: the highest id.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_xid,
       coalesce((SELECT max(id) FROM operations.audit), 0) AS last,
       e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS time, e.account_id, e.email, e.address, e.request_id,
       e.action, e.object_type, e.object_id, left(e.before::text, 8001) AS before, left(e.after::text, 8001) AS after
  FROM (SELECT) AS always
  LEFT JOIN (
       (SELECT found.*
          FROM unnest($2::bigint[], $3::bigint[]) AS gap (low, high)
         CROSS JOIN LATERAL (SELECT * FROM operations.audit WHERE id BETWEEN gap.low AND gap.high ORDER BY id LIMIT $4::bigint) AS found
         LIMIT $4::bigint)
       UNION ALL
       (SELECT * FROM operations.audit WHERE id > $1::bigint ORDER BY id LIMIT $4::bigint)) e ON true
 ORDER BY e.id;
