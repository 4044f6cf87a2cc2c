-- Lists of invoices. docs/api/sales.md#list, #search-and-counts
--
-- list_invoices serves pages by number without filters or with statuses; the other queries serve all other lists.
-- handlers/sales/invoice_list.py chooses the query (docs/architecture.md#the-folders has a table). Each combination of filters is a
-- statement with its own plan (core/data/sql.py). i: the invoice.

-- filter: statuses(statuses)
i.status = ANY ($1::text[])

-- filter: day(day)
i.invoice_date = ($1::text)::date

-- filter: since(first_day)
i.invoice_date >= ($1::text)::date

-- filter: until(last_day)
i.invoice_date <= ($1::text)::date

-- filter: customer(code)
i.customer_id = (SELECT c.id FROM sales.customer c WHERE c.code = $1::text)

-- filter: salesman(name_or_id)
i.salesman_id = (SELECT coalesce((SELECT s.id FROM sales.salesman s WHERE s.name = $1::text),
                                 (SELECT s.id FROM sales.salesman s WHERE s.id = CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN $1::bigint END)))

-- filter: user(public_id)
i.created_user_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)

-- filter: created_by(part)
coalesce(i.created_by, '') = ANY (ARRAY(SELECT c.name FROM sales.creator c WHERE lower(c.name) LIKE core.containing($1::text)))

-- The worker has or had a session of the invoice. Postgres tests each invoice.
-- filter: worker(email)
EXISTS (SELECT FROM sales.session s
         WHERE s.worker_id = (SELECT a.id FROM accounts.account a WHERE lower(a.email) = lower($1::text))
           AND s.invoice_id = i.id AND s.status <> 'CANCELLED')

-- The same condition. Postgres finds the invoices by the worker's sessions.
-- filter: worker_by_index(email)
i.id IN (SELECT s.invoice_id FROM sales.session s
          WHERE s.worker_id = (SELECT a.id FROM accounts.account a WHERE lower(a.email) = lower($1::text)) AND s.status <> 'CANCELLED')

-- The text occurs in the number, the customer's name or code, or an item's name or code. Postgres tests each invoice: OFFSET 0
-- keeps it from first finding all items with this text.
-- filter: search(part)
strpos(lower(i.invoice_no), lower($1::text)) > 0
OR i.customer_id = ANY (ARRAY(SELECT c.id FROM sales.customer c WHERE sales.searched(c.name, c.code) LIKE core.containing($1)))
OR EXISTS (SELECT FROM sales.invoice_item t
            WHERE t.invoice_id = i.id AND strpos(sales.searched(t.name, t.item_code), lower($1)) > 0 OFFSET 0)

-- The same condition. Postgres finds the invoices by the indexes.
-- filter: search_by_index(part)
i.id IN (SELECT n.id FROM sales.invoice n WHERE sales.number_has(n.invoice_no, $1::text)
          UNION ALL
         SELECT n.id FROM sales.customer c JOIN sales.invoice n ON n.customer_id = c.id
          WHERE sales.searched(c.name, c.code) LIKE core.containing($1)
          UNION ALL
         SELECT t.invoice_id FROM sales.invoice_item t WHERE sales.searched(t.name, t.item_code) LIKE core.containing($1))

-- One or two letters occur in almost every number and name, so they find only whole numbers, whole codes and whole words of names.
-- filter: search_word(word)
lower(i.invoice_no) = lower($1::text)
OR i.customer_id = ANY (ARRAY(SELECT c.id FROM sales.customer c WHERE sales.has_word(c.name, c.code, $1)))
OR EXISTS (SELECT FROM sales.invoice_item t WHERE t.invoice_id = i.id AND sales.has_word(t.name, t.item_code, $1) OFFSET 0)

