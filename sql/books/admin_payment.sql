-- Payments of owners' invoices as the administration shows them. p: the payment. docs/api/books.md#administration

-- filter: keys(owner_ids, invoice_ids, ids)
(p.owner_id, p.invoice_id, p.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]))

-- filter: owner(public_id)
p.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- filter: invoice(owner_id, invoice_id)
p.owner_id = $1::bigint AND p.invoice_id = $2::bigint

-- name: list_rows(after, most) -> rows
SELECT concat_ws('.', p.owner_id, p.invoice_id, p.id) AS key, p.amount || ' · ' || p.payment_date AS label, p.amount, p.payment_date,
       i.number AS invoice, p.owner_id || '.' || p.invoice_id AS invoice_key, a.email AS owner, a.public_id::text AS owner_key,
       p.payment_method, p.reference, p.created_at,
       (/* key */ jsonb_build_array(p.owner_id, p.invoice_id, p.id) /* or as asked */)::text AS place
  FROM books.payment p
 CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = p.owner_id OFFSET 0) a
 CROSS JOIN LATERAL (SELECT books.number_text('INV', i.year, i.number) AS number FROM books.invoice i
                      WHERE i.owner_id = p.owner_id AND i.id = p.invoice_id OFFSET 0) i
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY p.owner_id DESC, p.invoice_id DESC, p.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, invoice_id, id) -> value
SELECT json_build_object(
           'label', p.amount || ' · ' || p.payment_date, 'number', p.id, 'amount', p.amount::text, 'payment_date', p.payment_date,
           'payment_method', p.payment_method, 'reference', p.reference, 'created_at', core.iso(p.created_at),
           'invoice', books.number_text('INV', i.year, i.number), 'invoice_key', p.owner_id || '.' || p.invoice_id,
           'owner', a.email, 'owner_key', a.public_id)::text
  FROM books.payment p JOIN books.invoice i ON i.owner_id = p.owner_id AND i.id = p.invoice_id JOIN accounts.account a ON a.id = p.owner_id
 WHERE p.owner_id = $1::bigint AND p.invoice_id = $2::bigint AND p.id = $3::bigint;
