-- Histories of picking, packing and delivery, newest first. docs/api/sales.md#history
-- Each combination of filters is a statement with its own plan (core/data/sql.py). s: the session. Days are UTC.

-- filter: worker(id)
s.worker_id = $1::bigint

-- filter: statuses(statuses)
s.status = ANY ($1::text[])

-- For the statements that take the first sessions of each status, and merge them: the index on (kind, status, created_at, id) has the
-- sessions of one status in the order of the list, but not those of several.
-- filter: walked_status() in list_counted, walk_history
s.status = wanted.status

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

-- The text occurs in the invoice's number, the customer's name or e-mail, the worker's name or e-mail, the courier's name or the
-- tracking number.
-- filter: search(kind, part)
s.id IN (SELECT found.id FROM sales.search_sessions($1::text, $2::text) AS found (id))

-- The sessions that follow the one that a cursor names.
-- filter: before(microseconds, id)
(s.created_at, s.id) < (core.moment($1::bigint), $2::bigint)

-- name: list_counted(kind, worker_id, statuses, delivery_type, first_day, last_day, page, page_size) -> row
-- Returns the count, the number of the page (from 1; the parameter null asks for the last page) and its sessions. results is null if
-- the page does not exist. Each filter may be null. The count comes from the counts by day (session_counted) without reading the
-- sessions. The same counts give the day on which the page begins.
WITH counted AS MATERIALIZED (
    SELECT c.day, c.status, sum(c.n)::bigint AS n
      FROM sales.session_counted c
     WHERE c.kind = $1::text AND c.worker_id = coalesce($2::bigint, 0)
       AND ($3::text[] IS NULL OR c.status = ANY ($3)) AND ($4::text IS NULL OR c.delivery_type = $4)
       AND ($5::text IS NULL OR c.day >= ($5)::date) AND ($6::text IS NULL OR c.day <= ($6)::date)
     GROUP BY c.day, c.status
), wanted AS MATERIALIZED (
    -- Without statuses there is one walk, along all sessions. No walk goes on after the last of its sessions.
    SELECT CASE WHEN $3 IS NOT NULL THEN c.status END AS status, sum(c.n)::bigint AS n FROM counted c GROUP BY 1
), days AS (
    SELECT c.day, sum(c.n)::bigint AS n FROM counted c GROUP BY c.day
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
            SELECT json_agg(sales.history_document(s.session, d.document, a) ORDER BY found.created_at DESC, found.id DESC)
              FROM (SELECT s.id, s.created_at
                      FROM wanted
                     CROSS JOIN LATERAL (
                           SELECT s.id, s.created_at
                             FROM sales.session s
                            WHERE s.kind = $1 AND s.is_shown AND s.created_at < start.until /* filters */
                            ORDER BY s.created_at DESC, s.id DESC
                            LIMIT least(start.skip + $8, wanted.n)) s
                     ORDER BY s.created_at DESC, s.id DESC
                    OFFSET start.skip LIMIT $8) found
             CROSS JOIN LATERAL (SELECT s AS session, s.invoice_id, s.worker_id FROM sales.session s WHERE s.id = found.id OFFSET 0) s
             CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = s.invoice_id OFFSET 0) d
              LEFT JOIN accounts.account a ON a.id = s.worker_id), '[]')::text END AS results
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

-- name: walk_history(kind, statuses, most) -> rows
-- Returns the first `most` sessions, for a page by cursor. statuses may be null. Nothing is counted.
SELECT found.id, core.microseconds(found.created_at) AS at_us, sales.history_document(found.session, d.document, a)::text AS document
  FROM (SELECT s.*
          FROM unnest(coalesce($2::text[], '{any}')) AS wanted (status)
         CROSS JOIN LATERAL (
               SELECT s AS session, s.id, s.invoice_id, s.worker_id, s.created_at
                 FROM sales.session s
                WHERE s.kind = $1::text AND s.is_shown /* filters */
                ORDER BY s.created_at DESC, s.id DESC
                LIMIT $3::bigint) s
         ORDER BY s.created_at DESC, s.id DESC LIMIT $3) found
 CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = found.invoice_id OFFSET 0) d
  LEFT JOIN accounts.account a ON a.id = found.worker_id
 ORDER BY found.created_at DESC, found.id DESC;

-- name: find_worker(email) -> value
SELECT id FROM accounts.account WHERE lower(email) = lower($1);

-- name: fold_deltas() -> value
-- Returns the number of changes that were added to the counts.
SELECT sales.fold_session_deltas();

-- name: vacuum_deltas() -> none
VACUUM (SKIP_LOCKED, INDEX_CLEANUP OFF, TRUNCATE OFF) sales.session_delta;
