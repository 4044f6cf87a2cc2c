-- The daily sweep of quotes. docs/api/books.md#quotes.

-- name: sweep_quotes(most) -> value
SELECT books.sweep_quotes($1);
