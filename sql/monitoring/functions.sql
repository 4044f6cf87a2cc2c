-- Functions of monitoring. This file is applied whenever its text has changed (core/data/migrations.py).

-- Executions, health and alerts. Tables and triggers: sql/migrations/0021_monitoring.sql.
--
-- Triggers on jobs.run
--   run_begun, run_ended               after a run begins or ends    note the job in monitoring.changed_job
-- Triggers on monitoring.task
--   task_made, task_rewritten, task_gone   after a statement         keep monitoring.task_period and monitoring.tally, raise and resolve alerts
--   task_going                         before a row is deleted       resolve the alerts about it
-- Triggers on monitoring.alert
--   alert_announced                    after an alert is added       write an event
-- Triggers on monitoring.alert, monitoring.health_metric
--   NOUN_counted, NOUN_uncounted       after a statement             keep monitoring.tally
--
-- Durations are seconds, memory is MB, rates are per cent. A transaction locks in this order: task, task_period, tally of tasks; alert, tally of
-- alerts; health_metric, tally of these. Alerts about an execution that is deleted are locked right after it, by who has locked it.

-- Only notes the job, because it runs in the transaction of each job: writing the execution there would cost each job some 200 µs.
CREATE OR REPLACE FUNCTION monitoring.run_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO monitoring.changed_job (job_id) VALUES (NEW.job_id);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION monitoring.add_to_tally(of_kind text, change bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO monitoring.tally AS t (kind, n) SELECT of_kind, change WHERE change <> 0
        ON CONFLICT (kind) DO UPDATE SET n = t.n + EXCLUDED.n
$$;

CREATE OR REPLACE FUNCTION monitoring.count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM monitoring.add_to_tally(TG_ARGV[0], (SELECT count(*) FROM made));
    ELSE
        PERFORM monitoring.add_to_tally(TG_ARGV[0], -(SELECT count(*) FROM gone));
    END IF;
    RETURN NULL;
END $$;

-- "success" is shown as "Success", "high_failure_rate" as "High Failure Rate".
CREATE OR REPLACE FUNCTION monitoring.display(choice text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT initcap(replace(choice, '_', ' '))
$$;

-- How many per cent of what has ended was a success; 100 as long as nothing has ended, because nothing has failed.
CREATE OR REPLACE FUNCTION monitoring.success_rate(success bigint, failure bigint) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(coalesce(100.0 * success / nullif(success + failure, 0), 100), 2)
$$;

-- A number without the zeros behind its point.
CREATE OR REPLACE FUNCTION monitoring.plain(number numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT trim_scale(round(number, 6))
$$;

-- An execution as the API shows it. Of the server's jobs somebody who is no administrator sees neither the process nor what an exception
-- says, which may name hosts and files, but only its kind.
CREATE OR REPLACE FUNCTION monitoring.task_document(t monitoring.task, is_admin boolean) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', t.id, 'task_id', t.task_id, 'task_name', t.task_name, 'queue_name', t.queue_name, 'user', t.account_id,
        'priority', t.priority, 'priority_display', monitoring.display(t.priority),
        'status', t.status, 'status_display', monitoring.display(t.status),
        'scheduled_at', core.iso(t.scheduled_at), 'started_at', core.iso(t.started_at), 'completed_at', core.iso(t.completed_at),
        'duration', monitoring.plain(t.duration), 'duration_display', to_char(t.duration, 'FM99999990.000') || 's',
        'retry_count', t.retry_count,
        'worker_name', CASE WHEN is_admin OR t.job_id IS NULL THEN t.worker_name ELSE '' END,
        'result_summary', t.result_summary,
        'error_message', CASE WHEN is_admin OR t.job_id IS NULL OR t.error_message = '' THEN t.error_message
                              ELSE 'The task failed: ' || split_part(left(t.error_message, 100), ':', 1) || '.' END,
        'memory_usage', monitoring.plain(t.memory_usage), 'arguments', t.arguments, 'keyword_arguments', t.keyword_arguments,
        'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))
$$;

CREATE OR REPLACE FUNCTION monitoring.health_metric_document(m monitoring.health_metric) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', m.id, 'recorded_at', core.iso(m.recorded_at), 'active_workers', m.active_workers, 'total_workers', m.total_workers,
        'pending_tasks', m.pending_tasks, 'active_tasks', m.active_tasks, 'completed_tasks_hourly', m.completed_tasks_hourly,
        'failed_tasks_hourly', m.failed_tasks_hourly, 'avg_task_duration', monitoring.plain(m.avg_task_duration),
        'success_rate', monitoring.plain(m.success_rate), 'cpu_usage', monitoring.plain(m.cpu_usage),
        'memory_usage', monitoring.plain(m.memory_usage), 'queue_lengths', m.queue_lengths, 'metadata', m.metadata,
        'health_status', CASE WHEN m.active_workers = 0 THEN 'critical'
                              WHEN m.success_rate < 80 OR m.pending_tasks > 100 OR m.avg_task_duration > 300 THEN 'warning'
                              ELSE 'healthy' END)
$$;

CREATE OR REPLACE FUNCTION monitoring.alert_document(a monitoring.alert) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', a.id, 'alert_type', a.alert_type, 'alert_type_display', monitoring.display(a.alert_type),
        'severity', a.severity, 'severity_display', monitoring.display(a.severity), 'title', a.title, 'message', a.message,
        'task_execution', a.execution_id, 'triggered_at', core.iso(a.triggered_at), 'acknowledged_at', core.iso(a.acknowledged_at),
        'acknowledged_by', a.acknowledged_by, 'resolved_at', core.iso(a.resolved_at), 'is_resolved', a.resolved_at IS NOT NULL,
        'metadata', a.metadata, 'notification_sent', a.notification_sent)
$$;

-- The event is committed with the alert, so that a reader of the log hears of each one.
CREATE OR REPLACE FUNCTION monitoring.alert_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload, tags)
    VALUES ('monitoring.alert', json_build_object('account_id', NEW.account_id, 'alert', monitoring.alert_document(NEW))::text,
            ARRAY[CASE WHEN NEW.account_id IS NULL THEN 'administrators' ELSE 'account:' || NEW.account_id END]);
    RETURN NULL;
