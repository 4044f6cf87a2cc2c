-- Measures of the health as the administration shows them. m: the measure. docs/api/monitoring.md#administration

-- filter: keys(ids)
m.id = ANY ($1::bigint[])

-- filter: account(public_id)
m.account_id = (SELECT c.id FROM accounts.account c WHERE c.public_id = $1::uuid)

-- filter: since(day, zone)
m.recorded_at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(day, zone)
m.recorded_at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- name: list_rows(after, most) -> rows
SELECT m.id::text AS key, core.iso(m.recorded_at) AS label, m.recorded_at, c.email AS account, c.public_id::text AS account_key, m.is_automatic,
       m.active_workers, m.total_workers, m.pending_tasks, m.active_tasks, m.success_rate, m.cpu_usage, m.memory_usage,
       (/* key */ jsonb_build_array(m.id) /* or as asked */)::text AS place
  FROM monitoring.health_metric m
  LEFT JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = m.account_id OFFSET 0) c ON true
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY m.recorded_at DESC, m.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'label', core.iso(m.recorded_at), 'number', m.id, 'recorded_at', core.iso(m.recorded_at), 'account', c.email, 'account_key', c.public_id,
           'is_automatic', m.is_automatic, 'active_workers', m.active_workers, 'total_workers', m.total_workers, 'pending_tasks', m.pending_tasks,
           'active_tasks', m.active_tasks, 'completed_tasks_hourly', m.completed_tasks_hourly, 'failed_tasks_hourly', m.failed_tasks_hourly,
           'avg_task_duration', m.avg_task_duration, 'success_rate', m.success_rate, 'cpu_usage', m.cpu_usage, 'memory_usage', m.memory_usage,
           'queue_lengths', m.queue_lengths, 'metadata', m.metadata)::text
  FROM monitoring.health_metric m LEFT JOIN accounts.account c ON c.id = m.account_id
 WHERE m.id = $1::bigint;
