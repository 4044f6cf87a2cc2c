-- Functions of monitoring. This file is applied whenever its text has changed (core/data/migrations.py).

-- Tasks ------------------------------------------------------------------------------------------------------------------------------
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
               'active_tasks', (SELECT count(*) FROM jobs.pgqueuer q WHERE q.queue_manager_id = w.id AND q.status = 'picked'), 'started_at', core.iso(w.started_at), 'last_seen', core.iso(w.seen_at),
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
    is_stored := false;
    IF to_regclass('dashboard.snapshot') IS NOT NULL THEN
        is_stored := EXISTS (SELECT FROM dashboard.total t
                              WHERE t.owner_id = owner
                                AND NOT EXISTS (SELECT FROM dashboard.snapshot s
                                                 WHERE s.owner_id = owner AND s.period_type = 'monthly' AND s.updated_at >= t.changed_at));
        IF is_stored THEN
            PERFORM dashboard.store_snapshot(owner, 'monthly', books.today());
        END IF;
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

-- Has a file with an account's dashboard made; returns its id, or that of the same one that is under way.
CREATE OR REPLACE FUNCTION monitoring.queue_export(owner bigint, format text, period text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO dashboard.export AS x (owner_id, export_format, export_type, period_type, include_charts, day, position)
    SELECT owner, format, 'overview', period, true, books.today(), head.position FROM core.event_head head
        -- The update changes nothing: it is there for RETURNING.
        ON CONFLICT (owner_id, export_format, export_type, period_type, include_charts, day) WHERE status IN ('queued', 'running')
           DO UPDATE SET day = x.day
    RETURNING x.id INTO made;
    PERFORM core.enqueue_job('dashboard.export', jsonb_build_object('owner_id', owner, 'id', made), format('dashboard.export:%s:%s', owner, made));
    RETURN made;
END $$;

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
-- many of each. What a release doesn't have yet is left out.
CREATE OR REPLACE FUNCTION monitoring.remove_old(account bigint, days integer, most integer, OUT snapshots bigint, OUT exports bigint, OUT notifications bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    oldest timestamptz := now() - make_interval(days => days);
BEGIN
    snapshots := 0;
    exports := 0;
    IF to_regclass('dashboard.snapshot') IS NOT NULL THEN
        DELETE FROM dashboard.snapshot s
         WHERE (s.owner_id, s.id) IN (SELECT o.owner_id, o.id FROM dashboard.snapshot o
                                       WHERE (account IS NULL OR o.owner_id = account) AND o.snapshot_date < (oldest AT TIME ZONE 'UTC')::date
                                       LIMIT most FOR UPDATE SKIP LOCKED);
        GET DIAGNOSTICS snapshots = ROW_COUNT;
    END IF;
    IF to_regclass('dashboard.export') IS NOT NULL THEN
        DELETE FROM dashboard.export x
         WHERE (x.owner_id, x.id) IN (SELECT o.owner_id, o.id FROM dashboard.export o
                                       WHERE (account IS NULL OR o.owner_id = account) AND o.created_at < oldest
                                       LIMIT most FOR UPDATE SKIP LOCKED);
        GET DIAGNOSTICS exports = ROW_COUNT;
    END IF;
    DELETE FROM monitoring.notification n
     WHERE (n.account_id, n.id) IN (SELECT o.account_id, o.id FROM monitoring.notification o
                                     WHERE (account IS NULL OR o.account_id = account) AND o.created_at < oldest
                                     LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS notifications = ROW_COUNT;
END $$;
