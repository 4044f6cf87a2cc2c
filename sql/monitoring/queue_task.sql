-- Tasks: jobs of the queue and of its history. docs/api/monitoring.md#tasks. t.job_id: the job's id, which is the task_id. t.owner: the account
-- that it is about, as a text. queues: JSON, the queue of a job by its name.

-- filter: whose(owner)
t.owner = $1

-- filter: before(job_id)
t.job_id < $1::bigint

-- name: list_tasks(is_admin, queues, most) -> rows
-- The latest tasks, and one more if others follow. Each half is read from its index, and ends where enough are found.
SELECT found.id, document::text AS document
  FROM (SELECT job_id AS id
          FROM (SELECT t.job_id FROM (SELECT q.id AS job_id, core.job_owner(core.job_payload(q.payload)) AS owner FROM jobs.pgqueuer q) t
                 WHERE true /* filters */ ORDER BY t.job_id DESC LIMIT $3::integer + 1) waiting
         UNION
        SELECT job_id
          FROM (SELECT DISTINCT t.job_id FROM (SELECT r.job_id, core.job_owner(r.payload) AS owner FROM jobs.run r) t
                 WHERE true /* filters */ ORDER BY t.job_id DESC LIMIT $3::integer + 1) begun
         ORDER BY id DESC LIMIT $3::integer + 1) found
 CROSS JOIN LATERAL monitoring.job_document(found.id, $1, $2::jsonb) AS document
 ORDER BY found.id DESC;

-- name: get_task(id, owner, queues) -> value
-- owner: the account that may see it, if it is about that one; null: an administrator. Null: there is no such task, or it is another's. The
-- task with all its runs, the oldest first; the names of processes are for administrators.
SELECT (document::jsonb || jsonb_build_object('runs', (
            SELECT coalesce(json_agg(json_build_object(
                       'attempt', r.attempt, 'status', r.status, 'worker', CASE WHEN $2::text IS NULL THEN nullif(r.worker, '') END,
                       'started_at', core.iso(r.started_at), 'finished_at', core.iso(r.finished_at),
                       'duration', monitoring.job_seconds(r.started_at, r.finished_at),
                       'error', monitoring.job_error(r.error, $2::text IS NULL)) ORDER BY r.id), '[]')
              FROM jobs.run r WHERE r.job_id = $1)))::text
  FROM monitoring.job_document($1, $2::text IS NULL, $3::jsonb) AS document
 WHERE $2::text IS NULL OR monitoring.job_owner($1) = $2::text;

-- name: retry_task(id, owner, actor) -> row
-- Queues a held task again. No row: there is no such task, or it is another's. is_allowed: whether the account has executed it, or an administrator
-- asks. is_held: whether it was held. is_queued: whether it is queued now; otherwise it stays as it is.
WITH task AS (
    SELECT document, document ->> 'status' = 'failure' AS is_held,
           $2::text IS NULL OR EXISTS (SELECT FROM jobs.pgqueuer q WHERE q.id = $1 AND core.job_payload(q.payload) ->> 'requested_by' = $2::text) AS is_allowed
      FROM monitoring.job_document($1, true, '{}') AS document WHERE $2::text IS NULL OR monitoring.job_owner($1) = $2::text
), queued AS MATERIALIZED (
    SELECT id FROM task CROSS JOIN LATERAL core.retry_jobs(ARRAY[$1::bigint]) AS id WHERE task.is_held AND task.is_allowed
)
SELECT task.is_allowed, task.is_held, queued.id IS NOT NULL AS is_queued, task.document ->> 'name' AS name,
       CASE WHEN queued.id IS NOT NULL THEN operations.note($3::jsonb, 'task.retry', 'task', $1::text, NULL, jsonb_build_object('name', task.document ->> 'name')) END
  FROM task LEFT JOIN queued ON true;

-- name: cancel_task(id, owner, actor) -> row
-- Takes a task that waits or is held from the queue. No row: as above. is_cancelled: whether it was there.
WITH task AS (
    SELECT document FROM monitoring.job_document($1, true, '{}') AS document WHERE $2::text IS NULL OR monitoring.job_owner($1) = $2::text
), cancelled AS MATERIALIZED (
    SELECT task.document ->> 'name' AS name, monitoring.cancel_job($1) AS is_so FROM task
)
SELECT c.is_so AS is_cancelled,
       CASE WHEN c.is_so THEN operations.note($3::jsonb, 'task.cancel', 'task', $1::text, jsonb_build_object('name', c.name), NULL) END
  FROM cancelled c;

-- name: execute_task(requester, name, job, payload, priority, most, actor) -> row
-- Enqueues a task for who asks for it. is_known: whether the account that it is about exists. id is null where it does not, or when `most`
-- such tasks of the requester wait or run.
WITH about AS (
    SELECT $4::jsonb ->> 'user_id' IS NULL OR EXISTS (SELECT FROM accounts.account a WHERE a.id = ($4::jsonb ->> 'user_id')::bigint) AS is_known
), made AS MATERIALIZED (
    SELECT about.is_known, CASE WHEN about.is_known THEN monitoring.execute_job($1, $3, $4::jsonb, $5, $6) END AS id FROM about
)
SELECT made.is_known, made.id,
       CASE WHEN made.id IS NOT NULL THEN operations.note($7::jsonb, 'task.execute', 'task', made.id::text, NULL,
                                                          jsonb_build_object('name', $2::text, 'kwargs', monitoring.job_kwargs($4::jsonb))) END
  FROM made;
