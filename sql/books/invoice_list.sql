-- Lists of an owner's invoices. docs/api/books.md#invoices. i: the invoice.

-- filter: created_since(moment)
i.created_at >= ($1::text)::timestamptz

-- filter: created_until(moment)
i.created_at <= ($1::text)::timestamptz

-- filter: issued_since(day)
i.issue_date >= ($1::text)::date

-- filter: issued_until(day)
i.issue_date <= ($1::text)::date

-- filter: due_since(day)
i.due_date >= ($1::text)::date

-- filter: due_until(day)
i.due_date <= ($1::text)::date

-- filter: client(client_id)
i.client_id = $1::bigint

-- Postgres knows how many rows have each status if the statement names it.
-- filter: is_draft()
i.status = 'draft'

-- The sweep has not stored yet that some of those that are stored as sent or partly paid are overdue.
-- filter: is_sent()
i.status = 'sent' AND i.due_date >= books.today()

-- filter: is_partial()
i.status = 'partial' AND i.due_date >= books.today()

-- filter: is_overdue()
i.status IN ('sent', 'partial', 'overdue') AND i.due_date < books.today()

-- filter: is_paid()
i.status = 'paid'

-- filter: is_cancelled()
i.status = 'cancelled'

-- The indexes find the longest word, in the invoice or in its client. All words may be in either.
-- filter: search(owner_id, longest, words)
(i.searched LIKE core.containing($2::text) OR i.client_id = ANY (ARRAY(
    SELECT c.id FROM books.client c
     WHERE c.owner_id = $1::bigint AND c.searched LIKE core.containing($2::text) AND lower(c.name || E'\n' || c.email) LIKE core.containing($2::text))))
AND i.searched || E'\n' || (SELECT lower(c.name || E'\n' || c.email) FROM books.client c WHERE c.owner_id = i.owner_id AND c.id = i.client_id)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($3::text[]) AS word))

-- The same for words without three letters in a row, which no index finds. Postgres tests each invoice: it can't use an index beside an IN.
-- filter: short_search(owner_id, longest, words)
(i.searched LIKE core.containing($2::text) OR i.client_id IN (
    SELECT c.id FROM books.client c WHERE c.owner_id = $1::bigint AND lower(c.name || E'\n' || c.email) LIKE core.containing($2::text)))
AND i.searched || E'\n' || (SELECT lower(c.name || E'\n' || c.email) FROM books.client c WHERE c.owner_id = i.owner_id AND c.id = i.client_id)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($3::text[]) AS word))

-- name: list_invoices(owner_id, page, page_size) -> row
-- One page with the count of all. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = $1 AND t.kind = 'invoice'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT i AS invoice, i.client_id
                 FROM books.invoice i
                WHERE i.owner_id = $1
                ORDER BY i.created_at DESC, i.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL (SELECT c.name FROM books.client c WHERE c.owner_id = $1 AND c.id = listed.client_id OFFSET 0) client
        CROSS JOIN LATERAL books.invoice_document(listed.invoice, client.name) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_invoices(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM books.invoice i WHERE i.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT i AS invoice, i.client_id
                 FROM books.invoice i
                WHERE i.owner_id = $1 /* filters */
                ORDER BY i.created_at DESC, i.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL (SELECT c.name FROM books.client c WHERE c.owner_id = $1 AND c.id = listed.client_id OFFSET 0) client
        CROSS JOIN LATERAL books.invoice_document(listed.invoice, client.name) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_invoices(after, owner_id, page_size) -> rows
-- One page after the invoice with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in
-- the order.
SELECT document::text AS document, listed.key
  FROM (SELECT i AS invoice, i.client_id, (/* key */ jsonb_build_array(i.id) /* or as asked */)::text AS key
          FROM books.invoice i
         WHERE i.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY i.created_at DESC, i.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed
 CROSS JOIN LATERAL (SELECT c.name FROM books.client c WHERE c.owner_id = $2 AND c.id = listed.client_id OFFSET 0) client
 CROSS JOIN LATERAL books.invoice_document(listed.invoice, client.name) AS document;
