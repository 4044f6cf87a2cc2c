-- Clients of an owner, with their figures of a period. docs/api/dashboard.md#clients. c: the client, d: how it stands, h: its share of
-- the period's revenue.
--
-- The list begins with the clients that have revenue in the period, the largest first (is_billed 1, place: the id of the share), and the
-- others follow, the newest first (is_billed 0, place: the id of the client). Both parts are read in the order of an index, as far as the
-- page needs them, and what filters look at is fetched row by row (OFFSET 0). Where at most 500 clients pass the filters these are sorted
-- instead: looking for them in the order of the list would read most of the others.

-- filter: is_active()
c.is_active

-- There are few of them, in an index of their own.
-- filter: is_inactive()
NOT c.is_active

-- filter: client(client_id)
c.id = $1::bigint

-- filter: is_high()
d.risk = 'high'

-- filter: is_medium()
d.risk = 'medium'

-- A client without invoices has no row of its standing.
-- filter: is_low()
d.risk IS NULL OR d.risk = 'low'

-- The index finds the longest word, also in addresses, into which the list's search doesn't look.
-- filter: search(longest, words)
c.searched LIKE core.containing($1::text)
AND lower(c.name || E'\n' || c.email || E'\n' || c.phone || E'\n' || c.company)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- For words without three letters in a row, which no index finds. Postgres tests each client of the owner.
-- filter: short_search(longest, words)
lower(c.name || E'\n' || c.email || E'\n' || c.phone || E'\n' || c.company) LIKE core.containing($1::text)
AND lower(c.name || E'\n' || c.email || E'\n' || c.phone || E'\n' || c.company)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- name: list_clients(owner_id, page, page_size, period_type, day) -> row
-- One page with the count of all. page: 1-based; null: the last page. day: a day of the period; null: today. results is null if the page
-- does not exist. No other client is read before it is known that the billed ones do not fill the page; all of these are in `billed` then.
WITH page AS (
    SELECT count, number, least(count, number * $3::bigint) AS until
      FROM (SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = $1 AND t.kind = 'client'), 0) AS count) counted
     CROSS JOIN LATERAL core.page_number($2::bigint, counted.count, $3::bigint) AS number
), billed AS MATERIALIZED (
    SELECT h.amount, h.id AS place, h.name
      FROM dashboard.share h
     WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = $4 AND h.period_start = dashboard.start_of($4, $5::text::date) AND h.n > 0
     ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC
     LIMIT (SELECT until FROM page)
), other AS (
    SELECT c.id AS place
      FROM books.client c
     WHERE c.owner_id = $1 AND c.id::text NOT IN (SELECT b.name FROM billed b)
     ORDER BY c.id DESC
     LIMIT (SELECT until FROM page) - (SELECT count(*) FROM billed)
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT l.client_id
                 FROM (SELECT 1 AS is_billed, b.amount, b.place, b.name::bigint AS client_id FROM billed b
                       UNION ALL SELECT 0, 0, o.place, o.place FROM other o) l
                ORDER BY l.is_billed DESC, l.amount DESC, l.place DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL dashboard.client_analytics($1, listed.client_id, $4, dashboard.start_of($4, $5::text::date)) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_clients(owner_id, page, page_size, most, period_type, day) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH found AS MATERIALIZED (
    SELECT c.id FROM books.client c LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
     WHERE c.owner_id = $1 /* filters */
     LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1
), page AS (
    SELECT count, number, least(count, number * $3::bigint) AS until, count <= 500 AS is_few
      FROM (SELECT count(*) AS count FROM found) counted
     CROSS JOIN LATERAL core.page_number($2::bigint, least(counted.count, $4::bigint), $3::bigint) AS number
), billed AS MATERIALIZED (
    SELECT h.amount, h.id AS place, h.name
      FROM dashboard.share h
     CROSS JOIN LATERAL (SELECT c.* FROM books.client c WHERE c.owner_id = $1 AND c.id = h.name::bigint OFFSET 0) c
      LEFT JOIN LATERAL (SELECT d.risk FROM dashboard.client d WHERE d.owner_id = $1 AND d.client_id = c.id OFFSET 0) d ON true
     WHERE NOT (SELECT is_few FROM page) AND h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = $5
       AND h.period_start = dashboard.start_of($5, $6::text::date) AND h.n > 0 /* filters */
     ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC
     LIMIT (SELECT until FROM page)
), other AS (
    SELECT walked.id AS place
      FROM (SELECT c.id FROM books.client c WHERE c.owner_id = $1 ORDER BY c.id DESC OFFSET 0) walked
     CROSS JOIN LATERAL (SELECT c.* FROM books.client c WHERE c.owner_id = $1 AND c.id = walked.id OFFSET 0) c
      LEFT JOIN LATERAL (SELECT d.risk FROM dashboard.client d WHERE d.owner_id = $1 AND d.client_id = c.id OFFSET 0) d ON true
     WHERE NOT (SELECT is_few FROM page) AND walked.id::text NOT IN (SELECT b.name FROM billed b) /* filters */
     ORDER BY walked.id DESC
     LIMIT (SELECT until FROM page) - (SELECT count(*) FROM billed)
), few AS (
    SELECT f.id AS client_id, (h.id IS NOT NULL)::integer AS is_billed, coalesce(h.amount, 0) AS amount, coalesce(h.id, f.id) AS place
      FROM found f
      LEFT JOIN LATERAL (SELECT h.id, h.amount FROM dashboard.share h
                          WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = $5 AND h.name = f.id::text
                            AND h.period_start = dashboard.start_of($5, $6::text::date) AND h.n > 0 OFFSET 0) h ON true
     WHERE (SELECT is_few FROM page)
)
SELECT page.count, page.number AS page, listed.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT l.client_id
                 FROM (SELECT 1 AS is_billed, b.amount, b.place, b.name::bigint AS client_id FROM billed b
                       UNION ALL SELECT 0, 0, o.place, o.place FROM other o
                       UNION ALL SELECT f.is_billed, f.amount, f.place, f.client_id FROM few f) l
                ORDER BY l.is_billed DESC, l.amount DESC, l.place DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) own
        CROSS JOIN LATERAL dashboard.client_analytics($1, own.client_id, $5, dashboard.start_of($5, $6::text::date)) AS document
       ) listed ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_clients(after, owner_id, page_size, period_type, day) -> rows
