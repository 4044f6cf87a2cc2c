-- What the tasks do. docs/api/monitoring.md#executing. owner_id: one account; null: all.

-- name: list_owners(owner_id) -> rows
-- Those with books.
SELECT DISTINCT t.owner_id AS id FROM books.tally t WHERE $1::bigint IS NULL OR t.owner_id = $1::bigint ORDER BY 1;

-- name: rebuild_figures(owner_id) -> value
SELECT dashboard.rebuild($1);

-- name: warm_dashboard(owner_id) -> row
SELECT outcome, is_stored FROM monitoring.warm_dashboard($1);

-- name: analyse(owner, hours, most) -> value
-- owner: the account as a text. How the tasks have run, the slowest first, and what the dashboards are.
WITH task AS (
    SELECT r.name, count(*) AS n, count(*) FILTER (WHERE r.is_successful) AS successful, avg(r.duration) AS average,
           max(r.duration) AS longest, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.duration) AS p50,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY r.duration) AS p95
      FROM monitoring.job_runs($1, $2, $3) r GROUP BY r.name
)
SELECT json_build_object(
    'period_hours', $2, 'total_runs', (SELECT coalesce(sum(t.n), 0) FROM task t),
    'success_rate', (SELECT monitoring.job_rate(sum(t.successful)::bigint, sum(t.n)::bigint) FROM task t),
    'slowest_tasks', (SELECT coalesce(json_agg(json_build_object(
                                 'name', monitoring.job_name(t.name), 'count', t.n, 'success_rate', monitoring.job_rate(t.successful, t.n),
                                 'avg_duration', round(t.average, 6), 'p50_duration', round(t.p50::numeric, 6),
                                 'p95_duration', round(t.p95::numeric, 6), 'max_duration', t.longest) ORDER BY t.p95 DESC, t.name), '[]') FROM task t),
    'dashboards', (SELECT json_build_object(
                       'owners', count(*), 'changes', coalesce(sum(t.version), 0), 'last_change', core.iso(max(t.changed_at)),
                       'to_add_up', (SELECT count(*) FROM dashboard.unbuilt u WHERE $1::text IS NULL OR u.owner_id = ($1::text)::bigint))
                     FROM dashboard.total t WHERE $1::text IS NULL OR t.owner_id = ($1::text)::bigint),
    'timestamp', core.iso(now()))::text;

-- name: export_figures(owner_id, since, until) -> value
SELECT monitoring.exported_figures($1, $2::text::date, $3::text::date)::text;

-- name: queue_export(owner_id, export_format, period_type, most) -> value
-- A file with an account's dashboard; its id. Null: the account has `most` under way.
SELECT x.id FROM dashboard.queue_export($1, $2, 'overview', $3, true, $4) AS x;

-- name: notify(account_id, message, notification_type) -> value
SELECT monitoring.notify($1, $2, $3);

-- name: remove_old(account_id, days, most) -> row
SELECT snapshots, exports, notifications FROM monitoring.remove_old($1, $2, $3);

-- name: remove_old_notifications(days, most) -> value
WITH gone AS (
    DELETE FROM monitoring.notification n
     WHERE (n.account_id, n.id) IN (
           SELECT o.account_id, o.id FROM monitoring.notification o
            WHERE o.created_at < now() - make_interval(days => $1::integer) ORDER BY o.created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING n.id
)
SELECT count(*) FROM gone;
