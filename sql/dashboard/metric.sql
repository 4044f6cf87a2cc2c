-- Metrics of an owner: the last 30 days beside the 30 before. docs/api/dashboard.md#metrics. m: the metric.

-- filter: category(category)
m.metric_category = $1::text

-- filter: name(part)
lower(m.metric_name) LIKE core.containing($1::text)

-- name: find_metrics(owner_id, page, page_size, most) -> row
-- One page with the count of all. page: 1-based; null: the last page. results is null if the page does not exist. There are ten at most.
WITH metric AS (
    SELECT m.id, m.document FROM dashboard.metrics($1) m WHERE true /* filters */
), page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number FROM (SELECT least(count(*), $4::bigint) AS count FROM metric) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(listed.document), '[]') AS documents
         FROM (SELECT m.document FROM metric m ORDER BY m.id ASC /* or as asked */ LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_metrics(after, owner_id, page_size) -> rows
-- One page after the metric with a key (null: from the beginning), and one row more if another page follows.
SELECT m.document::text AS document, (/* key */ jsonb_build_array(m.id) /* or as asked */)::text AS key
  FROM dashboard.metrics($2) m
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY m.id ASC /* or as asked */
 LIMIT $3::bigint + 1;

-- name: get_metric(owner_id, id) -> row
SELECT m.document::text AS document FROM dashboard.metrics($1) m WHERE m.id = $2::bigint;

-- name: list_kpis(owner_id, category) -> value
-- The key performance indicators; of one category, unless it is null.
SELECT coalesce(json_agg(m.kpi ORDER BY m.id), '[]')::text
  FROM dashboard.metrics($1) m WHERE m.is_kpi AND ($2::text IS NULL OR m.metric_category = $2);
