-- Exports that are made as files. docs/api/books.md#exports-and-imports. x: the export.

-- name: queue_export(owner_id, noun, filters, ordering, most) -> row
-- The id of a new export, or of the same one that is under way; its job is enqueued unless it is in the queue. No row: the owner has as many
-- under way as there may be; requests at the same moment may make a few more.
WITH made AS (
    INSERT INTO books.export AS x (owner_id, noun, filters, ordering)
    SELECT $1, $2, $3::jsonb, $4
     WHERE (SELECT count(*) FROM books.export y WHERE y.owner_id = $1 AND y.status IN ('queued', 'running')) < $5::bigint
        OR EXISTS (SELECT FROM books.export y
                    WHERE y.owner_id = $1 AND y.noun = $2 AND y.filters = $3::jsonb AND y.ordering = $4
                      AND y.status IN ('queued', 'running'))
        -- The update changes nothing: it is there for RETURNING.
        ON CONFLICT (owner_id, noun, md5(filters::text || ordering)) WHERE status IN ('queued', 'running') DO UPDATE SET noun = x.noun
    RETURNING x.owner_id, x.id
)
SELECT made.id, core.enqueue_job('books.export', jsonb_build_object('owner_id', made.owner_id, 'id', made.id),
                                 dedupe_key => 'books.export:' || made.owner_id || ':' || made.id) AS job
  FROM made;

-- name: get_export(owner_id, id) -> value
SELECT books.export_document(x)::text FROM books.export x WHERE x.owner_id = $1 AND x.id = $2;

-- name: list_exports(owner_id, page, page_size, most) -> row
-- One page. They are counted, because they last a week only. page: 1-based; null: the last page. results is null if the page does not
-- exist. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (SELECT FROM books.export x WHERE x.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(books.export_document(export)), '[]') AS documents
         FROM (SELECT x AS export FROM books.export x
                WHERE x.owner_id = $1 /* filters */
                ORDER BY x.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_exports(after, owner_id, page_size) -> rows
-- One page after the export with a key (null: from the beginning), and one row more if another page follows.
SELECT books.export_document(x)::text AS document, (/* key */ jsonb_build_array(x.id) /* or as asked */)::text AS key
  FROM books.export x
 WHERE x.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY x.id DESC /* or as asked */
 LIMIT $3::bigint + 1;

-- name: begin_export(owner_id, id) -> row
-- No row: it is done or has failed for good, or was removed.
UPDATE books.export AS x SET status = 'running'
 WHERE x.owner_id = $1 AND x.id = $2 AND x.status IN ('queued', 'running')
RETURNING x.owner_id, x.noun, x.filters::text AS filters, x.ordering;

-- name: finish_export(owner_id, id, key, rows) -> value
-- The file takes the place of one that another run has made. Null: the export was removed.
UPDATE books.export AS x SET status = 'done', key = $3, rows = $4, error = '', finished_at = now()
 WHERE x.owner_id = $1 AND x.id = $2
RETURNING x.id;

-- name: fail_export(owner_id, id, error) -> none
UPDATE books.export AS x SET status = 'failed', error = $3, finished_at = now()
 WHERE x.owner_id = $1 AND x.id = $2 AND x.status = 'running';

-- name: give_up_exports(hours, error) -> none
-- Those that nobody makes any more, for example because each process that tried it was killed.
UPDATE books.export AS x SET status = 'failed', error = $2, finished_at = now()
 WHERE x.status IN ('queued', 'running') AND x.created_at < now() - make_interval(hours => $1::integer);

-- name: remove_old_exports(days, most) -> value
-- How many were removed. Their files are no longer used, and core/files/media.py removes them.
WITH gone AS (
    DELETE FROM books.export x
     WHERE (x.owner_id, x.id) IN (
           SELECT y.owner_id, y.id FROM books.export y
            WHERE y.created_at < now() - make_interval(days => $1::integer) ORDER BY y.created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING x.id
)
SELECT count(*) FROM gone;
