-- Invoices that are made of quotes. docs/api/books.md#conversion

-- name: convert_quote(owner_id, quote_id, body) -> row
SELECT refusal, original, document::text FROM books.convert_quote($1::bigint, $2::bigint, $3::jsonb);
