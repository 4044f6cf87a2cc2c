-- Alerts as the administration shows them. a: the alert. docs/api/monitoring.md#administration

-- filter: keys(ids)
a.id = ANY ($1::bigint[])

-- filter: account(public_id)
a.account_id = (SELECT c.id FROM accounts.account c WHERE c.public_id = $1::uuid)

-- filter: alert_type(type)
a.alert_type = $1::text AND a.alert_type BETWEEN $1::text AND $1::text

-- filter: severity_info()
a.severity_rank = 1

-- filter: severity_warning()
a.severity_rank = 2

-- filter: severity_error()
a.severity_rank = 3

-- filter: severity_critical()
a.severity_rank = 4

-- filter: is_resolved_false()
a.resolved_at IS NULL

-- filter: is_resolved_true()
a.resolved_at IS NOT NULL

-- filter: since(day, zone)
a.triggered_at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(day, zone)
a.triggered_at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- name: list_rows(after, most) -> rows
SELECT a.id::text AS key, a.title AS label, a.title, a.alert_type, a.severity, c.email AS account, c.public_id::text AS account_key, a.triggered_at,
       a.acknowledged_at, a.resolved_at,
       (/* key */ jsonb_build_array(a.id) /* or as asked */)::text AS place
  FROM monitoring.alert a
  LEFT JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = a.account_id OFFSET 0) c ON true
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY a.triggered_at DESC, a.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'title', a.title, 'number', a.id, 'message', a.message, 'alert_type', a.alert_type, 'severity', a.severity, 'metadata', a.metadata,
           'account', c.email, 'account_key', c.public_id, 'execution', t.task_name, 'execution_key', t.id,
           'acknowledged_by', b.email, 'acknowledged_by_key', b.public_id, 'notification_sent', a.notification_sent,
           'triggered_at', core.iso(a.triggered_at), 'acknowledged_at', core.iso(a.acknowledged_at), 'resolved_at', core.iso(a.resolved_at))::text
  FROM monitoring.alert a
  LEFT JOIN accounts.account c ON c.id = a.account_id
  LEFT JOIN accounts.account b ON b.id = a.acknowledged_by
  LEFT JOIN monitoring.task t ON t.id = a.execution_id
 WHERE a.id = $1::bigint;
