-- Lists of an owner's quotes. docs/api/books.md#quotes. q: the quote.

-- filter: created_since(moment)
q.created_at >= ($1::text)::timestamptz

-- filter: created_until(moment)
q.created_at <= ($1::text)::timestamptz

-- filter: issued_since(day)
q.issue_date >= ($1::text)::date

-- filter: issued_until(day)
q.issue_date <= ($1::text)::date

-- filter: expires_since(day)
q.expiry_date >= ($1::text)::date

-- filter: expires_until(day)
q.expiry_date <= ($1::text)::date

-- filter: client(client_id)
q.client_id = $1::bigint

-- Postgres knows how many rows have each status if the statement names it.
-- filter: is_draft()
q.status = 'draft'

-- The sweep has not stored yet that some of those that are stored as sent have expired.
-- filter: is_sent()
q.status = 'sent' AND q.expiry_date >= books.today()

-- filter: is_expired()
q.status IN ('sent', 'expired') AND (q.status = 'expired' OR q.expiry_date < books.today())

-- filter: is_accepted()
q.status = 'accepted'

-- filter: is_rejected()
q.status = 'rejected'

-- The indexes find the longest word, in the quote or in its client. All words may be in either.
-- filter: search(owner_id, longest, words)
(q.searched LIKE core.containing($2::text) OR q.client_id = ANY (ARRAY(
    SELECT c.id FROM books.client c
     WHERE c.owner_id = $1::bigint AND c.searched LIKE core.containing($2::text) AND lower(c.name || E'\n' || c.email) LIKE core.containing($2::text))))
AND q.searched || E'\n' || (SELECT lower(c.name || E'\n' || c.email) FROM books.client c WHERE c.owner_id = q.owner_id AND c.id = q.client_id)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($3::text[]) AS word))

-- The same for words without three letters in a row, which no index finds. Postgres tests each quote: it can't use an index beside an IN.
-- filter: short_search(owner_id, longest, words)
(q.searched LIKE core.containing($2::text) OR q.client_id IN (
    SELECT c.id FROM books.client c WHERE c.owner_id = $1::bigint AND lower(c.name || E'\n' || c.email) LIKE core.containing($2::text)))
AND q.searched || E'\n' || (SELECT lower(c.name || E'\n' || c.email) FROM books.client c WHERE c.owner_id = q.owner_id AND c.id = q.client_id)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($3::text[]) AS word))

-- name: list_quotes(owner_id, page, page_size) -> row
-- One page with the count of all. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = $1 AND t.kind = 'quote'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(shown.document), '[]') AS documents
         FROM (SELECT q AS quote FROM books.quote q
                WHERE q.owner_id = $1
                ORDER BY q.created_at DESC, q.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL books.shown_quote(listed.quote) AS shown (document)
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_quotes(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM books.quote q WHERE q.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(shown.document), '[]') AS documents
         FROM (SELECT q AS quote FROM books.quote q
                WHERE q.owner_id = $1 /* filters */
                ORDER BY q.created_at DESC, q.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL books.shown_quote(listed.quote) AS shown (document)
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_quotes(after, owner_id, page_size) -> rows
-- One page after the quote with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in the
-- order.
SELECT shown.document::text AS document, listed.key::text AS key
  FROM (SELECT q AS quote, /* key */ jsonb_build_array(q.id) /* or as asked */ AS key
          FROM books.quote q
         WHERE q.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY q.created_at DESC, q.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed
 CROSS JOIN LATERAL books.shown_quote(listed.quote) AS shown (document);
