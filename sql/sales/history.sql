-- Histories of picking, packing and delivery. How they are found and written: sales.list_history, sales.write_history.

-- name: list_page(kind, worker_id, status, delivery_type, start_date, end_date, invoice_id, invoice_nos, search, page, page_size) -> row
-- count, the page served (1-based; null asks for the last one) and its sessions, newest first; results is null for a page that
-- isn't there. Each filter may be null.
SELECT h.count, h.page,
       CASE WHEN h.ids IS NOT NULL THEN coalesce((
            SELECT json_agg(w.document ORDER BY w.created_at DESC, w.id DESC) FROM sales.write_history($1, h.ids) w), '[]')::text
       END AS results
  FROM sales.list_history($1, $2, $3, $4, ($5::text)::date, ($6::text)::date, $7, $8, $9, $10, $11, false, NULL, NULL) h;

-- name: list_after(kind, worker_id, status, delivery_type, start_date, end_date, invoice_id, invoice_nos, search, page_size, before_us, before_id) -> rows
-- The page_size + 1 sessions that follow the one of before_us (microseconds since 1970) and before_id; both null: the first ones.
SELECT w.id, (extract(epoch FROM w.created_at) * 1000000)::bigint AS at_us, w.document::text AS document
  FROM sales.list_history($1, $2, $3, $4, ($5::text)::date, ($6::text)::date, $7, $8, $9, 1, $10, true,
                          'epoch'::timestamptz + $11::bigint * interval '1 microsecond', $12) h
 CROSS JOIN LATERAL sales.write_history($1, h.ids) w
 ORDER BY w.created_at DESC, w.id DESC;

-- name: fold_session_changes() -> value
-- Returns how many changes went into the tally.
SELECT sales.fold_session_changes();

-- name: vacuum_session_changes() -> none
VACUUM (SKIP_LOCKED, INDEX_CLEANUP OFF, TRUNCATE OFF) sales.session_change;
