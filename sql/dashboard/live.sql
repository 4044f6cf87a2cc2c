-- The figures of the moment. docs/api/dashboard.md#live. Money and counts are JSON numbers.

-- name: get_live(owner_id) -> value
SELECT json_build_object(
           'user_id', $1::bigint, 'timestamp', f.at, 'performance_score', f.score, 'metrics', f.metrics, 'alerts', f.alerts,
           'metadata', json_build_object('calculation_time', f.at, 'cache_status', 'live', 'data_freshness', 'real-time'))::text
  FROM dashboard.live_figures($1) f;

-- name: list_updates(owner_ids) -> rows
-- What is sent to the readers of these owners. update: of a stream, which puts members of its own before it. data: of a socket. conditions:
-- the alerts, by their place among the first of `alerts`, that hold until the figures change.
SELECT o.owner_id, f.conditions, f.alerts::text AS alerts,
       json_build_object('user_id', o.owner_id, 'timestamp', f.at, 'performance_score', f.score, 'metrics', f.timeless_metrics,
                         'alerts', f.alerts)::text AS update,
       json_build_object('user_id', o.owner_id, 'timestamp', f.at, 'performance_score', f.score, 'metrics', f.metrics, 'alerts', f.alerts)::text AS data
  FROM unnest($1::bigint[]) AS o (owner_id)
 CROSS JOIN LATERAL dashboard.live_figures(o.owner_id) f;

-- name: recalculate(owner_id) -> value
-- Sends the figures to everybody who watches them, by the event that a change writes too.
WITH announced AS (
    INSERT INTO core.event (topic, payload, tags)
    SELECT 'dashboard.changed', json_build_object('owner_id', $1::bigint, 'version', coalesce(max(t.version), 0))::text, ARRAY['owner:' || $1]
      FROM dashboard.total t WHERE t.owner_id = $1
)
SELECT json_build_object(
           'success', true, 'message', 'Dashboard recalculation completed',
           'refresh_results', json_build_object('refreshed', true, 'refresh_time', f.at, 'duration_seconds', s.seconds, 'results', json_build_object(
               'monthly_snapshot', NULL, 'category_analytics_count', c.categories, 'client_analytics_count', c.clients,
               'performance_metrics_count', json_array_length(f.metrics), 'refreshed', true, 'refresh_time', f.at, 'duration_seconds', s.seconds)),
           'performance_score', f.score, 'metrics_count', json_array_length(f.metrics), 'alerts_count', json_array_length(f.alerts),
           'timestamp', f.at)::text
  FROM dashboard.live_figures($1) f
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE h.category_type <> 'client') AS categories, count(*) FILTER (WHERE h.category_type = 'client') AS clients
         FROM dashboard.share h
        WHERE h.owner_id = $1 AND h.period_type = 'monthly' AND h.period_start = dashboard.period_start('monthly', books.today())
          AND h.category_type IN ('expense', 'client', 'service') AND h.n > 0) c
 CROSS JOIN LATERAL (SELECT round(extract(epoch FROM clock_timestamp() - statement_timestamp()), 6) AS seconds WHERE c.categories >= 0) s;
