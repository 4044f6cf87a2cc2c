-- How things stand: health, figures of executions, alerts. docs/api/monitoring.md#figures. owner_id: the account whose tasks these are; null: all.

-- name: get_health(owner_id, queues) -> value
SELECT monitoring.health($1::bigint, $2::jsonb)::text;

-- name: get_metrics(owner_id, hours) -> value
SELECT monitoring.metrics(coalesce($1::bigint, 0), $2::integer)::text;

-- name: get_analytics(owner_id, days) -> value
SELECT monitoring.analytics(coalesce($1::bigint, 0), $2::integer)::text;

-- name: get_general(owner_id, queues, hours, alerts) -> value
-- alerts: how many of the latest.
SELECT json_build_object('health', monitoring.health($1::bigint, $2::jsonb), 'metrics', monitoring.metrics(coalesce($1::bigint, 0), $3::integer),
                         'recent_alerts', monitoring.recent_alerts($1::bigint, $4::integer), 'timestamp', core.iso(now()))::text;

-- name: get_overview(owner_id, queues, hours, alerts) -> value
-- alerts: how many of those that are not resolved.
SELECT json_build_object('health', monitoring.health($1::bigint, $2::jsonb), 'metrics', monitoring.metrics(coalesce($1::bigint, 0), $3::integer),
                         'active_alerts', monitoring.active_alerts($1::bigint, $4::integer),
                         'hourly_trends', monitoring.hourly_trends(coalesce($1::bigint, 0)), 'is_admin', $1::bigint IS NULL)::text;