-- filter: search_word_by_index(word)
i.id IN (SELECT n.id FROM sales.invoice n WHERE lower(n.invoice_no) = lower($1::text)
          UNION ALL
         SELECT n.id FROM sales.customer c JOIN sales.invoice n ON n.customer_id = c.id WHERE sales.has_word(c.name, c.code, $1)
          UNION ALL
         SELECT t.invoice_id FROM sales.invoice_item t WHERE sales.has_word(t.name, t.item_code, $1))

-- The invoices that find_by_worker has found.
-- filter: worked(ids)
i.id = ANY ($1::bigint[])

-- The invoices that find_by_text or find_by_word has found.
-- filter: found(ids)
i.id = ANY ($1::bigint[])

-- name: list_invoices(statuses, page, page_size) -> row
-- Returns the count, the number of the page (from 1; the parameter null asks for the last page) and its invoices, newest first.
-- results is null if the page does not exist. statuses null: all.
-- A page within the first 1,000 invoices is reached along an index. For a deeper page invoice_tally gives the place where the page
-- begins: first the hall (a range of 16,384 ids), in it the shelf (1,024 ids), in this the box (64 ids). The index is followed only
-- within the box.
-- The constant limits (1, 100, 1100) never remove a row. They tell the planner, which does not know the parameters, how many rows to
-- expect.
WITH change AS MATERIALIZED (
    SELECT bucket, status, sum(n)::integer AS n
      FROM sales.invoice_delta WHERE $1::text[] IS NULL OR status = ANY ($1::text[])
     GROUP BY bucket, status
), place AS MATERIALIZED (
    SELECT count, page, (page - 1) * $3::bigint AS skip
      FROM (SELECT count, core.page_number($2::bigint, count, $3::bigint) AS page
              FROM (SELECT coalesce(sum(n), 0)::bigint AS count
                      FROM (SELECT n FROM sales.invoice_tally
                             WHERE level = 0 AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                             UNION ALL
                            SELECT n FROM change) counts) total) paged
), hall AS MATERIALIZED (
    SELECT found.bucket, place.skip - found.before AS skip
      FROM place CROSS JOIN LATERAL (
           SELECT bucket, sum(n) AS n, sum(sum(n)::integer) OVER (ORDER BY bucket DESC) - sum(n) AS before
             FROM (SELECT bucket, n FROM sales.invoice_tally
                    WHERE level = 3 AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                    UNION ALL
                   SELECT bucket >> 8, n FROM change) counts
            WHERE place.skip BETWEEN 1000 AND place.count - 1
            GROUP BY bucket) found
     WHERE place.skip >= found.before AND place.skip < found.before + found.n
), shelf AS MATERIALIZED (
    SELECT found.bucket, hall.skip - found.before AS skip
      FROM hall CROSS JOIN LATERAL (
           SELECT bucket, sum(n) AS n, sum(sum(n)::integer) OVER (ORDER BY bucket DESC) - sum(n) AS before
             FROM (SELECT bucket, n FROM sales.invoice_tally
                    WHERE level = 2 AND bucket BETWEEN hall.bucket << 4 AND (hall.bucket << 4) + 15
                      AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                    UNION ALL
                   SELECT bucket >> 4, n FROM change WHERE bucket >> 8 = hall.bucket) counts
            GROUP BY bucket) found
     WHERE hall.skip >= found.before AND hall.skip < found.before + found.n
), box AS MATERIALIZED (
    SELECT found.bucket, shelf.skip - found.before AS skip
      FROM shelf CROSS JOIN LATERAL (
           SELECT bucket, sum(n) AS n, sum(sum(n)::integer) OVER (ORDER BY bucket DESC) - sum(n) AS before
             FROM (SELECT bucket, n FROM sales.invoice_tally
                    WHERE level = 1 AND bucket BETWEEN shelf.bucket << 4 AND (shelf.bucket << 4) + 15
                      AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                    UNION ALL
                   SELECT bucket, n FROM change WHERE bucket >> 4 = shelf.bucket) counts
            GROUP BY bucket) found
     WHERE shelf.skip >= found.before AND shelf.skip < found.before + found.n
), start AS MATERIALIZED (
    SELECT place.count, place.page, place.skip = 0 OR place.skip < place.count AS there,
           coalesce((box.bucket + 1) << 6, 9223372036854775807) AS below,
           coalesce(box.skip, place.skip)::bigint AS skip
      FROM place LEFT JOIN box ON true LIMIT 1
)
SELECT start.count, start.page,
       CASE WHEN start.there THEN coalesce((
            SELECT json_agg(one.document ORDER BY page.id DESC)
              FROM (SELECT id FROM (
                           (SELECT i.id FROM sales.invoice i
                             WHERE $1::text[] IS NULL AND i.id < start.below AND i.is_active
                             ORDER BY i.id DESC OFFSET start.skip LIMIT $3::bigint)
                           UNION ALL
                           (SELECT i.id
                              FROM unnest($1::text[]) AS wanted (status) CROSS JOIN LATERAL (
                                   SELECT id FROM (
                                          SELECT i.id FROM sales.invoice i
                                           WHERE i.status = wanted.status AND i.id < start.below AND i.is_active
                                           ORDER BY i.id DESC LIMIT start.skip + $3::bigint) walk
                                    LIMIT 1100) i
                             ORDER BY i.id DESC OFFSET start.skip LIMIT $3::bigint)) ids
                     LIMIT 100) page
             CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = page.id OFFSET 0) one
            ), '[]')::text END AS results
  FROM start;

