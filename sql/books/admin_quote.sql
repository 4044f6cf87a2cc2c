-- Owners' quotes as the administration shows them. q: the quote. docs/api/books.md#administration

-- filter: keys(owner_ids, ids)
(q.owner_id, q.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
q.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- filter: client(owner_id, client_id)
q.owner_id = $1::bigint AND q.client_id = $2::bigint

-- A search looks at the quotes of one owner.
-- filter: search(longest, words)
q.searched LIKE core.containing($1::text) AND q.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: status_draft()
q.status = 'draft'

-- The sweep has not stored yet that some of those that are stored as sent have expired.
-- filter: status_sent()
q.status = 'sent' AND q.expiry_date >= books.today()

-- filter: status_expired()
q.status IN ('sent', 'expired') AND (q.status = 'expired' OR q.expiry_date < books.today())

-- filter: status_accepted()
q.status = 'accepted'

-- filter: status_rejected()
q.status = 'rejected'

-- filter: since(day)
q.issue_date >= $1::date

-- filter: until(day)
q.issue_date <= $1::date

-- name: list_rows(after, most) -> rows
SELECT q.owner_id || '.' || q.id AS key, books.number_text('QUO', q.year, q.number) AS label, books.number_text('QUO', q.year, q.number) AS number,
       a.email AS owner, a.public_id::text AS owner_key,
       (SELECT c.name FROM books.client c WHERE c.owner_id = q.owner_id AND c.id = q.client_id) AS client, q.owner_id || '.' || q.client_id AS client_key,
       q.title, books.quote_status(q.status, q.expiry_date, books.today()) AS status, q.issue_date, q.expiry_date, q.total_amount, q.created_at,
       (/* key */ jsonb_build_array(q.owner_id, q.id) /* or as asked */)::text AS place
  FROM books.quote q CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = q.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY q.owner_id DESC, q.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
-- client: the key of the row of the administration's table.
SELECT json_build_object(
           'number', q.id, 'label', books.number_text('QUO', q.year, q.number), 'owner', a.email, 'owner_key', a.public_id,
           'client', q.owner_id || '.' || q.client_id, 'client_name', c.name, 'client_name_key', q.owner_id || '.' || q.client_id,
           'status', books.quote_status(q.status, q.expiry_date, books.today()), 'issue_date', q.issue_date, 'expiry_date', q.expiry_date,
           'title', q.title, 'terms', q.terms, 'notes', q.notes, 'line_items', q.line_items, 'lines', q.line_items, 'tax_rate', q.tax_rate::text,
           'subtotal', q.subtotal::text, 'tax_amount', q.tax_amount::text, 'total_amount', q.total_amount::text,
           'invoice', books.number_text('INV', i.year, i.number), 'invoice_key', i.owner_id || '.' || i.id,
           'sent_at', core.iso(q.sent_at), 'decided_at', core.iso(q.decided_at), 'created_at', core.iso(q.created_at), 'updated_at', core.iso(q.updated_at))::text
  FROM books.quote q
  JOIN accounts.account a ON a.id = q.owner_id
  JOIN books.client c ON c.owner_id = q.owner_id AND c.id = q.client_id
  LEFT JOIN books.invoice i ON i.owner_id = q.owner_id AND i.quote_id = q.id
 WHERE q.owner_id = $1::bigint AND q.id = $2::bigint;
