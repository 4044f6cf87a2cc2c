-- Figures of the overview, of analytics and of the watch over the server. docs/api/monitoring.md
-- The area's triggers are listed in functions.sql.

-- The processes that run jobs. active: those that gave a sign of life within a minute. total: within a day.
CREATE OR REPLACE FUNCTION monitoring.workers(OUT active bigint, OUT total bigint) LANGUAGE sql STABLE AS $$
    SELECT count(*) FILTER (WHERE w.seen_at > now() - interval '1 minute'), count(*) FROM jobs.worker w
$$;

-- What waits and what runs, by queue: of an account, what its executions say; of the server (null), what its queue says, and what
-- administrators have recorded. Beyond 100,000 it is not counted on.
CREATE OR REPLACE FUNCTION monitoring.open_tasks(account bigint, queues jsonb) RETURNS TABLE (queue_name text, pending bigint, active bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF account IS NOT NULL THEN
        RETURN QUERY
        SELECT o.queue_name::text, count(*) FILTER (WHERE o.status <> 'started'), count(*) FILTER (WHERE o.status = 'started')
          FROM (SELECT t.queue_name, t.status FROM monitoring.task t
                 WHERE t.account_id = account AND t.status IN ('pending', 'started', 'retry') LIMIT 100000) o
         GROUP BY o.queue_name;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT o.queue, sum(o.waits)::bigint, sum(o.runs)::bigint
      FROM (SELECT coalesce(queues ->> q.entrypoint, 'default') AS queue, count(*) AS waits, 0 AS runs
              FROM (SELECT j.entrypoint FROM jobs.pgqueuer j WHERE j.status = 'queued' AND j.execute_after <= now() LIMIT 100000) q GROUP BY 1
             UNION ALL
            SELECT coalesce(queues ->> j.entrypoint, 'default'), 0, count(*) FROM jobs.pgqueuer j WHERE j.status = 'picked' GROUP BY 1
             UNION ALL
            SELECT r.queue_name, count(*) FILTER (WHERE r.status <> 'started'), count(*) FILTER (WHERE r.status = 'started')
              FROM (SELECT t.queue_name, t.status FROM monitoring.task t
                     WHERE t.is_server AND t.job_id IS NULL AND t.status IN ('pending', 'started', 'retry') LIMIT 100000) r
             GROUP BY r.queue_name) o
     GROUP BY o.queue;
END $$;

-- What has ended within the last hour: of an account, or of the server (null). Beyond 100,000 it is not counted on.
CREATE OR REPLACE FUNCTION monitoring.last_hour(account bigint, OUT completed bigint, OUT failed bigint, OUT avg_duration numeric)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF account IS NULL THEN
        SELECT count(*) FILTER (WHERE e.status = 'success'), count(*) FILTER (WHERE e.status = 'failure'), avg(e.duration)
          INTO completed, failed, avg_duration
          FROM (SELECT t.status, t.duration FROM monitoring.task t
                 WHERE t.is_server AND t.status IN ('success', 'failure') AND t.completed_at > now() - interval '1 hour'
                 ORDER BY t.completed_at DESC LIMIT 100000) e;
    ELSE
        SELECT count(*) FILTER (WHERE e.status = 'success'), count(*) FILTER (WHERE e.status = 'failure'), avg(e.duration)
          INTO completed, failed, avg_duration
          FROM (SELECT t.status, t.duration FROM monitoring.task t
                 WHERE t.account_id = account AND t.status IN ('success', 'failure') AND t.completed_at > now() - interval '1 hour'
                 ORDER BY t.completed_at DESC LIMIT 100000) e;
    END IF;
END $$;

-- The share of successes among what was begun within a day.
CREATE OR REPLACE FUNCTION monitoring.day_rate(of_scope bigint) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT monitoring.success_rate(coalesce(sum(h.success), 0)::bigint, coalesce(sum(h.failure), 0)::bigint)
      FROM monitoring.task_period h WHERE h.scope = of_scope AND h.unit = 'hour' AND h.start >= date_trunc('hour', now(), 'UTC') - interval '24 hours'
$$;

-- The alerts that an account may see and that are not resolved, the latest first; account null: all.
CREATE OR REPLACE FUNCTION monitoring.active_alerts(account bigint, most integer) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF account IS NULL THEN
        RETURN (SELECT coalesce(json_agg(monitoring.alert_document(l.alert)), '[]')
                  FROM (SELECT a AS alert FROM monitoring.alert a WHERE a.resolved_at IS NULL ORDER BY a.triggered_at DESC, a.id DESC LIMIT most) l);
    END IF;
    RETURN (SELECT coalesce(json_agg(monitoring.alert_document(l.alert)), '[]')
              FROM (SELECT a AS alert FROM monitoring.alert a WHERE a.account_id = account AND a.resolved_at IS NULL
                     ORDER BY a.triggered_at DESC, a.id DESC LIMIT most) l);
END $$;

-- The latest alerts that an account may see, resolved or not; account null: all.
CREATE OR REPLACE FUNCTION monitoring.recent_alerts(account bigint, most integer) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF account IS NULL THEN
        RETURN (SELECT coalesce(json_agg(monitoring.alert_document(l.alert)), '[]')
                  FROM (SELECT a AS alert FROM monitoring.alert a ORDER BY a.triggered_at DESC, a.id DESC LIMIT most) l);
    END IF;
    RETURN (SELECT coalesce(json_agg(monitoring.alert_document(l.alert)), '[]')
              FROM (SELECT a AS alert FROM monitoring.alert a WHERE a.account_id = account ORDER BY a.triggered_at DESC, a.id DESC LIMIT most) l);
END $$;

-- How many unresolved alerts there are, at most 10,000.
CREATE OR REPLACE FUNCTION monitoring.count_active_alerts(account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF account IS NULL THEN
        RETURN (SELECT count(*) FROM (SELECT FROM monitoring.alert a WHERE a.resolved_at IS NULL LIMIT 10000) l);
    END IF;
    RETURN (SELECT count(*) FROM (SELECT FROM monitoring.alert a WHERE a.account_id = account AND a.resolved_at IS NULL LIMIT 10000) l);
END $$;

-- How things stand at this moment: of an account's tasks, or of the server (null). queues: of a job's name, its queue.
CREATE OR REPLACE FUNCTION monitoring.health(account bigint, queues jsonb) RETURNS json LANGUAGE sql STABLE AS $$
    WITH open AS MATERIALIZED (
        SELECT o.queue_name, o.pending, o.active FROM monitoring.open_tasks(account, queues) o
    ), now AS (
        SELECT w.active AS active_workers, w.total AS total_workers, monitoring.day_rate(coalesce(account, -1)) AS success_rate,
               coalesce((SELECT sum(o.pending) FROM open o), 0) AS pending, coalesce((SELECT sum(o.active) FROM open o), 0) AS active
          FROM monitoring.workers() w
    ), judged AS (
        SELECT n.*, CASE WHEN n.active_workers = 0 THEN 'critical:No active workers available'
                         WHEN n.success_rate < 70 THEN 'critical:Low task success rate'
                         WHEN n.success_rate < 85 THEN 'warning:Low task success rate'
                         WHEN n.pending > 100 THEN 'warning:High number of pending tasks'
                         ELSE 'healthy:System operating normally' END AS verdict
          FROM now n
    ), lengths AS (
        SELECT l.queue_name, max(l.pending) AS pending
          FROM (SELECT o.queue_name, o.pending FROM open o UNION ALL SELECT value, 0 FROM jsonb_each_text(queues) WHERE account IS NULL) l
         GROUP BY l.queue_name ORDER BY max(l.pending) DESC, l.queue_name LIMIT 100
    )
    SELECT json_build_object(
        'status', split_part(j.verdict, ':', 1), 'message', split_part(j.verdict, ':', 2),
        'workers', json_build_object('active', j.active_workers, 'total', j.total_workers),
        'tasks', json_build_object('pending', j.pending, 'active', j.active, 'success_rate', monitoring.plain(j.success_rate)),
        'queues', (SELECT coalesce(json_object_agg(l.queue_name, l.pending ORDER BY l.queue_name), '{}') FROM lengths l),
        'alerts', monitoring.count_active_alerts(account), 'timestamp', core.iso(now()))
      FROM judged j
$$;

-- What the executions of the last hours come to, from the full hour on that the period begins in. scope: as in monitoring.task_period. The
-- breakdowns have the 100 most frequent.
CREATE OR REPLACE FUNCTION monitoring.metrics(of_scope bigint, hours integer) RETURNS json LANGUAGE sql STABLE AS $$
    WITH bounds AS (
        -- The hours before the first whole day, and from then on days.
        SELECT b.begins, date_trunc('day', b.begins + interval '24 hours' - interval '1 microsecond', 'UTC') AS days_begin
          FROM (SELECT date_trunc('hour', now(), 'UTC') - make_interval(hours => hours) AS begins) b
    ), found AS (
        SELECT p.* FROM bounds b JOIN monitoring.task_period p ON p.scope = of_scope AND p.unit = 'hour' AND p.start >= b.begins AND p.start < b.days_begin
         UNION ALL
        SELECT p.* FROM bounds b JOIN monitoring.task_period p ON p.scope = of_scope AND p.unit = 'day' AND p.start >= b.days_begin
    ), parts AS MATERIALIZED (
        SELECT h.task_name, h.queue_name, sum(h.pending + h.retry) AS pending, sum(h.started) AS started, sum(h.success)::bigint AS success,
               sum(h.failure)::bigint AS failure, sum(h.revoked) AS revoked, sum(h.timed) AS timed, sum(h.duration) AS duration,
               min(h.shortest) AS shortest, max(h.longest) AS longest
          FROM found h
         GROUP BY h.task_name, h.queue_name
    ), whole AS (
        SELECT coalesce(sum(p.pending), 0) AS pending, coalesce(sum(p.started), 0) AS started, coalesce(sum(p.success), 0)::bigint AS success,
               coalesce(sum(p.failure), 0)::bigint AS failure, coalesce(sum(p.revoked), 0) AS revoked,
               sum(p.duration) / nullif(sum(p.timed), 0) AS avg_duration, min(p.shortest) AS shortest, max(p.longest) AS longest
          FROM parts p
    ), tasks AS (
        SELECT p.task_name, sum(p.pending + p.started + p.success + p.failure + p.revoked) AS total, sum(p.success)::bigint AS success,
               sum(p.failure)::bigint AS failure, sum(p.duration) / nullif(sum(p.timed), 0) AS avg_duration
          FROM parts p GROUP BY p.task_name ORDER BY total DESC, p.task_name LIMIT 100
    ), queues AS (
        SELECT p.queue_name, sum(p.pending + p.started + p.success + p.failure + p.revoked) AS total, sum(p.success)::bigint AS success,
               sum(p.failure)::bigint AS failure
          FROM parts p GROUP BY p.queue_name ORDER BY total DESC, p.queue_name LIMIT 100
    )
    SELECT json_build_object(
        'time_period_hours', hours, 'total_tasks', w.pending + w.started + w.success + w.failure + w.revoked,
        'completed_tasks', w.success + w.failure, 'successful_tasks', w.success, 'failed_tasks', w.failure, 'pending_tasks', w.pending,
        'active_tasks', w.started, 'success_rate', monitoring.plain(monitoring.success_rate(w.success, w.failure)),
        'duration_stats', json_build_object('avg_duration', monitoring.plain(w.avg_duration), 'min_duration', monitoring.plain(w.shortest),
                                            'max_duration', monitoring.plain(w.longest)),
        'task_breakdown', (
            SELECT coalesce(json_object_agg(t.task_name, json_build_object(
                       'total', t.total, 'successful', t.success, 'failed', t.failure,
                       'success_rate', monitoring.plain(monitoring.success_rate(t.success, t.failure)),
                       'avg_duration', monitoring.plain(t.avg_duration)) ORDER BY t.total DESC, t.task_name), '{}') FROM tasks t WHERE t.total > 0),
        'queue_breakdown', (
            SELECT coalesce(json_object_agg(q.queue_name, json_build_object(
                       'total', q.total, 'successful', q.success, 'failed', q.failure,
                       'success_rate', monitoring.plain(monitoring.success_rate(q.success, q.failure))) ORDER BY q.total DESC, q.queue_name), '{}')
              FROM queues q WHERE q.total > 0),
        'timestamp', core.iso(now()))
      FROM whole w
$$;

-- The same day by day, today among them, the latest first; which tasks fail most, which take longest, and how the queues do.
CREATE OR REPLACE FUNCTION monitoring.analytics(of_scope bigint, days integer) RETURNS json LANGUAGE sql STABLE AS $$
    WITH parts AS MATERIALIZED (
        SELECT (h.start AT TIME ZONE 'UTC')::date AS day, h.task_name, h.queue_name,
               sum(h.pending + h.started + h.success + h.failure + h.retry + h.revoked) AS total, sum(h.success)::bigint AS success,
               sum(h.failure)::bigint AS failure, sum(h.timed) AS timed, sum(h.duration) AS duration, max(h.longest) AS longest
          FROM monitoring.task_period h
         WHERE h.scope = of_scope AND h.unit = 'day' AND h.start >= date_trunc('day', now(), 'UTC') - make_interval(hours => 24 * (days - 1))
         GROUP BY 1, h.task_name, h.queue_name
    ), trends AS (
        SELECT d.day, coalesce(sum(p.total), 0) AS total, coalesce(sum(p.success), 0)::bigint AS success, coalesce(sum(p.failure), 0)::bigint AS failure
          FROM (SELECT (now() AT TIME ZONE 'UTC')::date - n AS day FROM generate_series(0, days - 1) AS n) d LEFT JOIN parts p USING (day)
         GROUP BY d.day
    ), tasks AS (
        SELECT p.task_name, sum(p.failure) AS failure, sum(p.duration) / nullif(sum(p.timed), 0) AS avg_duration, max(p.longest) AS longest
          FROM parts p GROUP BY p.task_name
    ), failing AS (
        SELECT t.task_name, t.failure FROM tasks t WHERE t.failure > 0 ORDER BY t.failure DESC, t.task_name LIMIT 10
    ), slowest AS (
        SELECT t.task_name, t.avg_duration, t.longest FROM tasks t WHERE t.avg_duration IS NOT NULL ORDER BY t.avg_duration DESC, t.task_name LIMIT 10
    ), queues AS (
        SELECT p.queue_name, sum(p.total) AS total, sum(p.success)::bigint AS success, sum(p.failure)::bigint AS failure,
               sum(p.duration) / nullif(sum(p.timed), 0) AS avg_duration
          FROM parts p GROUP BY p.queue_name HAVING sum(p.total) > 0 ORDER BY sum(p.total) DESC, p.queue_name LIMIT 100
    )
    SELECT json_build_object(
        'period_days', days,
        'daily_trends', (
            SELECT json_agg(json_build_object('date', t.day, 'total_tasks', t.total, 'successful_tasks', t.success, 'failed_tasks', t.failure,
                       'success_rate', monitoring.plain(monitoring.success_rate(t.success, t.failure))) ORDER BY t.day DESC) FROM trends t),
        'top_failing_tasks', (
            SELECT coalesce(json_agg(json_build_object('task_name', f.task_name, 'failure_count', f.failure) ORDER BY f.failure DESC, f.task_name), '[]')
              FROM failing f),
        'slowest_tasks', (
            SELECT coalesce(json_agg(json_build_object('task_name', s.task_name, 'avg_duration', monitoring.plain(s.avg_duration),
                       'max_duration', monitoring.plain(s.longest)) ORDER BY s.avg_duration DESC, s.task_name), '[]') FROM slowest s),
        'queue_performance', (
            SELECT coalesce(json_agg(json_build_object('queue_name', q.queue_name, 'total', q.total, 'avg_duration', monitoring.plain(q.avg_duration),
                       'success_rate', monitoring.plain(monitoring.success_rate(q.success, q.failure))) ORDER BY q.total DESC, q.queue_name), '[]')
              FROM queues q),
        'generated_at', core.iso(now()))
$$;

-- The last 24 hours, one by one, the oldest first. success_rate: null where nothing has ended.
CREATE OR REPLACE FUNCTION monitoring.hourly_trends(of_scope bigint) RETURNS json LANGUAGE sql STABLE AS $$
    WITH hours AS (
        SELECT date_trunc('hour', now(), 'UTC') - n * interval '1 hour' AS hour FROM generate_series(0, 23) AS n
    ), sums AS (
        SELECT o.hour, coalesce(sum(h.pending + h.started + h.success + h.failure + h.retry + h.revoked), 0) AS total,
               coalesce(sum(h.success), 0)::bigint AS success, coalesce(sum(h.failure), 0)::bigint AS failure,
               sum(h.duration) / nullif(sum(h.timed), 0) AS avg_duration
          FROM hours o LEFT JOIN monitoring.task_period h ON h.scope = of_scope AND h.unit = 'hour' AND h.start = o.hour
         GROUP BY o.hour
    )
    SELECT json_agg(json_build_object(
               'hour', core.iso(s.hour), 'total_tasks', s.total, 'successful_tasks', s.success, 'failed_tasks', s.failure,
               'success_rate', CASE WHEN s.success + s.failure > 0 THEN monitoring.plain(monitoring.success_rate(s.success, s.failure)) END,
               'avg_duration', monitoring.plain(s.avg_duration)) ORDER BY s.hour)
      FROM sums s
$$;

-- Records how things stand at this moment: for an account, or for the server (null).
CREATE OR REPLACE FUNCTION monitoring.record_health(account bigint, queues jsonb, cpu numeric, memory numeric, by_itself boolean)
RETURNS monitoring.health_metric LANGUAGE sql VOLATILE AS $$
    WITH open AS MATERIALIZED (
        SELECT o.queue_name, o.pending, o.active FROM monitoring.open_tasks(account, queues) o
    )
    INSERT INTO monitoring.health_metric AS m (
        account_id, is_automatic, active_workers, total_workers, pending_tasks, active_tasks, completed_tasks_hourly, failed_tasks_hourly,
        avg_task_duration, success_rate, cpu_usage, memory_usage, queue_lengths, metadata)
    SELECT account, by_itself, w.active, w.total, coalesce((SELECT sum(o.pending) FROM open o), 0), coalesce((SELECT sum(o.active) FROM open o), 0),
           l.completed, l.failed, l.avg_duration, monitoring.success_rate(l.completed, l.failed), cpu, memory,
           (SELECT coalesce(jsonb_object_agg(q.queue_name, q.pending), '{}')
              FROM (SELECT o.queue_name, o.pending FROM open o ORDER BY o.pending DESC, o.queue_name LIMIT 40) q), '{}'
      FROM monitoring.workers() w CROSS JOIN monitoring.last_hour(account) l
    RETURNING m.*
$$;

-- Looks at the server, raises the alerts whose condition holds, and resolves those whose condition has ended. Every five minutes it also
-- records the health. One process does so at a time. memory_share: per cent of the memory of the host. Null: not known.
CREATE OR REPLACE FUNCTION monitoring.watch(queues jsonb, cpu numeric, memory numeric, memory_share numeric) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('monitoring.watch')) THEN
        RETURN;
    END IF;
    FOR found IN
        SELECT c.* FROM (SELECT w.active AS workers,
                                EXISTS (SELECT FROM jobs.pgqueuer j WHERE j.status = 'queued' AND j.execute_after < now() - interval '1 minute') AS is_stranded,
                                coalesce((SELECT sum(o.pending) FROM monitoring.open_tasks(NULL, queues) o), 0) AS pending, l.avg_duration
                           FROM monitoring.workers() w CROSS JOIN monitoring.last_hour(NULL) l) s
         CROSS JOIN LATERAL (VALUES
             ('worker_down', 'critical', s.workers = 0 AND s.is_stranded, 'No worker runs jobs',
              format('%s jobs wait, and no process that runs jobs has given a sign of life for a minute.', s.pending),
              jsonb_build_object('pending', s.pending)),
             ('queue_backlog', 'warning', s.pending > 100, 'Many tasks wait', format('%s tasks wait for a worker.', s.pending),
              jsonb_build_object('pending', s.pending)),
             ('slow_tasks', 'warning', s.avg_duration > 300, 'Tasks are slow',
              format('The tasks that ended within the last hour took %s s on average.', round(s.avg_duration, 1)),
              jsonb_build_object('avg_duration', round(s.avg_duration, 3))),
             ('system_overload', 'error', cpu > 90 OR memory_share > 90, 'The server is overloaded',
              format('The host uses %s of its processors and %s of its memory.', coalesce(round(cpu, 1) || ' %', 'an unknown share'),
                     coalesce(round(memory_share, 1) || ' %', 'an unknown share')),
              jsonb_build_object('cpu_usage', round(cpu, 1), 'memory_share', round(memory_share, 1)))
         ) AS c (alert_type, severity, holds, title, message, metadata)
    LOOP
        IF found.holds THEN
            PERFORM monitoring.raise_alert(NULL, found.alert_type, found.severity, 'server', found.title, found.message, found.metadata);
        ELSE
            PERFORM monitoring.end_alert(NULL, found.alert_type, 'server');
        END IF;
    END LOOP;
    -- A task that failed often may not have been run since.
    PERFORM monitoring.end_alert(a.account_id, a.alert_type, a.subject)
       FROM monitoring.alert a
      CROSS JOIN LATERAL monitoring.recent_runs(a.account_id, substr(a.subject, length('rate:') + 1)) r
      WHERE a.alert_type = 'high_failure_rate' AND a.resolved_at IS NULL AND a.subject IS NOT NULL AND NOT monitoring.fails_often(r.finished, r.failed);
    IF NOT EXISTS (SELECT FROM monitoring.health_metric m WHERE m.is_automatic AND m.recorded_at > now() - interval '4 minutes 30 seconds') THEN
        PERFORM monitoring.record_health(NULL, queues, cpu, memory, true);
    END IF;
END $$;