-- name: walk_invoices(after, skip, most) -> rows
-- Follows an index that begins with a filter, or the index of the order.
SELECT one.document::text AS document, page.key::text AS key
  FROM (SELECT i.id, /* key */ jsonb_build_array(i.id) /* or as asked */ AS key,
               row_number() OVER (ORDER BY i.id DESC /* or as asked */) AS place
          FROM (SELECT i.* FROM sales.invoice i
                 WHERE i.is_active AND /* after */ $1::jsonb IS NULL /* or as asked */ /* filters */
                 ORDER BY i.id DESC /* or as asked */
                OFFSET $2::bigint LIMIT $3::bigint) i) page
 CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = page.id OFFSET 0) one
 ORDER BY page.place;

-- name: scan_invoices(after, skip, most) -> rows
-- Reads the next 1,000 invoices in the order, and returns those that pass the filters. If they fill the page, no other query is needed,
-- whatever the filters are. If they do not, little time is lost.
SELECT one.document::text AS document, page.key::text AS key
  FROM (SELECT i.id, /* key */ jsonb_build_array(i.id) /* or as asked */ AS key,
               row_number() OVER (ORDER BY i.id DESC /* or as asked */) AS place
          FROM (SELECT i.*
                  FROM (SELECT i.* FROM sales.invoice i WHERE /* after */ $1::jsonb IS NULL /* or as asked */
                         ORDER BY i.id DESC /* or as asked */ LIMIT 1000) i
                 WHERE i.is_active /* filters */
                 ORDER BY i.id DESC /* or as asked */
                OFFSET $2::bigint LIMIT $3::bigint) i) page
 CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = page.id OFFSET 0) one
 ORDER BY page.place;

-- name: sort_invoices(after, skip, most) -> rows
-- Finds all invoices that pass the filters, by the indexes of the filters, and sorts them. OFFSET 0 keeps Postgres from following the
-- index of the order instead: it assumes that matches are spread evenly, and would read half a million newer invoices before those of
-- a month long ago.
SELECT one.document::text AS document, page.key::text AS key
  FROM (SELECT i.id, /* key */ jsonb_build_array(i.id) /* or as asked */ AS key,
               row_number() OVER (ORDER BY i.id DESC /* or as asked */) AS place
          FROM (SELECT i.*
                  FROM (SELECT i.* FROM sales.invoice i
                         WHERE i.is_active AND /* after */ $1::jsonb IS NULL /* or as asked */ /* filters */
                        OFFSET 0) i
                 ORDER BY i.id DESC /* or as asked */
                OFFSET $2::bigint LIMIT $3::bigint) i) page
 CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = page.id OFFSET 0) one
 ORDER BY page.place;

