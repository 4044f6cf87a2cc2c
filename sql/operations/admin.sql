-- The first page of the administration. docs/api/operations.md#administration

-- name: list_recent(account_id, timezone, most) -> rows
-- What an account has done last, the newest first.
SELECT a.id::text AS key, a.action, a.object_type, a.object_id, to_char(a.at AT TIME ZONE $2::text, 'YYYY-MM-DD HH24:MI') AS at
  FROM operations.audit a
 WHERE a.account_id = $1::bigint
 ORDER BY a.at DESC, a.id DESC LIMIT $3::bigint;
