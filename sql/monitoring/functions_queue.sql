-- Tasks. The area's triggers are listed in functions.sql.
--
-- Tables: sql/migrations/0012_core_jobs.sql, 0020_monitoring_task.sql. docs/api/monitoring.md#tasks. A task is a job as the API shows it; its
-- task_id is the job's id. Durations are in seconds, rates in per cent. queues: by the name of a job, the queue under which it is counted.

-- The name of a job's task: those that the API's document has go without the name of the area.
CREATE OR REPLACE FUNCTION monitoring.job_name(job text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(job, '^monitoring\.', '')
$$;

-- What a task was given, without who has asked for it.
CREATE OR REPLACE FUNCTION monitoring.job_kwargs(payload jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT payload - 'requested_by'
$$;

CREATE OR REPLACE FUNCTION monitoring.job_queue(job text, queues jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(queues ->> job, 'default')
$$;

-- Seconds between two moments, as a number with microseconds; null while one is missing.
CREATE OR REPLACE FUNCTION monitoring.job_seconds(began timestamptz, ended timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(extract(epoch FROM ended - began), 6)
$$;

-- What is said of a failure. Only administrators read the errors of the program, which may quote anything; what a job gives up with is
-- written for people.
CREATE OR REPLACE FUNCTION monitoring.job_error(error text, is_admin boolean) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN is_admin OR error IS NULL OR error IN ('Its process ended or stood still.', 'Its process was stopped.', 'It was cancelled.') THEN error
                WHEN error LIKE 'GiveUp: %' THEN substr(error, 9)
                ELSE 'It failed. An administrator can see why.' END
$$;

-- Where a task stands. queued: its status in the queue, null when it is not there. attempts: that have failed since it was last queued.
-- A run that has not succeeded and whose job is not in the queue was cancelled.
CREATE OR REPLACE FUNCTION monitoring.job_status(queued text, attempts integer, last_run text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN last_run = 'succeeded' THEN 'success'
                WHEN queued IS NULL THEN 'revoked'
                WHEN queued = 'failed' THEN 'failure'
                WHEN queued = 'picked' THEN 'started'
                WHEN attempts > 0 THEN 'retry'
                ELSE 'pending' END
$$;

-- One task as lists show it. No row: there is no such task. A function that returns a set, so that it is planned with its statement.
CREATE OR REPLACE FUNCTION monitoring.job_document(job bigint, is_admin boolean, queues jsonb) RETURNS SETOF json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'task_id', job::text, 'name', monitoring.job_name(t.name), 'queue', monitoring.job_queue(t.name, queues),
               'args', '[]'::json, 'kwargs', monitoring.job_kwargs(t.payload), 'status', t.status, 'attempts', coalesce(r.attempt, 0),
               'started_at', core.iso(r.started_at), 'duration', monitoring.job_seconds(r.started_at, r.finished_at),
               'completed_at', CASE WHEN t.status IN ('success', 'failure', 'revoked') THEN core.iso(r.finished_at) END,
               'next_attempt_at', CASE WHEN t.status IN ('pending', 'retry') THEN core.iso(q.execute_after) END,
               'result', r.result, 'error', monitoring.job_error(r.error, is_admin))
      FROM (SELECT job AS id) j
      LEFT JOIN jobs.pgqueuer q ON q.id = j.id
      LEFT JOIN LATERAL (SELECT r.name, r.payload, r.attempt, r.status, r.started_at, r.finished_at, r.result, r.error
                           FROM jobs.run r WHERE r.job_id = j.id ORDER BY r.id DESC LIMIT 1) r ON true
     CROSS JOIN LATERAL (SELECT coalesce(q.entrypoint, r.name) AS name, coalesce(core.job_payload(q.payload), r.payload) AS payload,
                                monitoring.job_status(q.status::text, q.attempts, r.status) AS status) t
     WHERE t.name IS NOT NULL
$$;

-- The account that a task is about, as a text; null: all or none, or there is no such task.
CREATE OR REPLACE FUNCTION monitoring.job_owner(job bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT core.job_owner(core.job_payload(q.payload)) FROM jobs.pgqueuer q WHERE q.id = job),
                    (SELECT core.job_owner(r.payload) FROM jobs.run r WHERE r.job_id = job ORDER BY r.id DESC LIMIT 1))
$$;

-- Enqueues a task for who asks for it; returns its id, or null when `most` such tasks of theirs, about the same account, wait or run. Each of these
-- has a place of its own, which is the dedupe_key, so there are never more, however many requests come at once.
CREATE OR REPLACE FUNCTION monitoring.execute_job(requester bigint, job text, payload jsonb, priority integer, most integer)
RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    made bigint;
BEGIN
    FOR place IN 1 .. most LOOP
        made := core.enqueue_job(job, payload, concat_ws(':', 'task', job, requester, coalesce(payload ->> 'user_id', 'all'), place),
                                 priority => priority);
        EXIT WHEN made IS NOT NULL;
    END LOOP;
    RETURN made;
END $$;

-- Takes a job that waits or is held from the queue; the history keeps that it was there. Only what somebody has executed: other jobs belong to rows
-- that wait for them, such as a mail. Returns whether it was so.
CREATE OR REPLACE FUNCTION monitoring.cancel_job(job bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    WITH gone AS (
        DELETE FROM jobs.pgqueuer q WHERE q.id = job AND q.status IN ('queued', 'failed') AND core.job_payload(q.payload) ? 'requested_by'
        RETURNING q.id, q.entrypoint, q.priority, q.payload, q.attempts
    ), logged AS (
        INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority) SELECT g.id, 'canceled', g.entrypoint, g.priority FROM gone g
    )
    INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, finished_at, error)
    SELECT g.id, g.entrypoint, core.job_payload(g.payload), g.attempts + 1, '', 'released', now(), 'It was cancelled.' FROM gone g;
    RETURN FOUND;
END $$;

-- The processes that run jobs: those that were seen within `gone` seconds.
CREATE OR REPLACE FUNCTION monitoring.live_workers(gone double precision) RETURNS SETOF jobs.worker LANGUAGE sql STABLE AS $$
    SELECT * FROM jobs.worker w WHERE w.seen_at > now() - make_interval(secs => gone)
$$;

-- Each process by its name: what it is, and how much it does.
CREATE OR REPLACE FUNCTION monitoring.job_workers(gone double precision) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(w.name, json_build_object(
               'kind', w.kind,
               'active_tasks', (SELECT count(*) FROM jobs.pgqueuer q WHERE q.queue_manager_id = w.id AND q.status = 'picked'),
               'started_at', core.iso(w.started_at), 'last_seen', core.iso(w.seen_at),
               'uptime_seconds', monitoring.job_seconds(w.started_at, w.seen_at))), '{}')
      FROM monitoring.live_workers(gone) w
$$;

-- Each queue by its name: count is what waits and is due; scheduled waits for a later moment; active runs.
CREATE OR REPLACE FUNCTION monitoring.job_queues(gone double precision, names text[], queues jsonb) RETURNS json LANGUAGE sql STABLE AS $$
    WITH waiting AS (
        SELECT monitoring.job_queue(w.entrypoint, queues) AS queue, sum(w.due) AS due, sum(w.n - w.due) AS scheduled
          FROM (SELECT q.entrypoint, count(*) AS n, count(*) FILTER (WHERE q.execute_after <= now()) AS due
                  FROM jobs.pgqueuer q WHERE q.status = 'queued' GROUP BY q.entrypoint) w
         GROUP BY 1
    ), running AS (
        SELECT monitoring.job_queue(q.entrypoint, queues) AS queue, count(*) AS n FROM jobs.pgqueuer q WHERE q.status = 'picked' GROUP BY 1
    ), able AS (
        SELECT monitoring.job_queue(known.job, queues) AS queue, json_agg(DISTINCT w.name ORDER BY w.name) AS workers
          FROM monitoring.live_workers(gone) w CROSS JOIN LATERAL unnest(w.jobs) AS known (job)
         GROUP BY 1
    )
    SELECT json_object_agg(n.name, json_build_object(
               'name', n.name, 'workers', coalesce(a.workers, '[]'), 'count', coalesce(w.due, 0), 'scheduled', coalesce(w.scheduled, 0),
               'active', coalesce(r.n, 0)) ORDER BY n.place)
      FROM unnest(names) WITH ORDINALITY AS n (name, place)
      LEFT JOIN waiting w ON w.queue = n.name
      LEFT JOIN running r ON r.queue = n.name
      LEFT JOIN able a ON a.queue = n.name
$$;

-- The latest runs that have ended within `hours`, at most `most` of them: of one account, or of all (null). A process that was stopped, and
-- a task that was cancelled, say nothing of success. The conditions on the parameter decide which half is read at all.
CREATE OR REPLACE FUNCTION monitoring.job_runs(owner text, hours integer, most integer)
RETURNS TABLE (name text, is_successful boolean, duration numeric) LANGUAGE sql STABLE AS $$
    SELECT r.name, r.status = 'succeeded', monitoring.job_seconds(r.started_at, r.finished_at)
      FROM (SELECT * FROM jobs.run r
             WHERE owner IS NULL AND r.status NOT IN ('running', 'released') AND r.started_at > now() - make_interval(hours => hours)
             ORDER BY r.started_at DESC LIMIT most) r
    UNION ALL
    SELECT r.name, r.status = 'succeeded', monitoring.job_seconds(r.started_at, r.finished_at)
      FROM (SELECT * FROM jobs.run r
             WHERE owner IS NOT NULL AND core.job_owner(r.payload) = owner ORDER BY r.job_id DESC LIMIT most) r
     WHERE r.status NOT IN ('running', 'released') AND r.started_at > now() - make_interval(hours => hours)
$$;

-- How many of so many, in per cent; null of none.
CREATE OR REPLACE FUNCTION monitoring.job_rate(part bigint, whole bigint) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(100.0 * part / nullif(whole, 0), 2)
$$;

-- What the latest runs amount to, by task and in all.
CREATE OR REPLACE FUNCTION monitoring.job_performance(owner text, hours integer, most integer) RETURNS json LANGUAGE sql STABLE AS $$
    WITH task AS (
        SELECT monitoring.job_name(r.name) AS name, r.n, r.successful, r.duration
          FROM (SELECT r.name, count(*) AS n, count(*) FILTER (WHERE r.is_successful) AS successful, sum(r.duration) AS duration
                  FROM monitoring.job_runs(owner, hours, most) r GROUP BY r.name) r
    )
    SELECT CASE WHEN count(*) = 0 THEN json_build_object('message', 'No task history available', 'timestamp', core.iso(now()))
           ELSE json_build_object(
               'task_metrics', json_object_agg(t.name, json_build_object(
                   'count', t.n, 'total_duration', t.duration, 'successful', t.successful, 'failed', t.n - t.successful,
                   'avg_duration', round(t.duration / t.n, 6)) ORDER BY t.name) FILTER (WHERE t.name IS NOT NULL),
               'overall_stats', json_build_object(
                   'total_tasks', sum(t.n), 'successful_tasks', sum(t.successful), 'failed_tasks', sum(t.n - t.successful),
                   'success_rate', monitoring.job_rate(sum(t.successful)::bigint, sum(t.n)::bigint),
                   'overall_avg_duration', round(sum(t.duration) / sum(t.n), 6), 'total_duration', sum(t.duration)),
               'timestamp', core.iso(now())) END
      FROM task t
$$;

-- How the system is. Without a run that has ended there is no success rate, and nothing is said of it.
CREATE OR REPLACE FUNCTION monitoring.job_state(gone double precision, hours integer, most integer)
RETURNS TABLE (status text, message text, workers bigint, active bigint, success_rate numeric) LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN s.workers = 0 THEN 'critical' WHEN s.success_rate < 80 OR s.active > 100 THEN 'warning' ELSE 'healthy' END,
           CASE WHEN s.workers = 0 THEN 'No active workers' WHEN s.success_rate < 80 THEN 'Low task success rate'
                WHEN s.active > 100 THEN 'High number of active tasks' ELSE 'System is operating normally' END,
           s.workers, s.active, s.success_rate
      FROM (SELECT (SELECT count(*) FROM monitoring.live_workers(gone)) AS workers,
                   (SELECT count(*) FROM jobs.pgqueuer q WHERE q.status = 'picked') AS active,
                   (SELECT monitoring.job_rate(count(*) FILTER (WHERE r.is_successful), count(*)) FROM monitoring.job_runs(NULL, hours, most) r) AS success_rate) s
$$;

-- The same as the API shows it. owner: an account that sees how the system is and what its own tasks amount to; null: an administrator,
-- who sees all.
CREATE OR REPLACE FUNCTION monitoring.job_state_document(owner text, gone double precision, hours integer, most integer, names text[], queues jsonb)
RETURNS SETOF json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'status', s.status, 'message', s.message, 'worker_count', s.workers, 'active_tasks', s.active, 'success_rate', s.success_rate,
               'worker_stats', CASE WHEN owner IS NULL THEN monitoring.job_workers(gone) END,
               'queue_stats', CASE WHEN owner IS NULL THEN monitoring.job_queues(gone, names, queues) END,
               'performance_metrics', monitoring.job_performance(owner, hours, most), 'timestamp', core.iso(now()))
      FROM monitoring.job_state(gone, hours, most) s
$$;
