-- The audit, for reading.

-- name: list_entries(most, before_us, before_id, start_date, end_date, account_id, email, action, object_type, object_id) -> rows
-- Newest first, older than the entry of before_us (microseconds since 1970) and before_id; each may be null. See operations.list_audit.
SELECT a.id, (extract(epoch FROM a.at) * 1000000)::bigint AS at_us,
       json_build_object('id', a.id, 'at', core.iso(a.at), 'account_id', a.account_id, 'email', a.email,
                         'address', a.address, 'request_id', a.request_id, 'action', a.action, 'object_type', a.object_type,
                         'object_id', a.object_id, 'before', a.before, 'after', a.after)::text AS document
  FROM operations.list_audit($1, 'epoch'::timestamptz + $2::bigint * interval '1 microsecond', $3, ($4::text)::date, ($5::text)::date, $6, $7, $8, $9, $10) a
 ORDER BY a.at DESC, a.id DESC;
