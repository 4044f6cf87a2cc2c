-- Histories of picking, packing and delivery, newest first. docs/api/sales.md#history
-- Each combination of filters is a statement with its own plan (core/data/sql.py). s: the session. Days are UTC.

-- filter: worker(id)
s.worker_id = $1::bigint

-- filter: status(status)
s.status = $1::text

-- filter: delivery_type(delivery_type)
s.delivery_type = $1::text

-- filter: since(first_day)
s.created_at >= (($1::text)::date)::timestamp AT TIME ZONE 'UTC'

-- filter: until(last_day)
s.created_at < (($1::text)::date + 1)::timestamp AT TIME ZONE 'UTC'

-- filter: invoice(id)
s.invoice_id = $1::bigint

-- The number of the invoice, ignoring case. If there are several numbers, all of them must equal it.
-- filter: invoice_nos(numbers)
s.invoice_id = ANY (ARRAY(SELECT i.id FROM sales.invoice i
                           WHERE lower(i.invoice_no) = lower(($1::text[])[1])
                             AND lower(i.invoice_no) = ALL (SELECT lower(n) FROM unnest($1::text[]) AS n)))

-- The text occurs in the invoice's number, the customer's name or e-mail, the worker's e-mail, the courier's name or the tracking
-- number.
-- filter: search(kind, part)
s.id IN (SELECT found.id FROM sales.search_sessions($1::text, $2::text) AS found (id))

-- The sessions that follow the one that a cursor names.
-- filter: before(microseconds, id)
(s.created_at, s.id) < (core.moment($1::bigint), $2::bigint)

-- name: list_counted(kind, worker_id, status, delivery_type, first_day, last_day, page, page_size) -> row
-- Returns the count, the number of the page (from 1; the parameter null asks for the last page) and its sessions. results is null if
-- the page does not exist. Each filter may be null. The count comes from the counts by day (session_counted) without reading the
-- sessions. The same counts give the day on which the page begins.
WITH days AS (
    SELECT c.day, sum(c.n)::bigint AS n
      FROM sales.session_counted c
     WHERE c.kind = $1::text AND c.worker_id = coalesce($2::bigint, 0)
       AND ($3::text IS NULL OR c.status = $3) AND ($4::text IS NULL OR c.delivery_type = $4)
       AND ($5::text IS NULL OR c.day >= ($5)::date) AND ($6::text IS NULL OR c.day <= ($6)::date)
     GROUP BY c.day
), summed AS (
    SELECT d.day, d.n, sum(d.n) OVER (ORDER BY d.day DESC)::bigint - d.n AS before FROM days d
), place AS MATERIALIZED (
    SELECT total.count, core.page_number($7::bigint, total.count, $8::bigint) AS page
      FROM (SELECT coalesce(sum(d.n), 0)::bigint AS count FROM days d) total
), start AS MATERIALIZED (
    SELECT p.count, p.page, (p.page - 1) * $8 - coalesce(s.before, 0) AS skip,
           coalesce((s.day + 1)::timestamp AT TIME ZONE 'UTC', 'infinity') AS until
      FROM place p LEFT JOIN summed s ON (p.page - 1) * $8 >= s.before AND (p.page - 1) * $8 < s.before + s.n
)
SELECT start.count, start.page,
       CASE WHEN start.page = 1 OR (start.page - 1) * $8 < start.count THEN coalesce((
            SELECT json_agg(sales.history_document(found.session, d.document, a) ORDER BY found.created_at DESC, found.id DESC)
              FROM (SELECT s AS session, s.id, s.invoice_id, s.worker_id, s.created_at
                      FROM sales.session s
                     WHERE s.kind = $1 AND s.is_shown AND s.created_at < start.until /* filters */
                     ORDER BY s.created_at DESC, s.id DESC
                    OFFSET start.skip LIMIT $8) found
             CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = found.invoice_id OFFSET 0) d
              LEFT JOIN accounts.account a ON a.id = found.worker_id), '[]')::text END AS results
  FROM start;

-- name: list_found(kind, page, page_size) -> row
-- The same for filters whose counts are not kept: all sessions that they find are counted and sorted.
WITH matching AS MATERIALIZED (
    SELECT s.id, s.created_at FROM sales.session s WHERE s.kind = $1::text AND s.is_shown /* filters */
), place AS MATERIALIZED (
    SELECT total.count, core.page_number($2::bigint, total.count, $3::bigint) AS page
      FROM (SELECT count(*) AS count FROM matching) total
)
SELECT place.count, place.page,
       CASE WHEN place.page = 1 OR (place.page - 1) * $3 < place.count THEN coalesce((
            SELECT json_agg(sales.history_document(s, d.document, a) ORDER BY s.created_at DESC, s.id DESC)
              FROM (SELECT m.id FROM matching m ORDER BY m.created_at DESC, m.id DESC OFFSET (place.page - 1) * $3 LIMIT $3) found
              JOIN sales.session s ON s.id = found.id
             CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = s.invoice_id OFFSET 0) d
              LEFT JOIN accounts.account a ON a.id = s.worker_id), '[]')::text END AS results
  FROM place;

-- name: walk_history(kind, most) -> rows
-- Returns the first `most` sessions, for a page by cursor. Nothing is counted.
SELECT found.id, core.microseconds(found.created_at) AS at_us, sales.history_document(found.session, d.document, a)::text AS document
  FROM (SELECT s AS session, s.id, s.invoice_id, s.worker_id, s.created_at
          FROM sales.session s
         WHERE s.kind = $1::text AND s.is_shown /* filters */
         ORDER BY s.created_at DESC, s.id DESC LIMIT $2::bigint) found
 CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = found.invoice_id OFFSET 0) d
  LEFT JOIN accounts.account a ON a.id = found.worker_id
 ORDER BY found.created_at DESC, found.id DESC;

-- name: fold_deltas() -> value
-- Returns the number of changes that were added to the counts.
SELECT sales.fold_session_deltas();

-- name: vacuum_deltas() -> none
VACUUM (SKIP_LOCKED, INDEX_CLEANUP OFF, TRUNCATE OFF) sales.session_delta;
