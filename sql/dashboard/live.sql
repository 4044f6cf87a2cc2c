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

-- name: recalculate(owner_id, metrics) -> value
-- Refreshes, and sends the figures to everybody who watches them, by the event that a change writes too.
WITH announced AS (
    INSERT INTO core.event (topic, payload, tags)
    SELECT e.* FROM dashboard.change_event($1, coalesce((SELECT t.version FROM dashboard.total t WHERE t.owner_id = $1), 0)) e
)
SELECT json_build_object(
           'success', true, 'message', 'Dashboard recalculation completed', 'refresh_results', dashboard.refresh($1, ARRAY['all'], true, $2::integer),
           'performance_score', f.score, 'metrics_count', json_array_length(f.metrics), 'alerts_count', json_array_length(f.alerts),
           'timestamp', f.at)::text
  FROM dashboard.live_figures($1) f;
