-- How jobs are run: the processes, the queues, and how they are in all. docs/api/monitoring.md#tasks. gone: a process that was not seen for so
-- many seconds has ended. hours, most: which runs of the history count. names: of the queues. queues: JSON, the queue of a job by its name.

-- name: get_state(owner, gone, hours, most, names, queues) -> value
-- owner: an account, as a text, that sees no details of others; null: an administrator.
SELECT document::text FROM monitoring.job_state_document($1, $2, $3, $4, $5, $6::jsonb) AS document;

-- name: check_health(owner, gone, hours, most, names, queues) -> value
-- The state, and what to do about it. Held and stranded jobs are for administrators.
WITH state AS MATERIALIZED (
    SELECT d.document, d.document ->> 'status' AS status
      FROM (SELECT document FROM monitoring.job_state_document($1, $2, $3, $4, $5, $6::jsonb) AS document OFFSET 0) d
), advice (place, says) AS (
    SELECT 1, 'Immediate attention is required: start a process that runs jobs (the command worker).' FROM state s WHERE s.status = 'critical'
    UNION ALL
    SELECT 2, 'Check the logs of the processes that run jobs, and the errors of the tasks that failed.' FROM state s WHERE s.status = 'warning'
    UNION ALL
    SELECT 3, format('%s tasks are held after their last attempt: set right what their errors say, and queue them again.', h.n)
      FROM (SELECT count(*) AS n FROM jobs.pgqueuer q WHERE q.status = 'failed') h WHERE $1 IS NULL AND h.n > 0
    UNION ALL
    SELECT 4, format('%s tasks are due for more than %s seconds, and no process knows their kind: is each process of the present release?', w.n, $2)
      FROM (SELECT sum(k.n) AS n
              FROM (SELECT q.entrypoint, count(*) AS n FROM jobs.pgqueuer q
                     WHERE q.status = 'queued' AND q.execute_after < now() - make_interval(secs => $2) GROUP BY q.entrypoint) k
             WHERE NOT EXISTS (SELECT FROM monitoring.live_workers($2) l WHERE k.entrypoint = ANY (l.jobs))) w
     WHERE $1 IS NULL AND w.n > 0
)
SELECT json_build_object(
           'system_status', s.document, 'timestamp', core.iso(now()), 'healthy', s.status = 'healthy',
           'recommendations', (SELECT coalesce(json_agg(a.says ORDER BY a.place), '[]') FROM advice a))::text
  FROM state s;

-- name: get_workers(gone, schedules) -> value
-- schedules: JSON, by the name of a schedule {cron, job}. last_run: the last moment for which its job was enqueued, or which was only noted
-- because the schedule was new.
WITH live AS (
    SELECT w.id, w.name, w.jobs FROM monitoring.live_workers($1) w
), active AS (
    SELECT l.name, coalesce(json_agg(json_build_object(
               'task_id', q.id::text, 'name', monitoring.job_name(q.entrypoint), 'args', '[]'::json,
               'kwargs', monitoring.job_kwargs(core.job_payload(q.payload)), 'started_at', core.iso(r.started_at)) ORDER BY q.id)
               FILTER (WHERE q.id IS NOT NULL), '[]') AS tasks
      FROM live l
      LEFT JOIN jobs.pgqueuer q ON q.queue_manager_id = l.id AND q.status = 'picked'
      LEFT JOIN jobs.run r ON r.job_id = q.id AND r.status = 'running'
     GROUP BY l.name
)
SELECT json_build_object(
           'workers', json_build_object('count', (SELECT count(*) FROM live),
                                        'details', (SELECT coalesce(json_object_agg(a.name, a.tasks ORDER BY a.name), '{}') FROM active a)),
           'stats', monitoring.job_workers($1),
           'registered_tasks', (SELECT coalesce(jsonb_object_agg(l.name, (SELECT json_agg(monitoring.job_name(known.job) ORDER BY known.job)
                                                                           FROM unnest(l.jobs) AS known (job))), '{}') FROM live l),
           'scheduled_tasks', (SELECT count(*) FROM jobs.pgqueuer q WHERE q.status = 'queued' AND q.execute_after > now()),
           'active_tasks', (SELECT count(*) FROM jobs.pgqueuer q WHERE q.status = 'picked'),
           'schedules', (SELECT coalesce(json_object_agg(s.key, json_build_object(
                                    'cron', s.value ->> 'cron', 'task', monitoring.job_name(s.value ->> 'job'),
                                    'last_run', core.iso((SELECT max(t.tick) FROM jobs.tick t WHERE t.schedule = s.key))) ORDER BY s.key), '{}')
                           FROM jsonb_each($2::jsonb) s),
           'timestamp', core.iso(now()))::text;

-- name: get_queues(gone, names, queues) -> value
SELECT json_build_object('queues', monitoring.job_queues($1, $2, $3::jsonb), 'total_queues', cardinality($2), 'timestamp', core.iso(now()))::text;
