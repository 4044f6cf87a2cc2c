-- Executions of tasks as the administration shows them. t: the execution. docs/api/monitoring.md#administration

-- filter: keys(ids)
t.id = ANY ($1::bigint[])

-- filter: account(public_id)
t.account_id = (SELECT c.id FROM accounts.account c WHERE c.public_id = $1::uuid)

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".
-- filter: status(status)
t.status = $1::text AND t.status BETWEEN $1::text AND $1::text

-- filter: priority(priority)
t.priority = $1::text AND t.priority BETWEEN $1::text AND $1::text

-- filter: task_name(name)
t.task_name = $1::text AND t.task_name BETWEEN $1::text AND $1::text

-- filter: queue_name(name)
t.queue_name = $1::text AND t.queue_name BETWEEN $1::text AND $1::text

-- filter: since(day, zone)
t.created_at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(day, zone)
t.created_at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- name: list_rows(after, most) -> rows
SELECT t.id::text AS key, t.task_name AS label, t.task_name, t.task_id, t.queue_name, t.status, c.email AS account, c.public_id::text AS account_key,
       t.duration, t.retry_count, t.created_at, t.completed_at,
       (/* key */ jsonb_build_array(t.id) /* or as asked */)::text AS place
  FROM monitoring.task t
  LEFT JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = t.account_id OFFSET 0) c ON true
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY t.created_at DESC, t.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'label', t.task_name, 'number', t.id, 'task_name', t.task_name, 'task_id', t.task_id, 'queue_name', t.queue_name, 'priority', t.priority,
           'status', t.status, 'is_job', t.job_id IS NOT NULL, 'is_server', t.is_server, 'duration', t.duration, 'retry_count', t.retry_count,
           'worker_name', t.worker_name, 'result_summary', t.result_summary, 'error_message', t.error_message, 'memory_usage', t.memory_usage,
           'arguments', t.arguments, 'keyword_arguments', t.keyword_arguments, 'account', c.email, 'account_key', c.public_id,
           'scheduled_at', core.iso(t.scheduled_at), 'started_at', core.iso(t.started_at), 'completed_at', core.iso(t.completed_at),
           'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))::text
  FROM monitoring.task t LEFT JOIN accounts.account c ON c.id = t.account_id
 WHERE t.id = $1::bigint;
