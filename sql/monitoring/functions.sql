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
