-- What is done to an invoice beside changing its fields. docs/api/books.md#invoices. What each does is in functions.sql.

-- name: send_invoice(owner_id, id, if_match, actor) -> row
-- No row: the invoice does not exist. So it is with the next two.
SELECT refusal, is_stale, document::text, etag
  FROM books.change_invoice($1::bigint, $2::bigint, '{"status": "sent"}', true, $3::text[], $4::jsonb, 'invoice.send')
 WHERE refusal IS DISTINCT FROM 'missing';

-- name: mark_invoice_paid(owner_id, id, body, if_match, actor) -> row
-- body: what is known of the payment: payment_date, payment_method, reference.
SELECT refusal, is_stale, document::text, etag
  FROM books.change_invoice($1::bigint, $2::bigint, $3::jsonb || '{"status": "paid"}', true, $4::text[], $5::jsonb, 'invoice.mark_paid')
 WHERE refusal IS DISTINCT FROM 'missing';

-- name: cancel_invoice(owner_id, id, if_match, actor) -> row
SELECT refusal, is_stale, document::text, etag
  FROM books.change_invoice($1::bigint, $2::bigint, '{"status": "cancelled"}', true, $3::text[], $4::jsonb, 'invoice.cancel')
 WHERE refusal IS DISTINCT FROM 'missing';

-- name: duplicate_invoice(owner_id, id) -> row
SELECT refusal, original, document::text FROM books.duplicate_invoice($1::bigint, $2::bigint);