-- One page after the client with a key (null: from the beginning), and one row more if another page follows. after: is_billed, amount and
-- place of the last client, as keyset.Order writes them.
WITH found AS MATERIALIZED (
    SELECT c.id FROM books.client c LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
     WHERE c.owner_id = $2 /* filters */
     LIMIT 501
), page AS (
    SELECT count(*) <= 500 AS is_few FROM found
), billed AS MATERIALIZED (
    SELECT h.amount, h.id AS place, h.name
      FROM dashboard.share h
     CROSS JOIN LATERAL (SELECT c.* FROM books.client c WHERE c.owner_id = $2 AND c.id = h.name::bigint OFFSET 0) c
      LEFT JOIN LATERAL (SELECT d.risk FROM dashboard.client d WHERE d.owner_id = $2 AND d.client_id = c.id OFFSET 0) d ON true
     WHERE NOT (SELECT is_few FROM page) AND h.owner_id = $2 AND h.category_type = 'client' AND h.period_type = $4
       AND h.period_start = dashboard.start_of($4, $5::text::date) AND h.n > 0 AND coalesce($1::jsonb ->> 0, '1') = '1'
       AND (h.magnitude, h.amount, h.id)
           < (coalesce(dashboard.magnitude(($1::jsonb ->> 1)::numeric), 32767::smallint), coalesce(($1::jsonb ->> 1)::numeric, 'Infinity'),
              coalesce(($1::jsonb ->> 2)::bigint, 0)) /* filters */
     ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC
     LIMIT $3::bigint + 1
), other AS (
    SELECT walked.id AS place
      FROM (SELECT c.id FROM books.client c
             WHERE c.owner_id = $2 AND c.id <= CASE WHEN $1::jsonb ->> 0 = '0' THEN ($1::jsonb ->> 2)::bigint - 1 ELSE 9223372036854775807 END
             ORDER BY c.id DESC OFFSET 0) walked
     CROSS JOIN LATERAL (SELECT c.* FROM books.client c WHERE c.owner_id = $2 AND c.id = walked.id OFFSET 0) c
      LEFT JOIN LATERAL (SELECT d.risk FROM dashboard.client d WHERE d.owner_id = $2 AND d.client_id = c.id OFFSET 0) d ON true
      LEFT JOIN LATERAL (SELECT h.id FROM dashboard.share h
                          WHERE h.owner_id = $2 AND h.category_type = 'client' AND h.period_type = $4 AND h.name = walked.id::text
                            AND h.period_start = dashboard.start_of($4, $5::text::date) AND h.n > 0 OFFSET 0) h ON true
     WHERE NOT (SELECT is_few FROM page) AND h.id IS NULL /* filters */
     ORDER BY walked.id DESC
     LIMIT $3::bigint + 1 - (SELECT count(*) FROM billed)
), few AS (
    SELECT f.id AS client_id, (h.id IS NOT NULL)::integer AS is_billed, coalesce(h.amount, 0) AS amount, coalesce(h.id, f.id) AS place
      FROM found f
      LEFT JOIN LATERAL (SELECT h.id, h.amount FROM dashboard.share h
                          WHERE h.owner_id = $2 AND h.category_type = 'client' AND h.period_type = $4 AND h.name = f.id::text
                            AND h.period_start = dashboard.start_of($4, $5::text::date) AND h.n > 0 OFFSET 0) h ON true
     WHERE (SELECT is_few FROM page)
)
SELECT document::text AS document, own.key
  FROM (SELECT l.client_id, (/* key */ jsonb_build_array(l.is_billed, l.amount, l.place) /* or as asked */)::text AS key
          FROM (SELECT 1 AS is_billed, b.amount, b.place, b.name::bigint AS client_id FROM billed b
                UNION ALL SELECT 0, 0, o.place, o.place FROM other o
                UNION ALL SELECT f.is_billed, f.amount, f.place, f.client_id FROM few f) l
         WHERE (/* after */ $1::jsonb IS NULL /* or as asked */)
         ORDER BY l.is_billed DESC, l.amount DESC, l.place DESC /* or as asked */
         LIMIT $3::bigint + 1) own
 CROSS JOIN LATERAL dashboard.client_analytics($2, own.client_id, $4, dashboard.start_of($4, $5::text::date)) AS document;

-- name: get_client(owner_id, id, period_type, day) -> row
SELECT document::text AS document FROM dashboard.client_analytics($1, $2, $3, dashboard.start_of($3, $4::text::date)) AS document;
