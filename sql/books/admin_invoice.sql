-- Owners' invoices as the administration shows them. i: the invoice. docs/api/books.md#administration

-- filter: keys(owner_ids, ids)
(i.owner_id, i.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
i.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- filter: client(owner_id, client_id)
i.owner_id = $1::bigint AND i.client_id = $2::bigint

-- A search looks at the invoices of one owner.
-- filter: search(longest, words)
i.searched LIKE core.containing($1::text) AND i.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: status_draft()
i.status = 'draft'

-- The sweep has not stored yet that some of those that are stored as sent or partly paid are overdue.
-- filter: status_sent()
i.status = 'sent' AND i.due_date >= books.today()

-- filter: status_partial()
i.status = 'partial' AND i.due_date >= books.today()

-- filter: status_overdue()
i.status IN ('sent', 'partial', 'overdue') AND i.due_date < books.today()

-- filter: status_paid()
i.status = 'paid'

-- filter: status_cancelled()
i.status = 'cancelled'

-- filter: since(day)
i.issue_date >= $1::date

-- filter: until(day)
i.issue_date <= $1::date

-- name: list_rows(after, most) -> rows
SELECT i.owner_id || '.' || i.id AS key, books.number_text('INV', i.year, i.number) AS label, books.number_text('INV', i.year, i.number) AS number,
       a.email AS owner, a.public_id::text AS owner_key,
       (SELECT c.name FROM books.client c WHERE c.owner_id = i.owner_id AND c.id = i.client_id) AS client, i.owner_id || '.' || i.client_id AS client_key,
       i.title, books.invoice_status(i.status, i.due_date, books.today()) AS status, i.issue_date, i.due_date, i.total_amount, i.paid_amount, i.created_at,
       (/* key */ jsonb_build_array(i.owner_id, i.id) /* or as asked */)::text AS place
  FROM books.invoice i CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = i.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY i.owner_id DESC, i.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
-- client: the key of the row of the administration's table. payments and mails: the last 100 each.
SELECT json_build_object(
           'number', i.id, 'label', books.number_text('INV', i.year, i.number), 'owner', a.email, 'owner_key', a.public_id,
           'client', i.owner_id || '.' || i.client_id, 'client_name', c.name, 'client_name_key', i.owner_id || '.' || i.client_id,
           'status', books.invoice_status(i.status, i.due_date, books.today()), 'issue_date', i.issue_date, 'due_date', i.due_date,
           'title', i.title, 'terms', i.terms, 'notes', i.notes, 'line_items', i.line_items, 'lines', i.line_items, 'tax_rate', i.tax_rate::text,
           'subtotal', i.subtotal::text, 'tax_amount', i.tax_amount::text, 'total_amount', i.total_amount::text,
           'paid_amount', i.paid_amount::text, 'balance', (i.total_amount - i.paid_amount)::text,
           'quote', books.number_text('QUO', q.year, q.number), 'quote_key', q.owner_id || '.' || q.id,
           'payments', (SELECT json_agg(json_build_object('amount', p.amount::text, 'day', p.payment_date, 'method', p.payment_method,
                                                          'reference', p.reference) ORDER BY p.id)
                          FROM (SELECT * FROM books.payment p WHERE p.owner_id = i.owner_id AND p.invoice_id = i.id ORDER BY p.id DESC LIMIT 100) p),
           'mails', (SELECT json_agg(json_build_object('kind', m.kind, 'to', m.recipient, 'subject', m.subject, 'status', m.status, 'error', m.error,
                                                       'made', core.iso(m.created_at), 'sent', core.iso(m.sent_at)) ORDER BY m.id)
                       FROM (SELECT * FROM books.mail m WHERE m.owner_id = i.owner_id AND m.invoice_id = i.id ORDER BY m.id DESC LIMIT 100) m),
           'sent_at', core.iso(i.sent_at), 'paid_at', core.iso(i.paid_at), 'created_at', core.iso(i.created_at), 'updated_at', core.iso(i.updated_at))::text
  FROM books.invoice i
  JOIN accounts.account a ON a.id = i.owner_id
  JOIN books.client c ON c.owner_id = i.owner_id AND c.id = i.client_id
  LEFT JOIN books.quote q ON q.owner_id = i.owner_id AND q.id = i.quote_id
 WHERE i.owner_id = $1::bigint AND i.id = $2::bigint;
