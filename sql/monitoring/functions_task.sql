-- Executions of tasks: their documents, their counts by period, and how jobs become executions. docs/api/monitoring.md
-- The area's triggers are listed in functions.sql.

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
