-- Measures of the server's health. docs/api/monitoring.md#health-metrics. m: the measure.

-- owner_id: the account whose rows may be seen; null: all. The filter `own`, which goes with it, is what an index finds.
-- filter: own(account_id)
m.account_id = $1::bigint

-- filter: created_since(moment)
m.recorded_at >= ($1::text)::timestamptz

-- filter: created_until(moment)
m.recorded_at <= ($1::text)::timestamptz

-- name: list_metrics(owner_id, page, page_size) -> row
-- One page of all rows, with their count. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT y.n FROM monitoring.tally y WHERE y.kind = 'health_metric'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(monitoring.health_metric_document(listed.metric)), '[]') AS documents
         FROM (SELECT m AS metric FROM monitoring.health_metric m
                WHERE ($1::bigint IS NULL OR m.account_id = $1)
                ORDER BY m.recorded_at DESC, m.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_metrics(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM monitoring.health_metric m WHERE ($1::bigint IS NULL OR m.account_id = $1) /* filters */
             LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(monitoring.health_metric_document(listed.metric)), '[]') AS documents
         FROM (SELECT m AS metric FROM monitoring.health_metric m
                WHERE ($1::bigint IS NULL OR m.account_id = $1) /* filters */
                ORDER BY m.recorded_at DESC, m.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_metrics(after, owner_id, page_size) -> rows
-- One page after the row with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in the order.
SELECT monitoring.health_metric_document(listed.metric)::text AS document, key::text AS key
  FROM (SELECT m AS metric, /* key */ jsonb_build_array(m.id) /* or as asked */ AS key
          FROM monitoring.health_metric m
         WHERE ($2::bigint IS NULL OR m.account_id = $2) AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY m.recorded_at DESC, m.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed;

-- name: get_metric(owner_id, id) -> row
SELECT monitoring.health_metric_document(m)::text AS document, books.etag(m.version) AS etag
  FROM monitoring.health_metric m WHERE m.id = $2 AND ($1::bigint IS NULL OR m.account_id = $1);

-- name: create_metric(owner_id, body, actor) -> row
-- owner_id: who records it; null: an administrator, for the server.
WITH made AS (
    INSERT INTO monitoring.health_metric AS m (
        account_id, is_automatic, active_workers, total_workers, pending_tasks, active_tasks, completed_tasks_hourly, failed_tasks_hourly,
        avg_task_duration, success_rate, cpu_usage, memory_usage, queue_lengths, metadata)
    SELECT $1, false, coalesce(b.active_workers::integer, 0), coalesce(b.total_workers::integer, 0), coalesce(b.pending_tasks::integer, 0), coalesce(b.active_tasks::integer, 0),
           coalesce(b.completed_tasks_hourly::integer, 0), coalesce(b.failed_tasks_hourly::integer, 0), b.avg_task_duration, b.success_rate,
           b.cpu_usage, b.memory_usage, coalesce(b.queue_lengths, '{}'), coalesce(b.metadata, '{}')
      FROM jsonb_to_record($2::jsonb) AS b (
               active_workers numeric, total_workers numeric, pending_tasks numeric, active_tasks numeric, completed_tasks_hourly numeric,
               failed_tasks_hourly numeric, avg_task_duration numeric, success_rate numeric, cpu_usage numeric, memory_usage numeric, queue_lengths jsonb,
               metadata jsonb)
    RETURNING m.id, m AS metric
)
SELECT monitoring.health_metric_document(made.metric)::text AS document,
       operations.note($3::jsonb, 'health_metric.create', 'health_metric', made.id::text, NULL, to_jsonb(made.metric) - 'version') AS noted
  FROM made;

-- name: measure(owner_id, queues, cpu, memory, actor) -> row
-- Records how things stand now. cpu, memory: of the host; null: not known.
WITH made AS MATERIALIZED (
    SELECT m AS metric FROM monitoring.record_health($1, $2::jsonb, $3::numeric, $4::numeric, false) AS m
)
SELECT monitoring.health_metric_document(made.metric)::text AS document,
       operations.note($5::jsonb, 'health_metric.create', 'health_metric', (made.metric).id::text, NULL, to_jsonb(made.metric) - 'version') AS noted
  FROM made;

-- name: update_metric(owner_id, id, body, if_match, actor) -> row
-- Members that the body omits stay; those that are null become empty, or 0. is_stale: if_match names another state, and nothing is changed.
-- No row: the measure does not exist for the account.
WITH old AS MATERIALIZED (
    SELECT m.id, m AS metric FROM monitoring.health_metric m WHERE m.id = $2 AND ($1::bigint IS NULL OR m.account_id = $1) FOR NO KEY UPDATE
), changed AS (
    UPDATE monitoring.health_metric AS m
       SET active_workers = CASE WHEN $3::jsonb ? 'active_workers' THEN coalesce(b.active_workers::integer, 0) ELSE m.active_workers END,
           total_workers = CASE WHEN $3::jsonb ? 'total_workers' THEN coalesce(b.total_workers::integer, 0) ELSE m.total_workers END,
           pending_tasks = CASE WHEN $3::jsonb ? 'pending_tasks' THEN coalesce(b.pending_tasks::integer, 0) ELSE m.pending_tasks END,
           active_tasks = CASE WHEN $3::jsonb ? 'active_tasks' THEN coalesce(b.active_tasks::integer, 0) ELSE m.active_tasks END,
           completed_tasks_hourly = CASE WHEN $3::jsonb ? 'completed_tasks_hourly' THEN coalesce(b.completed_tasks_hourly::integer, 0) ELSE m.completed_tasks_hourly END,
           failed_tasks_hourly = CASE WHEN $3::jsonb ? 'failed_tasks_hourly' THEN coalesce(b.failed_tasks_hourly::integer, 0) ELSE m.failed_tasks_hourly END,
           avg_task_duration = CASE WHEN $3::jsonb ? 'avg_task_duration' THEN b.avg_task_duration ELSE m.avg_task_duration END,
           success_rate = coalesce(b.success_rate, m.success_rate),
           cpu_usage = CASE WHEN $3::jsonb ? 'cpu_usage' THEN b.cpu_usage ELSE m.cpu_usage END,
           memory_usage = CASE WHEN $3::jsonb ? 'memory_usage' THEN b.memory_usage ELSE m.memory_usage END,
           queue_lengths = CASE WHEN $3::jsonb ? 'queue_lengths' THEN coalesce(b.queue_lengths, '{}') ELSE m.queue_lengths END,
           metadata = CASE WHEN $3::jsonb ? 'metadata' THEN coalesce(b.metadata, '{}') ELSE m.metadata END,
           version = m.version + 1
      FROM old, jsonb_to_record($3::jsonb) AS b (
           active_workers numeric, total_workers numeric, pending_tasks numeric, active_tasks numeric, completed_tasks_hourly numeric,
           failed_tasks_hourly numeric, avg_task_duration numeric, success_rate numeric, cpu_usage numeric, memory_usage numeric, queue_lengths jsonb,
           metadata jsonb)
     WHERE m.id = old.id AND books.is_match($4::text[], books.etag((old.metric).version))
    RETURNING m.id, m AS metric
)
SELECT changed.id IS NULL AS is_stale, monitoring.health_metric_document(changed.metric)::text AS document,
       books.etag(coalesce((changed.metric).version, (old.metric).version)) AS etag,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $5::jsonb, 'health_metric.update', 'health_metric', old.id::text, to_jsonb(old.metric) - 'version', to_jsonb(changed.metric) - 'version')
       END AS noted
  FROM old LEFT JOIN changed ON true;

-- name: delete_metric(owner_id, id, if_match, actor) -> row
-- is_stale: if_match names another state, and nothing is deleted. No row: the measure does not exist for the account.
WITH old AS MATERIALIZED (
    SELECT m.id, m AS metric FROM monitoring.health_metric m WHERE m.id = $2 AND ($1::bigint IS NULL OR m.account_id = $1) FOR UPDATE
), gone AS (
    DELETE FROM monitoring.health_metric AS m USING old
     WHERE m.id = old.id AND books.is_match($3::text[], books.etag((old.metric).version)) RETURNING m.id
)
SELECT gone.id IS NULL AS is_stale, books.etag((old.metric).version) AS etag,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'health_metric.delete', 'health_metric', old.id::text, to_jsonb(old.metric) - 'version', NULL) END AS noted
  FROM old LEFT JOIN gone ON true;
