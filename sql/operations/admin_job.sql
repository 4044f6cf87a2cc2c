-- The queue of jobs as the administration shows it (handlers/api/admin.py). q: the job.
-- docs/api/operations.md#administration
-- BETWEEN: see admin_audit.sql.

-- filter: keys(ids)
q.id = ANY ($1::bigint[])

-- filter: status(status)
q.status = ($1::text)::jobs.pgqueuer_status AND q.status BETWEEN ($1::text)::jobs.pgqueuer_status AND ($1::text)::jobs.pgqueuer_status

-- filter: name(name)
q.entrypoint = $1::text AND q.entrypoint BETWEEN $1::text AND $1::text

-- name: list_rows(after, most) -> rows
SELECT q.id::text AS key, q.entrypoint || ' ' || q.id AS label, q.id, q.entrypoint AS name, core.job_status(q.status::text) AS status,
       left(convert_from(q.payload, 'UTF8'), 200) AS payload, q.attempts, q.execute_after, last.error,
       (/* key */ jsonb_build_array(q.status, q.id) /* or as asked */)::text AS place
  FROM jobs.pgqueuer q
  LEFT JOIN LATERAL (SELECT left(r.error, 200) AS error FROM jobs.run r WHERE r.job_id = q.id ORDER BY r.id DESC LIMIT 1) last ON true
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY q.status DESC, q.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'label', q.entrypoint || ' ' || q.id, 'number', q.id, 'job', q.entrypoint, 'status', core.job_status(q.status::text),
           'payload', core.job_payload(q.payload), 'attempts', q.attempts, 'priority', q.priority, 'dedupe_key', q.dedupe_key,
           'execute_after', core.iso(q.execute_after), 'queued_at', core.iso(q.created), 'updated_at', core.iso(q.updated),
           'worker', (SELECT w.name FROM jobs.worker w WHERE w.id = q.queue_manager_id),
           'runs', (SELECT coalesce(json_agg(json_build_object('attempt', n.attempt, 'status', n.status, 'started', core.iso(n.started_at),
                                                               'ended', core.iso(n.finished_at), 'error', n.error) ORDER BY n.id), '[]')
                      FROM (SELECT r.* FROM jobs.run r WHERE r.job_id = q.id ORDER BY r.id DESC LIMIT 50) n))::text
  FROM jobs.pgqueuer q WHERE q.id = $1::bigint;

-- name: retry_jobs(ids, actor) -> rows
-- Queues these held jobs again; returns those that were held and are queued now.
WITH queued AS MATERIALIZED (
    SELECT one.id FROM core.retry_jobs($1::bigint[]) AS one (id)
)
SELECT q.id, operations.note($2::jsonb, 'task.retry', 'task', q.id::text, NULL, jsonb_build_object('name', q.entrypoint))
  FROM queued JOIN jobs.pgqueuer q ON q.id = queued.id;

-- name: remove_jobs(ids, actor) -> rows
-- Removes these held jobs for good; returns those that were held.
WITH known AS MATERIALIZED (
    SELECT q.id, q.entrypoint FROM jobs.pgqueuer q WHERE q.id = ANY ($1::bigint[])
), removed AS MATERIALIZED (
    SELECT one.id FROM core.remove_jobs($1::bigint[]) AS one (id)
)
SELECT known.id, operations.note($2::jsonb, 'task.remove', 'task', known.id::text, jsonb_build_object('name', known.entrypoint), NULL)
  FROM removed JOIN known ON known.id = removed.id;