-- name: merge_statuses(after, skip, most, statuses) -> rows
-- The first of each status, merged. An index has the invoices of one status in the order of ids, but not those of several.
SELECT one.document::text AS document, page.key::text AS key
  FROM (SELECT i.id, /* key */ jsonb_build_array(i.id) /* or as asked */ AS key,
               row_number() OVER (ORDER BY i.id DESC /* or as asked */) AS place
          FROM (SELECT i.id
                  FROM unnest($4::text[]) AS s (status)
                 CROSS JOIN LATERAL (
                       SELECT i.id FROM sales.invoice i
                        WHERE i.status = s.status AND i.is_active AND /* after */ $1::jsonb IS NULL /* or as asked */ /* filters */
                        ORDER BY i.id DESC /* or as asked */
                        LIMIT $2::bigint + $3::bigint) i
                 ORDER BY i.id DESC /* or as asked */
                OFFSET $2 LIMIT $3) i) page
 CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = page.id OFFSET 0) one
 ORDER BY page.place;

-- name: merge_days(after, skip, most, first_day, last_day) -> rows
-- Takes the first invoices of each day from first_day to last_day (null: no limit on that side), and merges them. The index on
-- (invoice_date, id) has the invoices of one day in the order of ids, but not those of several days.
SELECT one.document::text AS document, page.key::text AS key
  FROM (SELECT i.id, /* key */ jsonb_build_array(i.id) /* or as asked */ AS key,
               row_number() OVER (ORDER BY i.id DESC /* or as asked */) AS place
          FROM (SELECT i.id
                  FROM (SELECT DISTINCT c.day FROM sales.invoice_counted c
                         WHERE c.kind = 'all' AND c.key = 0
                           AND c.day BETWEEN coalesce(($4::text)::date, '4713-01-01 BC') AND coalesce(($5::text)::date, 'infinity')) d
                 CROSS JOIN LATERAL (
                       SELECT i.id FROM sales.invoice i
                        WHERE i.invoice_date = d.day AND i.is_active AND /* after */ $1::jsonb IS NULL /* or as asked */ /* filters */
                        ORDER BY i.id DESC /* or as asked */
                        LIMIT $2::bigint + $3::bigint) i
                 ORDER BY i.id DESC /* or as asked */
                OFFSET $2 LIMIT $3) i) page
 CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = page.id OFFSET 0) one
 ORDER BY page.place;

-- name: count_some(most) -> value
-- Counts the invoices that pass the filters, up to `most`.
SELECT count(*) FROM (SELECT FROM sales.invoice i WHERE i.is_active /* filters */ LIMIT $1::bigint) few;

-- name: count_kept(statuses, first_day, last_day, customer, salesman, user, created_by) -> value
-- Returns the count from sales.invoice_count. At most one of the last four filters is given; days and statuses may be given too.
SELECT CASE WHEN $4::text IS NOT NULL
            THEN sales.count_invoices('customer', ARRAY(SELECT c.id FROM sales.customer c WHERE c.code = $4), f.first_day, f.last_day, $1)
            WHEN $5::text IS NOT NULL
            THEN sales.count_invoices('salesman', ARRAY(
                 SELECT coalesce((SELECT s.id FROM sales.salesman s WHERE s.name = $5),
                                 (SELECT s.id FROM sales.salesman s WHERE s.id = CASE WHEN $5 ~ '^[0-9]{1,18}$' THEN $5::bigint END))),
                 f.first_day, f.last_day, $1)
            WHEN $6::text IS NOT NULL
            THEN sales.count_invoices('user', ARRAY(SELECT a.id FROM accounts.account a WHERE a.public_id = $6::uuid),
                 f.first_day, f.last_day, $1)
            WHEN $7::text IS NOT NULL
            THEN sales.count_invoices('creator', ARRAY(
                 SELECT sales.creator_key(c.name) FROM sales.creator c WHERE lower(c.name) LIKE core.containing($7)),
                 f.first_day, f.last_day, $1)
            ELSE sales.count_invoices('all', '{0}', f.first_day, f.last_day, $1) END
  FROM (SELECT ($2::text)::date AS first_day, ($3::text)::date AS last_day) f;

