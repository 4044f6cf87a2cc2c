-- Clients of an owner, with their figures of a period. docs/api/dashboard.md#clients. c: the client, d: how it stands, h: its share of
-- the period's revenue.
--
-- The list begins with the clients that have revenue in the period, the largest first (is_billed 1, place: the id of the share), and the
-- others follow, the newest first (is_billed 0, place: the id of the client). ranked_: both parts are read in the order of an index, as far
-- as the page needs them. sorted_: for filters that few clients pass; all of these are read, and sorted.

-- filter: is_active(is_active)
c.is_active = $1::boolean

-- filter: client(client_id)
c.id = $1::bigint

-- filter: is_high()
(d.score < 70 OR d.balance > 10000)

-- filter: is_medium()
(d.score < 85 OR d.balance > 5000) AND d.score >= 70 AND d.balance <= 10000

-- A client without invoices has no row of its standing.
-- filter: is_low()
d.client_id IS NULL OR (d.score >= 85 AND d.balance <= 5000)

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

-- name: list_ranked(owner_id, page, page_size, period_type, day) -> row
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
     ORDER BY h.amount DESC, h.id DESC
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

-- name: find_ranked(owner_id, page, page_size, most, period_type, day) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, number, least(count, number * $3::bigint) AS until
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM books.client c LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
             WHERE c.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
     CROSS JOIN LATERAL core.page_number($2::bigint, least(counted.count, $4::bigint), $3::bigint) AS number
), billed AS MATERIALIZED (
    SELECT h.amount, h.id AS place, h.name
      FROM dashboard.share h
      JOIN books.client c ON c.owner_id = $1 AND c.id = h.name::bigint
      LEFT JOIN dashboard.client d ON d.owner_id = $1 AND d.client_id = h.name::bigint
     WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = $5 AND h.period_start = dashboard.start_of($5, $6::text::date)
       AND h.n > 0 /* filters */
     ORDER BY h.amount DESC, h.id DESC
     LIMIT (SELECT until FROM page)
), other AS (
    SELECT c.id AS place
      FROM books.client c LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
     WHERE c.owner_id = $1 AND c.id::text NOT IN (SELECT b.name FROM billed b) /* filters */
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
        CROSS JOIN LATERAL dashboard.client_analytics($1, listed.client_id, $5, dashboard.start_of($5, $6::text::date)) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_ranked(after, owner_id, page_size, period_type, day) -> rows
-- One page after the client with a key (null: from the beginning), and one row more if another page follows. after: is_billed, amount and
-- place of the last client, as keyset.Order writes them.
WITH billed AS MATERIALIZED (
    SELECT h.amount, h.id AS place, h.name
      FROM dashboard.share h
      JOIN books.client c ON c.owner_id = $2 AND c.id = h.name::bigint
      LEFT JOIN dashboard.client d ON d.owner_id = $2 AND d.client_id = h.name::bigint
     WHERE h.owner_id = $2 AND h.category_type = 'client' AND h.period_type = $4 AND h.period_start = dashboard.start_of($4, $5::text::date)
       AND h.n > 0 AND coalesce($1::jsonb ->> 0, '1') = '1'
       AND (h.amount, h.id) < (coalesce(($1::jsonb ->> 1)::numeric, 'Infinity'), coalesce(($1::jsonb ->> 2)::bigint, 0)) /* filters */
     ORDER BY h.amount DESC, h.id DESC
     LIMIT $3::bigint + 1
), other AS (
    SELECT c.id AS place
      FROM books.client c LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
     WHERE c.owner_id = $2
       AND c.id <= CASE WHEN $1::jsonb ->> 0 = '0' THEN ($1::jsonb ->> 2)::bigint - 1 ELSE 9223372036854775807 END
       AND NOT EXISTS (SELECT FROM dashboard.share h
                        WHERE h.owner_id = $2 AND h.category_type = 'client' AND h.period_type = $4 AND h.name = c.id::text
                          AND h.period_start = dashboard.start_of($4, $5::text::date) AND h.n > 0) /* filters */
     ORDER BY c.id DESC
     LIMIT $3::bigint + 1 - (SELECT count(*) FROM billed)
)
SELECT document::text AS document, listed.key
  FROM (SELECT l.client_id, (/* key */ jsonb_build_array(l.is_billed, l.amount, l.place) /* or as asked */)::text AS key
          FROM (SELECT 1 AS is_billed, b.amount, b.place, b.name::bigint AS client_id FROM billed b
                UNION ALL SELECT 0, 0, o.place, o.place FROM other o) l
         -- The two parts begin after the key already.
         WHERE (/* after */ $1::jsonb IS NULL /* or as asked */)
         ORDER BY l.is_billed DESC, l.amount DESC, l.place DESC /* or as asked */
         LIMIT $3::bigint + 1) listed
 CROSS JOIN LATERAL dashboard.client_analytics($2, listed.client_id, $4, dashboard.start_of($4, $5::text::date)) AS document;

-- name: find_sorted(owner_id, page, page_size, most, period_type, day) -> row
-- The same page as that of find_ranked.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM books.client c LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
             WHERE c.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT l.client_id
                 FROM (SELECT c.id AS client_id, (h.id IS NOT NULL)::integer AS is_billed, coalesce(h.amount, 0) AS amount, coalesce(h.id, c.id) AS place
                         FROM books.client c
                         LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
                         LEFT JOIN dashboard.share h ON h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = $5 AND h.name = c.id::text
                                                    AND h.period_start = dashboard.start_of($5, $6::text::date) AND h.n > 0
                        WHERE c.owner_id = $1 /* filters */) l
                ORDER BY l.is_billed DESC, l.amount DESC, l.place DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL dashboard.client_analytics($1, listed.client_id, $5, dashboard.start_of($5, $6::text::date)) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_sorted(after, owner_id, page_size, period_type, day) -> rows
-- The same page as that of walk_ranked.
SELECT document::text AS document, listed.key
  FROM (SELECT l.client_id, (/* key */ jsonb_build_array(l.is_billed, l.amount, l.place) /* or as asked */)::text AS key
          FROM (SELECT c.id AS client_id, (h.id IS NOT NULL)::integer AS is_billed, coalesce(h.amount, 0) AS amount, coalesce(h.id, c.id) AS place
                  FROM books.client c
                  LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
                  LEFT JOIN dashboard.share h ON h.owner_id = $2 AND h.category_type = 'client' AND h.period_type = $4 AND h.name = c.id::text
                                             AND h.period_start = dashboard.start_of($4, $5::text::date) AND h.n > 0
                 WHERE c.owner_id = $2 /* filters */) l
         WHERE (/* after */ $1::jsonb IS NULL /* or as asked */)
         ORDER BY l.is_billed DESC, l.amount DESC, l.place DESC /* or as asked */
         LIMIT $3::bigint + 1) listed
 CROSS JOIN LATERAL dashboard.client_analytics($2, listed.client_id, $4, dashboard.start_of($4, $5::text::date)) AS document;

-- name: get_client(owner_id, id, period_type, day) -> row
SELECT document::text AS document FROM dashboard.client_analytics($1, $2, $3, dashboard.start_of($3, $4::text::date)) AS document;
