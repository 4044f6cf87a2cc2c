-- Exports of dashboards as files: asking for one, making it, and finding its file. docs/api/dashboard.md#export. x: the export.
-- Amounts and percentages are texts with two places; days are those of UTC.

-- name: queue_export(owner_id, export_format, export_type, period_type, include_charts, most, seen) -> row
-- A new export, or the same one that is under way. No row: the owner has `most` under way. is_awaited: a process that makes exports was seen within
-- `seen` seconds.
SELECT x.id, dashboard.export_document(x)::text AS document,
       EXISTS (SELECT FROM jobs.worker w
                WHERE 'dashboard.export' = ANY (w.jobs) AND w.seen_at > now() - make_interval(secs => $7::double precision)) AS is_awaited
  FROM dashboard.queue_export($1, $2, $3, $4, $5, $6::bigint) AS x;

-- name: get_export(owner_id, id) -> row
SELECT dashboard.export_document(x)::text AS document, x.status IN ('done', 'failed') AS is_finished
  FROM dashboard.export x WHERE x.owner_id = $1 AND x.id = $2;

-- name: get_progress(owner_id, id) -> row
-- Where the events of an export begin in the log, and its last one if there are no more.
SELECT x.position, CASE WHEN x.status IN ('done', 'failed') THEN dashboard.export_event(x)::text END AS last
  FROM dashboard.export x WHERE x.owner_id = $1 AND x.id = $2;

-- name: list_exports(owner_id, page, page_size, most) -> row
-- One page. They are counted, because they last a week only. page: 1-based; null: the last page. results is null if the page does not
-- exist. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (SELECT FROM dashboard.export x WHERE x.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(dashboard.export_document(export)), '[]') AS documents
         FROM (SELECT x AS export FROM dashboard.export x
                WHERE x.owner_id = $1 /* filters */
                ORDER BY x.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_exports(after, owner_id, page_size) -> rows
-- One page after the export with a key (null: from the beginning), and one row more if another page follows.
SELECT dashboard.export_document(x)::text AS document, (/* key */ jsonb_build_array(x.id) /* or as asked */)::text AS key
  FROM dashboard.export x
 WHERE x.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY x.id DESC /* or as asked */
 LIMIT $3::bigint + 1;

-- name: find_download(owner_id, export_type, day, export_format, id) -> row
-- The file of that name. id: which one; null: the newest.
SELECT x.key, x.file_size
  FROM dashboard.export x
 WHERE x.owner_id = $1 AND x.export_type = $2 AND x.day = $3::date AND x.export_format = $4 AND x.status = 'done' AND ($5::bigint IS NULL OR x.id = $5)
 ORDER BY x.id DESC LIMIT 1;

-- name: begin_export(owner_id, id) -> row
-- No row: it is done or has failed for good, or was removed.
UPDATE dashboard.export AS x SET status = 'running', stage = 'reading', percent = 0
 WHERE x.owner_id = $1 AND x.id = $2 AND x.status IN ('queued', 'running')
RETURNING x.export_format, x.export_type, x.period_type, x.include_charts, x.day, dashboard.export_name(x) AS name;

-- name: note_progress(owner_id, id, stage, percent) -> none
UPDATE dashboard.export AS x SET stage = $3, percent = $4
 WHERE x.owner_id = $1 AND x.id = $2 AND x.status = 'running' AND (x.stage, x.percent) <> ($3, $4::smallint);

-- name: finish_export(owner_id, id, key, file_size) -> none
UPDATE dashboard.export AS x SET status = 'done', stage = 'done', percent = 100, key = $3, file_size = $4, error = '', finished_at = now()
 WHERE x.owner_id = $1 AND x.id = $2 AND x.status = 'running';

-- name: fail_export(owner_id, id, error) -> none
UPDATE dashboard.export AS x SET status = 'failed', error = $3, finished_at = now()
 WHERE x.owner_id = $1 AND x.id = $2 AND x.status = 'running';

-- name: give_up_exports(hours, error) -> none
-- Those that nobody makes any more: each process that tried it was killed and the job is held, or no process makes exports.
UPDATE dashboard.export AS x SET status = 'failed', error = $2, finished_at = now()
 WHERE x.status IN ('queued', 'running')
   AND (x.created_at < now() - make_interval(hours => $1::integer)
        OR NOT EXISTS (SELECT FROM jobs.pgqueuer q
                        WHERE q.dedupe_key = 'dashboard.export:' || x.owner_id || ':' || x.id AND q.status IN ('queued', 'picked')));

-- name: remove_old_exports(days, most) -> value
-- How many were removed. Their files are no longer used, and core/files/media.py removes them.
WITH gone AS (
    DELETE FROM dashboard.export x
     WHERE (x.owner_id, x.id) IN (
           SELECT y.owner_id, y.id FROM dashboard.export y
            WHERE y.created_at < now() - make_interval(days => $1::integer) ORDER BY y.created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING x.id
)
SELECT count(*) FROM gone;
