-- Invoices of an owner. docs/api/books.md#invoices. i: the invoice. What the writes do is in functions.sql.

-- name: get_invoice(owner_id, id) -> row
SELECT document::text AS document, books.paper_etag(i.version, c.version, books.invoice_status(i.status, i.due_date, books.today())) AS etag
  FROM books.invoice i
  JOIN books.client c ON c.owner_id = i.owner_id AND c.id = i.client_id
 CROSS JOIN LATERAL books.invoice_document(i, c.name) AS document
 WHERE i.owner_id = $1 AND i.id = $2;

-- name: create_invoice(owner_id, body) -> row
SELECT refusal, said::text, document::text FROM books.create_invoice($1::bigint, $2::jsonb);

-- name: update_invoice(owner_id, id, body, if_match, actor) -> row
-- No row: the invoice does not exist.
SELECT refusal, said::text, is_stale, document::text, etag
  FROM books.change_invoice($1::bigint, $2::bigint, $3::jsonb, false, $4::text[], $5::jsonb, 'invoice.update')
 WHERE refusal IS DISTINCT FROM 'missing';

-- name: delete_invoice(owner_id, id, if_match, actor) -> row
-- is_stale: if_match names another state; is_refused: the invoice is no draft; then nothing is deleted. No row: it does not exist.
WITH old AS MATERIALIZED (
    SELECT i AS invoice, books.is_match($3::text[], books.paper_etag(i.version, c.version, books.invoice_status(i.status, i.due_date, books.today()))) AS is_current,
           books.paper_etag(i.version, c.version, books.invoice_status(i.status, i.due_date, books.today())) AS etag
      FROM books.hold_invoice($1, $2, true, NULL) i JOIN books.client c ON c.owner_id = i.owner_id AND c.id = i.client_id
), gone AS (
    DELETE FROM books.invoice i USING old
     WHERE i.owner_id = $1 AND i.id = (old.invoice).id AND old.is_current AND (old.invoice).status = 'draft'
    RETURNING i.id
)
SELECT NOT old.is_current AS is_stale, gone.id IS NULL AS is_refused, old.etag,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'invoice.delete', 'invoice', gone.id::text, books.noted_invoice(old.invoice), NULL) END AS noted
  FROM old LEFT JOIN gone ON true;