END $$;

-- Raises an alert by itself, unless one about the same subject is unresolved.
CREATE OR REPLACE FUNCTION monitoring.raise_alert(
    account bigint, its_type text, its_severity text, its_subject text, its_title text, its_message text, its_metadata jsonb,
    execution bigint DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO monitoring.alert (account_id, alert_type, severity, subject, title, message, metadata, execution_id, notification_sent)
    VALUES (account, its_type, its_severity, its_subject, left(its_title, 255), its_message, its_metadata, execution, true)
        ON CONFLICT (account_id, alert_type, subject) WHERE resolved_at IS NULL AND subject IS NOT NULL DO NOTHING
$$;

-- Ends the alerts that the server has raised about a subject.
CREATE OR REPLACE FUNCTION monitoring.end_alert(account bigint, its_type text, its_subject text) RETURNS void LANGUAGE sql AS $$
    UPDATE monitoring.alert a SET resolved_at = now(), version = a.version + 1
     WHERE a.account_id = account AND a.alert_type = its_type AND a.subject = its_subject AND a.resolved_at IS NULL
        OR account IS NULL AND a.account_id IS NULL AND a.alert_type = its_type AND a.subject = its_subject AND a.resolved_at IS NULL
$$;

-- Acknowledges an alert that the account may see, once: the first to do so stays. No row: there is no such alert for the account.
CREATE OR REPLACE FUNCTION monitoring.acknowledge_alert(account bigint, is_admin boolean, alert bigint, actor jsonb)
RETURNS TABLE (document json, etag text) LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
DECLARE
    before monitoring.alert;
    after  monitoring.alert;
BEGIN
    SELECT * INTO before FROM monitoring.alert a WHERE a.id = alert AND (is_admin OR a.account_id = account) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    after := before;
    IF before.acknowledged_at IS NULL THEN
        UPDATE monitoring.alert a SET acknowledged_at = now(), acknowledged_by = account, version = a.version + 1
         WHERE a.id = alert RETURNING * INTO after;
        PERFORM operations.note(actor, 'alert.acknowledge', 'alert', alert::text, NULL, jsonb_build_object('acknowledged_by', account));
    END IF;
    RETURN QUERY SELECT monitoring.alert_document(after), books.etag(after.version);
END $$;

-- Where an execution is counted: with all, in the server's health, and with those of its account.
CREATE OR REPLACE FUNCTION monitoring.scopes(t monitoring.task) RETURNS TABLE (scope bigint) LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2 AS $$
    SELECT s.scope FROM (VALUES (0::bigint, true), (-1, t.is_server), (t.account_id, t.account_id IS NOT NULL)) AS s (scope, is_counted) WHERE s.is_counted
$$;

-- The hour and the day that a moment is in.
CREATE OR REPLACE FUNCTION monitoring.periods(moment timestamptz) RETURNS TABLE (unit text, start timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 AS $$
    VALUES ('hour', date_trunc('hour', moment, 'UTC')), ('day', date_trunc('day', moment, 'UTC'))
$$;

-- Adds up what executions change in the hours and days of their created_at.
CREATE OR REPLACE FUNCTION monitoring.count_tasks(gone monitoring.task[], made monitoring.task[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO monitoring.task_period AS p (scope, unit, start, task_name, queue_name, pending, started, success, failure, retry, revoked,
                                             timed, duration, shortest, longest)
    SELECT s.scope, u.unit, u.start, t.task_name, t.queue_name,
           coalesce(sum(v.sign) FILTER (WHERE t.status = 'pending'), 0), coalesce(sum(v.sign) FILTER (WHERE t.status = 'started'), 0),
           coalesce(sum(v.sign) FILTER (WHERE t.status = 'success'), 0), coalesce(sum(v.sign) FILTER (WHERE t.status = 'failure'), 0),
           coalesce(sum(v.sign) FILTER (WHERE t.status = 'retry'), 0), coalesce(sum(v.sign) FILTER (WHERE t.status = 'revoked'), 0),
           coalesce(sum(v.sign) FILTER (WHERE d.ended IS NOT NULL), 0), coalesce(sum(v.sign * d.ended), 0),
           min(d.ended) FILTER (WHERE v.sign = 1), max(d.ended) FILTER (WHERE v.sign = 1)
      FROM (VALUES (-1, gone), (1, made)) AS v (sign, tasks)
     CROSS JOIN LATERAL unnest(v.tasks) AS t
     CROSS JOIN LATERAL (SELECT CASE WHEN t.status IN ('success', 'failure') THEN t.duration END AS ended) AS d
     CROSS JOIN LATERAL monitoring.scopes(t) AS s
     CROSS JOIN LATERAL monitoring.periods(t.created_at) AS u
     GROUP BY s.scope, u.unit, u.start, t.task_name, t.queue_name ORDER BY s.scope, u.unit, u.start, t.task_name, t.queue_name
        ON CONFLICT (scope, unit, start, task_name, queue_name) DO UPDATE
       SET pending = p.pending + EXCLUDED.pending, started = p.started + EXCLUDED.started, success = p.success + EXCLUDED.success,
           failure = p.failure + EXCLUDED.failure, retry = p.retry + EXCLUDED.retry, revoked = p.revoked + EXCLUDED.revoked,
           timed = p.timed + EXCLUDED.timed, duration = p.duration + EXCLUDED.duration,
           shortest = least(p.shortest, EXCLUDED.shortest), longest = greatest(p.longest, EXCLUDED.longest);

    -- The shortest or longest one may have gone, and then only the executions of that period say which is it now. Reading them takes long where
    -- there are many, so it is done only if no other one took as long. What is removed by its age leaves them as they are (monitoring.purge).
    IF gone IS NULL OR current_setting('monitoring.keeps_extremes', true) = 'on' THEN
        RETURN;
    END IF;
    UPDATE monitoring.task_period p SET (shortest, longest) = (
           SELECT min(t.duration), max(t.duration) FROM monitoring.task t
            WHERE t.task_name = p.task_name AND t.queue_name = p.queue_name AND t.created_at >= p.start AND t.created_at < g.until
              AND t.status IN ('success', 'failure') AND (p.scope = 0 OR p.scope = -1 AND t.is_server OR t.account_id = p.scope))
      FROM (SELECT DISTINCT s.scope, u.unit, u.start, u.start + CASE u.unit WHEN 'hour' THEN interval '1 hour' ELSE interval '24 hours' END AS until,
                   t.task_name, t.queue_name, t.duration
              FROM unnest(gone) AS t CROSS JOIN LATERAL monitoring.scopes(t) AS s CROSS JOIN LATERAL monitoring.periods(t.created_at) AS u
             WHERE t.status IN ('success', 'failure') AND t.duration IS NOT NULL) g
     WHERE p.scope = g.scope AND p.unit = g.unit AND p.start = g.start AND p.task_name = g.task_name AND p.queue_name = g.queue_name
       AND g.duration IN (p.shortest, p.longest)
       AND NOT EXISTS (SELECT FROM monitoring.task t
                        WHERE t.task_name = g.task_name AND t.queue_name = g.queue_name AND t.created_at >= g.start AND t.created_at < g.until
                          AND t.status IN ('success', 'failure') AND t.duration = g.duration
                          AND (g.scope = 0 OR g.scope = -1 AND t.is_server OR t.account_id = g.scope));
END $$;

-- How the latest runs of a task of an account (null: the server) have ended within the last hour, at most the latest thousand.
CREATE OR REPLACE FUNCTION monitoring.recent_runs(account bigint, name text, OUT finished bigint, OUT failed bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF account IS NULL THEN
        SELECT count(*), count(*) FILTER (WHERE r.status = 'failure') INTO finished, failed
          FROM (SELECT t.status FROM monitoring.task t
                 WHERE t.account_id IS NULL AND t.task_name = name AND t.status IN ('success', 'failure')
                   AND t.completed_at > now() - interval '1 hour' ORDER BY t.completed_at DESC LIMIT 1000) r;
    ELSE
        SELECT count(*), count(*) FILTER (WHERE r.status = 'failure') INTO finished, failed
          FROM (SELECT t.status FROM monitoring.task t
                 WHERE t.account_id = account AND t.task_name = name AND t.status IN ('success', 'failure')
                   AND t.completed_at > now() - interval '1 hour' ORDER BY t.completed_at DESC LIMIT 1000) r;
    END IF;
END $$;

-- Whether so many failures among what has ended are too many.
CREATE OR REPLACE FUNCTION monitoring.fails_often(finished bigint, failed bigint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT finished >= 5 AND 2 * failed > finished
$$;

-- Raises and resolves the alerts about executions that have come or changed: one that is tried a fourth time, a task that often fails.
CREATE OR REPLACE FUNCTION monitoring.judge_tasks(gone monitoring.task[], made monitoring.task[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM monitoring.raise_alert(
                m.account_id, 'task_failure', 'warning', 'task:' || m.id, format('Task %s keeps failing', m.task_name),
                format('Task %s (%s) has been retried %s times.', m.task_name, m.task_id, m.retry_count),
                jsonb_build_object('task_id', m.task_id, 'task_name', m.task_name, 'retry_count', m.retry_count), m.id)
       FROM unnest(made) AS m
      WHERE m.retry_count >= 3 AND NOT EXISTS (SELECT FROM unnest(gone) AS g WHERE g.id = m.id AND g.retry_count >= 3)
      ORDER BY m.id;

    UPDATE monitoring.alert a SET resolved_at = now(), version = a.version + 1
      FROM unnest(made) AS m
     WHERE a.execution_id = m.id AND a.alert_type = 'task_failure' AND a.subject IS NOT NULL AND a.resolved_at IS NULL AND m.status = 'success';

    PERFORM CASE WHEN monitoring.fails_often(r.finished, r.failed)
                 THEN monitoring.raise_alert(
                          e.account_id, 'high_failure_rate', 'error', 'rate:' || e.task_name, format('Task %s fails often', e.task_name),
                          format('%s of the last %s runs of task %s within an hour have failed.', r.failed, r.finished, e.task_name),
                          jsonb_build_object('task_name', e.task_name, 'finished', r.finished, 'failed', r.failed,
                                             'failure_rate', round(100.0 * r.failed / r.finished, 2)))
                 ELSE monitoring.end_alert(e.account_id, 'high_failure_rate', 'rate:' || e.task_name) END
       FROM (SELECT DISTINCT m.account_id, m.task_name FROM unnest(made) AS m
              WHERE m.status IN ('success', 'failure')
                AND NOT EXISTS (SELECT FROM unnest(gone) AS g WHERE g.id = m.id AND g.status = m.status AND g.task_name = m.task_name)) e
      CROSS JOIN LATERAL monitoring.recent_runs(e.account_id, e.task_name) r;
END $$;

-- Before an execution goes, and the foreign key takes execution_id from the alerts about it: nothing could resolve them later.
CREATE OR REPLACE FUNCTION monitoring.resolve_alerts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE monitoring.alert a SET resolved_at = now(), version = a.version + 1
     WHERE a.execution_id = OLD.id AND a.alert_type = 'task_failure' AND a.subject IS NOT NULL AND a.resolved_at IS NULL;
    RETURN OLD;
END $$;

CREATE OR REPLACE FUNCTION monitoring.task_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before monitoring.task[];
    after  monitoring.task[];
BEGIN
    -- The rows of a transition table have no type; ROW(…)::monitoring.task gives it.
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(ROW(g.*)::monitoring.task), array_agg(ROW(m.*)::monitoring.task) INTO before, after
          FROM gone g JOIN made m USING (id)
         WHERE (g.account_id, g.is_server, g.created_at, g.task_name, g.queue_name, g.status, g.duration, g.completed_at, g.retry_count)
               IS DISTINCT FROM
               (m.account_id, m.is_server, m.created_at, m.task_name, m.queue_name, m.status, m.duration, m.completed_at, m.retry_count);
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(ROW(m.*)::monitoring.task) INTO after FROM made m;
    ELSE
        SELECT array_agg(ROW(g.*)::monitoring.task) INTO before FROM gone g;
    END IF;
    IF before IS NULL AND after IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM monitoring.count_tasks(before, after);
    PERFORM monitoring.add_to_tally('task', coalesce(cardinality(after), 0) - coalesce(cardinality(before), 0));
    IF after IS NOT NULL THEN
        PERFORM monitoring.judge_tasks(before, after);
    END IF;
    RETURN NULL;
END $$;

-- Writes the executions of jobs that have begun or ended, at most `most` of them; returns how many notes it has taken. One process does so
-- at a time: each statement after the lock sees what the process before has committed, so an execution never goes back to an older state.
-- queues: of a job's name, its queue.
CREATE OR REPLACE FUNCTION monitoring.copy_runs(queues jsonb, most integer) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    changed bigint[];
    taken   bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM monitoring.changed_job) OR NOT pg_try_advisory_xact_lock(hashtext('monitoring.copy_runs')) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM monitoring.changed_job c WHERE c.ctid = ANY (ARRAY(SELECT n.ctid FROM monitoring.changed_job n LIMIT most)) RETURNING c.job_id
    )
    SELECT array_agg(DISTINCT g.job_id), count(*) INTO changed, taken FROM gone g;
    INSERT INTO monitoring.task AS t (
        account_id, job_id, is_server, task_id, task_name, queue_name, priority, status, scheduled_at, started_at, completed_at, duration,
        retry_count, worker_name, result_summary, error_message, arguments, keyword_arguments, created_at)
    SELECT (SELECT a.id FROM accounts.account a WHERE a.id = p.account_id), l.job_id, true, 'job-' || l.job_id, l.name, coalesce(queues ->> l.name, 'default'),
           CASE WHEN q.priority > 0 THEN 'high' WHEN q.priority < 0 THEN 'low' ELSE 'normal' END, s.status,
           coalesce(q.created, n.began_at), l.started_at, CASE WHEN s.status IN ('success', 'failure') THEN l.finished_at END,
           -- The clock may have been set back meanwhile.
           greatest(0, extract(epoch FROM l.finished_at - l.started_at)), greatest(0, n.runs - 1), l.worker,
           left(coalesce(l.result::text, ''), 1000), left(coalesce(l.error, ''), 1000), '[]',
           CASE WHEN octet_length(l.payload::text) <= 16384 THEN monitoring.job_kwargs(l.payload) ELSE '{}' END, n.began_at
      FROM unnest(changed) AS j (id)
     -- Aggregates, and no ORDER BY with LIMIT 1, for which Postgres might walk the whole history backwards.
     CROSS JOIN LATERAL (SELECT (array_agg(r ORDER BY r.id DESC))[1] AS last_run, min(r.started_at) AS began_at,
                                count(*) FILTER (WHERE r.status <> 'released') AS runs
                           FROM jobs.run r WHERE r.job_id = j.id) n
     CROSS JOIN LATERAL (SELECT (n.last_run).*) l
     CROSS JOIN LATERAL (SELECT min(g.created) AS created, (array_agg(g.priority ORDER BY g.created))[1] AS priority
                           FROM jobs.pgqueuer_log g WHERE g.job_id = j.id AND g.status = 'queued') q
     CROSS JOIN LATERAL (SELECT coalesce(l.payload ->> 'owner_id', l.payload ->> 'user_id', l.payload ->> 'account_id') AS owner) o
     CROSS JOIN LATERAL (SELECT CASE WHEN o.owner ~ '^[0-9]{1,18}$' THEN o.owner::bigint END AS account_id) p
     CROSS JOIN LATERAL (SELECT CASE l.status WHEN 'running' THEN 'started' WHEN 'succeeded' THEN 'success' WHEN 'held' THEN 'failure'
                                              WHEN 'released' THEN 'pending' ELSE 'retry' END AS status) s
     -- The history of the job may have been removed meanwhile.
     WHERE l.id IS NOT NULL
     ORDER BY l.job_id
        ON CONFLICT (job_id) WHERE job_id IS NOT NULL DO UPDATE
       SET status = EXCLUDED.status, started_at = EXCLUDED.started_at, completed_at = EXCLUDED.completed_at, duration = EXCLUDED.duration,
           retry_count = EXCLUDED.retry_count, worker_name = EXCLUDED.worker_name, result_summary = EXCLUDED.result_summary,
           error_message = EXCLUDED.error_message, version = t.version + 1, updated_at = now()
     WHERE (t.status, t.started_at, t.completed_at, t.retry_count) IS DISTINCT FROM
           (EXCLUDED.status, EXCLUDED.started_at, EXCLUDED.completed_at, EXCLUDED.retry_count);
    RETURN taken;
END $$;

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

-- Removes what is older than `days`, at most `most` rows of each kind, and returns how many. Unresolved alerts go after three times as long: what they
-- say may still hold, but nobody has looked at them.
CREATE OR REPLACE FUNCTION monitoring.purge(days integer, most integer) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    oldest  timestamptz := now() - make_interval(days => days);
    removed bigint;
    total   bigint := 0;
BEGIN
    -- The shortest and longest of a day of which only a part is removed stay until the rest is.
    PERFORM set_config('monitoring.keeps_extremes', 'on', true);
    DELETE FROM monitoring.task WHERE id = ANY (ARRAY(SELECT t.id FROM monitoring.task t WHERE t.created_at < oldest
                                                       ORDER BY t.created_at, t.id LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    total := total + removed;
    DELETE FROM monitoring.alert WHERE id = ANY (ARRAY(SELECT a.id FROM monitoring.alert a WHERE a.resolved_at < oldest
                                                        ORDER BY a.resolved_at, a.id LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    total := total + removed;
    DELETE FROM monitoring.alert WHERE id = ANY (ARRAY(SELECT a.id FROM monitoring.alert a
                                                        WHERE a.resolved_at IS NULL AND a.triggered_at < now() - 3 * make_interval(days => days)
                                                        ORDER BY a.triggered_at, a.id LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    total := total + removed;
    DELETE FROM monitoring.health_metric WHERE id = ANY (ARRAY(SELECT m.id FROM monitoring.health_metric m WHERE m.recorded_at < oldest
                                                                ORDER BY m.recorded_at, m.id LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    total := total + removed;
    -- What a period amounts to is zero once its executions are gone.
    DELETE FROM monitoring.task_period p WHERE p.ctid = ANY (ARRAY(
        SELECT o.ctid FROM monitoring.task_period o
         WHERE o.start < oldest - interval '24 hours' AND (o.pending, o.started, o.success, o.failure, o.retry, o.revoked) = (0, 0, 0, 0, 0, 0)
         ORDER BY o.start LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN total + removed;
END $$;

-- Tasks
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

-- Sees to it that an account's figures are right, and keeps today's monthly snapshot of those that have changed since the last one. outcome: what
-- they were, as dashboard.repair says.
CREATE OR REPLACE FUNCTION monitoring.warm_dashboard(owner bigint, OUT outcome text, OUT is_stored boolean) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    outcome := dashboard.repair(owner);
    is_stored := EXISTS (SELECT FROM dashboard.total t
                          WHERE t.owner_id = owner
                            AND NOT EXISTS (SELECT FROM dashboard.snapshot s
                                             WHERE s.owner_id = owner AND s.period_type = 'monthly' AND s.updated_at >= t.changed_at));
    IF is_stored THEN
        PERFORM dashboard.store_snapshot(owner, 'monthly', books.today());
    END IF;
END $$;

-- What an account's books amount to on the days of a period, as JSON: in all, by month, by category of expenses and by client. Money is text with
-- two places.
CREATE OR REPLACE FUNCTION monitoring.exported_figures(owner bigint, since date, until date) RETURNS json LANGUAGE sql STABLE AS $$
    WITH day AS (
        SELECT p.* FROM dashboard.period p
         WHERE p.owner_id = owner AND p.period_type = 'daily' AND p.period_start BETWEEN since AND until
    ), share AS (
        SELECT h.category_type, h.name, sum(h.amount) AS amount, sum(h.n) AS n
          FROM dashboard.share h
         WHERE h.owner_id = owner AND h.category_type IN ('client', 'expense') AND h.period_type = 'daily' AND h.n > 0
           AND h.period_start BETWEEN since AND until
         GROUP BY h.category_type, h.name
    )
    SELECT json_build_object(
        'start_date', since, 'end_date', until, 'generated_at', core.iso(now()),
        'totals', (SELECT json_build_object(
                       'total_revenue', dashboard.money(coalesce(sum(d.billed), 0)), 'total_expenses', dashboard.money(coalesce(sum(d.spent), 0)),
                       'net_profit', dashboard.money(coalesce(sum(d.billed - d.spent), 0)),
                       'reimbursable_expenses', dashboard.money(coalesce(sum(d.reimbursable), 0)), 'total_invoices', coalesce(sum(d.invoices), 0),
                       'total_expense_count', coalesce(sum(d.expenses), 0), 'total_quotes', coalesce(sum(d.quotes), 0),
                       'accepted_quotes', coalesce(sum(d.accepted), 0), 'new_clients', coalesce(sum(d.clients), 0))
                     FROM day d),
        'months', (SELECT coalesce(json_agg(json_build_object(
                              'period', m.month, 'revenue', dashboard.money(m.billed), 'expenses', dashboard.money(m.spent),
                              'profit', dashboard.money(m.billed - m.spent), 'invoices', m.invoices) ORDER BY m.month), '[]')
                     FROM (SELECT to_char(d.period_start, 'YYYY-MM') AS month, sum(d.billed) AS billed, sum(d.spent) AS spent, sum(d.invoices) AS invoices
                             FROM day d GROUP BY 1) m),
        'expense_categories', (SELECT coalesce(json_agg(json_build_object('name', s.name, 'amount', dashboard.money(s.amount), 'count', s.n)
                                                        ORDER BY s.amount DESC, s.name), '[]') FROM share s WHERE s.category_type = 'expense'),
        -- The largest: a result is kept in the history of jobs.
        'top_clients', (SELECT coalesce(json_agg(json_build_object('client_id', c.id, 'client_name', c.name, 'amount', dashboard.money(s.amount),
                                                                   'count', s.n) ORDER BY s.amount DESC, c.id), '[]')
                          FROM (SELECT s.name, s.amount, s.n FROM share s WHERE s.category_type = 'client' ORDER BY s.amount DESC, s.name LIMIT 100) s
                          JOIN books.client c ON c.owner_id = owner AND c.id = s.name::bigint))
$$;

CREATE OR REPLACE FUNCTION monitoring.notification_document(n monitoring.notification) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', n.id, 'message', n.message, 'notification_type', n.notification_type, 'created_at', core.iso(n.created_at))
$$;

-- Tells an account something: what it can read later, and an event for those who read now.
CREATE OR REPLACE FUNCTION monitoring.notify(account bigint, message text, notification_type text) RETURNS void LANGUAGE sql VOLATILE AS $$
    WITH made AS (
        INSERT INTO monitoring.notification AS n (account_id, message, notification_type)
        SELECT a.id, $2, $3 FROM accounts.account a WHERE a.id = $1
        RETURNING n.account_id, monitoring.notification_document(n) AS document
    )
    INSERT INTO core.event (topic, payload, tags)
    SELECT 'monitoring.notification', json_build_object('account_id', m.account_id, 'notification', m.document)::text, ARRAY['account:' || m.account_id]
      FROM made m
$$;

-- Removes at most `most` snapshots, exports and notifications that are older than so many days: of one account, or of all (null). Returns how
-- many of each.
CREATE OR REPLACE FUNCTION monitoring.remove_old(account bigint, days integer, most integer, OUT snapshots bigint, OUT exports bigint, OUT notifications bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    oldest timestamptz := now() - make_interval(days => days);
BEGIN
    DELETE FROM dashboard.snapshot s
     WHERE (s.owner_id, s.id) IN (SELECT o.owner_id, o.id FROM dashboard.snapshot o
                                   WHERE (account IS NULL OR o.owner_id = account) AND o.snapshot_date < (oldest AT TIME ZONE 'UTC')::date
                                   LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS snapshots = ROW_COUNT;
    DELETE FROM dashboard.export x
     WHERE (x.owner_id, x.id) IN (SELECT o.owner_id, o.id FROM dashboard.export o
                                   WHERE (account IS NULL OR o.owner_id = account) AND o.created_at < oldest
                                   LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS exports = ROW_COUNT;
    DELETE FROM monitoring.notification n
     WHERE (n.account_id, n.id) IN (SELECT o.account_id, o.id FROM monitoring.notification o
                                     WHERE (account IS NULL OR o.account_id = account) AND o.created_at < oldest
                                     LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS notifications = ROW_COUNT;
END $$;
