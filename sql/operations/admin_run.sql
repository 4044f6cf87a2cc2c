-- The history of jobs as the administration shows it (handlers/api/admin.py). r: one run of a job.
-- docs/api/operations.md#administration
-- BETWEEN: see admin_audit.sql.

-- filter: keys(ids)
r.id = ANY ($1::bigint[])

-- filter: status(status)
r.status = $1::text AND r.status BETWEEN $1::text AND $1::text

-- filter: name(name)
r.name = $1::text AND r.name BETWEEN $1::text AND $1::text

-- filter: job(id)
r.job_id = $1::bigint AND r.job_id BETWEEN $1::bigint AND $1::bigint

-- filter: since(first_day, zone)
r.started_at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(last_day, zone)
r.started_at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- name: list_rows(after, most) -> rows
SELECT r.id::text AS key, r.name || ' ' || r.job_id AS label, r.started_at, r.name, r.status, r.attempt,
       round(extract(epoch FROM r.finished_at - r.started_at), 3) AS seconds, left(r.payload::text, 200) AS payload, left(r.error, 200) AS error,
       (/* key */ jsonb_build_array(r.id) /* or as asked */)::text AS place
  FROM jobs.run r
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY r.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
-- job_key: null when the job has left the queue.
SELECT json_build_object(
           'label', r.name || ' ' || r.job_id, 'name', r.name, 'job', r.job_id, 'job_key', (SELECT q.id FROM jobs.pgqueuer q WHERE q.id = r.job_id),
           'status', r.status, 'attempt', r.attempt, 'worker', r.worker, 'started_at', core.iso(r.started_at), 'finished_at', core.iso(r.finished_at),
           'seconds', round(extract(epoch FROM r.finished_at - r.started_at), 3), 'payload', r.payload, 'result', r.result, 'error', r.error,
           'traceback', r.traceback)::text
  FROM jobs.run r WHERE r.id = $1::bigint;
