-- Mails to owners' clients as the administration shows them. m: the mail. docs/api/books.md#administration

-- filter: keys(owner_ids, ids)
(m.owner_id, m.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
m.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- filter: quote(owner_id, quote_id)
m.owner_id = $1::bigint AND m.quote_id = $2::bigint

-- filter: invoice(owner_id, invoice_id)
m.owner_id = $1::bigint AND m.invoice_id = $2::bigint

-- filter: status(status)
m.status = $1::text

-- name: list_rows(after, most) -> rows
SELECT m.owner_id || '.' || m.id AS key, m.subject AS label, m.subject, m.kind, m.recipient, a.email AS owner, a.public_id::text AS owner_key,
       m.status, m.error, m.created_at, m.sent_at,
       (/* key */ jsonb_build_array(m.owner_id, m.id) /* or as asked */)::text AS place
  FROM books.mail m CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = m.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY m.owner_id DESC, m.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
SELECT json_build_object(
           'label', m.subject, 'number', m.id, 'kind', m.kind, 'recipient', m.recipient, 'subject', m.subject, 'message', m.message, 'status', m.status,
           'error', m.error, 'level', m.level, 'quote', books.number_text('QUO', q.year, q.number), 'quote_key', q.owner_id || '.' || q.id,
           'invoice', books.number_text('INV', i.year, i.number), 'invoice_key', i.owner_id || '.' || i.id,
           'owner', a.email, 'owner_key', a.public_id, 'created_at', core.iso(m.created_at), 'sent_at', core.iso(m.sent_at))::text
  FROM books.mail m
  JOIN accounts.account a ON a.id = m.owner_id
  LEFT JOIN books.quote q ON q.owner_id = m.owner_id AND q.id = m.quote_id
  LEFT JOIN books.invoice i ON i.owner_id = m.owner_id AND i.id = m.invoice_id
 WHERE m.owner_id = $1::bigint AND m.id = $2::bigint;
