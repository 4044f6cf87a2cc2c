-- What an owner's invoices amount to. docs/api/books.md#invoices. i: the invoice.

-- name: get_statistics(owner_id, recent_days, most) -> value
-- One pass over the owner's invoices adds up what each client has; all figures are sums of these. most: clients that are shown. Amounts are
-- those of issued invoices, which are neither drafts nor cancelled.
WITH part AS MATERIALIZED (
    SELECT i.client_id, books.invoice_status(i.status, i.due_date, books.today()) AS status, i.status NOT IN ('draft', 'cancelled') AS is_issued,
           i.created_at >= now() - make_interval(days => $2::integer) AS is_recent,
           count(*) AS n, sum(i.total_amount) AS total, sum(i.total_amount - i.paid_amount) AS balance
      FROM books.invoice i WHERE i.owner_id = $1
     GROUP BY 1, 2, 3, 4
), figures AS (
    SELECT coalesce(sum(n) FILTER (WHERE is_issued), 0) AS n, coalesce(sum(total) FILTER (WHERE is_issued), 0.00) AS total,
           coalesce(sum(n) FILTER (WHERE is_issued AND status <> 'paid'), 0) AS outstanding_n,
           coalesce(sum(balance) FILTER (WHERE is_issued), 0.00) AS outstanding,
           coalesce(sum(n) FILTER (WHERE is_issued AND is_recent), 0) AS recent_n,
           coalesce(sum(total) FILTER (WHERE is_issued AND is_recent), 0.00) AS recent_total,
           coalesce(sum(n) FILTER (WHERE status = 'paid'), 0) AS paid_n, coalesce(sum(n) FILTER (WHERE status = 'overdue'), 0) AS overdue_n,
           coalesce(sum(balance) FILTER (WHERE status = 'overdue'), 0.00) AS overdue
      FROM part
), received AS (
    SELECT count(*) AS n, coalesce(sum(p.amount), 0.00) AS total
      FROM books.payment p WHERE p.owner_id = $1 AND p.payment_date > books.today() - $2::integer
), top AS (
    SELECT c.name, t.n, t.total, t.balance, t.client_id
      FROM (SELECT client_id, sum(n) AS n, sum(total) AS total, sum(balance) AS balance
              FROM part WHERE is_issued GROUP BY client_id ORDER BY sum(total) DESC, client_id LIMIT $3) t
      JOIN books.client c ON c.owner_id = $1 AND c.id = t.client_id
)
SELECT json_build_object(
           'total_invoices', (SELECT coalesce(sum(n), 0) FROM part),
           'status_breakdown', (
               SELECT json_object_agg(known.status, coalesce(p.n, 0) ORDER BY known.place)
                 FROM unnest('{draft,sent,paid,partial,overdue,cancelled}'::text[]) WITH ORDINALITY AS known (status, place)
                 LEFT JOIN (SELECT status, sum(n) AS n FROM part GROUP BY status) p USING (status)),
           'financial', json_build_object(
               'total_value', f.total::text, 'average_value', round(coalesce(f.total / nullif(f.n, 0), 0), 2)::text,
               'outstanding_count', f.outstanding_n, 'outstanding_value', f.outstanding::text),
           'recent_activity', json_build_object(
               'invoices_last_30_days', f.recent_n, 'value_last_30_days', f.recent_total::text,
               'payments_last_30_days', r.n, 'payments_value_last_30_days', r.total::text),
           'performance', json_build_object(
               'payment_rate', trim_scale(round(coalesce(100 * f.paid_n / nullif(f.n, 0), 0), 2)), 'sent_invoices', f.n,
               'paid_invoices', f.paid_n, 'overdue_count', f.overdue_n, 'overdue_value', f.overdue::text),
           'top_clients', coalesce((
               SELECT json_agg(json_build_object('client__name', name, 'invoice_count', n, 'total_value', total::text,
                                                 'outstanding_value', balance::text) ORDER BY total DESC, client_id)
                 FROM top), '[]'))::text
  FROM figures f CROSS JOIN received r;

-- name: list_overdue(owner_id, most) -> value
-- The longest overdue first. The count and the sum are of all.
SELECT json_build_object('count', count(*), 'total_overdue_amount', coalesce(sum(i.total_amount - i.paid_amount), 0)::numeric(30,2)::text,
                         'invoices', coalesce((
           SELECT json_agg(document ORDER BY first.due_date, first.id)
             FROM (SELECT i AS invoice, i.client_id, i.due_date, i.id FROM books.invoice i
                    WHERE i.owner_id = $1 AND i.status IN ('sent', 'partial', 'overdue') AND i.due_date < books.today()
                    ORDER BY i.due_date, i.id LIMIT $2::bigint) first
            CROSS JOIN LATERAL (SELECT c.name FROM books.client c WHERE c.owner_id = $1 AND c.id = first.client_id OFFSET 0) client
            CROSS JOIN LATERAL books.invoice_document(first.invoice, client.name) AS document), '[]'))::text
  FROM books.invoice i
 WHERE i.owner_id = $1 AND i.status IN ('sent', 'partial', 'overdue') AND i.due_date < books.today();

-- name: list_due_soon(owner_id, days, most) -> value
-- The next ones that are due first. The count and the sum are of all.
SELECT json_build_object('count', count(*), 'total_amount', coalesce(sum(i.total_amount - i.paid_amount), 0)::numeric(30,2)::text,
                         'invoices', coalesce((
           SELECT json_agg(document ORDER BY first.due_date, first.id)
             FROM (SELECT i AS invoice, i.client_id, i.due_date, i.id FROM books.invoice i
                    WHERE i.owner_id = $1 AND i.status IN ('sent', 'partial') AND i.due_date BETWEEN books.today() AND books.today() + $2::integer
                    ORDER BY i.due_date, i.id LIMIT $3::bigint) first
            CROSS JOIN LATERAL (SELECT c.name FROM books.client c WHERE c.owner_id = $1 AND c.id = first.client_id OFFSET 0) client
            CROSS JOIN LATERAL books.invoice_document(first.invoice, client.name) AS document), '[]'))::text
  FROM books.invoice i
 WHERE i.owner_id = $1 AND i.status IN ('sent', 'partial') AND i.due_date BETWEEN books.today() AND books.today() + $2::integer;

-- name: store_overdue(owner_id) -> value
-- How many invoices were overdue without being stored so. Locked in the order of their ids, as two requests may come at once.
WITH due AS MATERIALIZED (
    SELECT i.id FROM books.invoice i
     WHERE i.owner_id = $1 AND i.status IN ('sent', 'partial') AND i.due_date < books.today()
     ORDER BY i.id FOR NO KEY UPDATE
), stored AS (
    UPDATE books.invoice i SET status = 'overdue' FROM due WHERE i.owner_id = $1 AND i.id = due.id RETURNING i.id
)
SELECT count(*) FROM stored;
