-- Invoices that are made of quotes. docs/api/books.md#conversion

-- name: convert_quote(owner_id, quote_id, body, if_match) -> row
SELECT refusal, original, document::text, etag, refusal IS NOT DISTINCT FROM 'stale' AS is_stale
  FROM books.convert_quote($1::bigint, $2::bigint, $3::jsonb, $4::text[]);
