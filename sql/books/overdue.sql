-- What becomes overdue by the day. docs/api/books.md#invoices

-- name: sweep_invoices(most) -> value
SELECT books.sweep_invoices($1::bigint);