-- name: find_by_worker(email, most, is_alone) -> row
-- Finds up to `most` invoices of which the worker has or had a session. Returns their ids, how many of them are not deleted, and
-- whether these are all. is_alone: there is no other filter. Then, if there are too many, only their number is needed, and ids is null.
WITH worked AS MATERIALIZED (
    SELECT DISTINCT s.invoice_id AS id
      FROM sales.session s
     WHERE s.worker_id = (SELECT a.id FROM accounts.account a WHERE lower(a.email) = lower($1::text)) AND s.status <> 'CANCELLED'
     LIMIT $2::bigint
)
SELECT count(*) < $2 AS is_all, count(*) FILTER (WHERE i.is_active) AS count,
       CASE WHEN count(*) < $2 OR NOT $3::boolean THEN coalesce(array_agg(i.id), '{}') END AS ids
  FROM worked CROSS JOIN LATERAL (SELECT i.id, i.is_active FROM sales.invoice i WHERE i.id = worked.id OFFSET 0) i;

-- name: find_by_text(part, most, is_alone) -> row
-- The same for the filter `search`: up to `most` by number, by customer and by item each.
WITH hit AS MATERIALIZED (
    SELECT h.source, h.id FROM sales.search_invoices($1, $2) h
), found AS MATERIALIZED (
    SELECT NOT EXISTS (SELECT FROM hit GROUP BY source HAVING count(*) >= $2) AS is_all
)
SELECT found.is_all, count(i.id) FILTER (WHERE i.is_active) AS count,
       CASE WHEN found.is_all OR NOT $3::boolean THEN coalesce(array_agg(i.id) FILTER (WHERE i.id IS NOT NULL), '{}') END AS ids
  FROM found LEFT JOIN (
       (SELECT DISTINCT id FROM hit) any_
        CROSS JOIN LATERAL (SELECT i.id, i.is_active FROM sales.invoice i WHERE i.id = any_.id OFFSET 0) i) ON true
 GROUP BY found.is_all;

-- name: find_by_word(word, most, is_alone) -> row
-- The same for the filter `search_word`.
WITH numbers AS MATERIALIZED (
    SELECT i.id FROM sales.invoice i WHERE lower(i.invoice_no) = lower($1::text)
), customers AS MATERIALIZED (
    SELECT i.id FROM sales.customer c JOIN sales.invoice i ON i.customer_id = c.id WHERE sales.has_word(c.name, c.code, $1) LIMIT $2::bigint
), items AS MATERIALIZED (
    SELECT t.invoice_id AS id FROM sales.invoice_item t WHERE sales.has_word(t.name, t.item_code, $1) LIMIT $2
), found AS MATERIALIZED (
    SELECT (SELECT count(*) FROM customers) < $2 AND (SELECT count(*) FROM items) < $2 AS is_all
)
SELECT found.is_all, count(i.id) FILTER (WHERE i.is_active) AS count,
       CASE WHEN found.is_all OR NOT $3::boolean THEN coalesce(array_agg(i.id) FILTER (WHERE i.id IS NOT NULL), '{}') END AS ids
  FROM found LEFT JOIN (
       (SELECT id FROM numbers UNION SELECT id FROM customers UNION SELECT id FROM items) any_
        CROSS JOIN LATERAL (SELECT i.id, i.is_active FROM sales.invoice i WHERE i.id = any_.id OFFSET 0) i) ON true
 GROUP BY found.is_all;
