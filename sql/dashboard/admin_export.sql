-- Exports of owners' dashboards as the administration shows them. x: the export. docs/api/dashboard.md#administration

-- filter: keys(owner_ids, ids)
(x.owner_id, x.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
x.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- name: list_rows(after, most) -> rows
SELECT x.owner_id || '.' || x.id AS key, x.export_type || ' · ' || x.day AS label, x.export_type, x.export_format, x.period_type, x.day,
       a.email AS owner, a.public_id::text AS owner_key, x.status, x.file_size, x.error, x.created_at, x.finished_at,
       (/* key */ jsonb_build_array(x.owner_id, x.id) /* or as asked */)::text AS place
  FROM dashboard.export x CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = x.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY x.owner_id DESC, x.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
SELECT json_build_object(
           'label', x.export_type || ' · ' || x.day, 'number', x.id, 'export_type', x.export_type, 'export_format', x.export_format,
           'period_type', x.period_type, 'include_charts', x.include_charts, 'day', x.day, 'owner', a.email, 'owner_key', a.public_id,
           'status', x.status, 'stage', x.stage, 'percent', x.percent, 'file_size', x.file_size, 'error', x.error,
           'created_at', core.iso(x.created_at), 'finished_at', core.iso(x.finished_at))::text
  FROM dashboard.export x JOIN accounts.account a ON a.id = x.owner_id
 WHERE x.owner_id = $1::bigint AND x.id = $2::bigint;
