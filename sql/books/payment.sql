-- Payments of an invoice, in the order in which they were recorded. docs/api/books.md#payments. What each write does is in functions.sql.

-- name: list_payments(owner_id, invoice_id) -> value
-- Null: the invoice does not exist.
SELECT coalesce((SELECT json_agg(books.payment_document(p) ORDER BY p.id) FROM books.payment p WHERE p.owner_id = $1 AND p.invoice_id = $2), '[]')::text
  FROM books.invoice i WHERE i.owner_id = $1 AND i.id = $2;

-- name: get_payment(owner_id, invoice_id, id) -> value
SELECT books.payment_document(p)::text FROM books.payment p WHERE p.owner_id = $1 AND p.invoice_id = $2 AND p.id = $3;

-- name: pay_invoice(owner_id, invoice_id, body, if_match) -> row
SELECT refusal, said::text, document::text, etag, refusal IS NOT DISTINCT FROM 'stale' AS is_stale
  FROM books.pay_invoice($1::bigint, $2::bigint, $3::jsonb, $4::text[]);

-- name: remove_payment(owner_id, invoice_id, id, if_match, actor) -> row
SELECT refusal, etag, refusal IS NOT DISTINCT FROM 'stale' AS is_stale
  FROM books.remove_payment($1::bigint, $2::bigint, $3::bigint, $4::text[], $5::jsonb);
