-- Figures about an owner's quotes. docs/api/books.md#quotes. q: the quote.

-- name: get_statistics(owner_id, recent_days, most) -> value
-- One pass over the owner's quotes adds up what each client has; all figures are sums of these. most: clients that are shown.
WITH part AS MATERIALIZED (
    SELECT q.client_id, books.quote_status(q.status, q.expiry_date, books.today()) AS status, q.sent_at IS NOT NULL AS was_sent,
           q.created_at >= now() - make_interval(days => $2::integer) AS is_recent, count(*) AS n, sum(q.total_amount) AS total
      FROM books.quote q WHERE q.owner_id = $1
     GROUP BY 1, 2, 3, 4
), figures AS (
    SELECT coalesce(sum(n), 0) AS n, coalesce(sum(total), 0.00) AS total,
           coalesce(sum(n) FILTER (WHERE is_recent), 0) AS recent_n, coalesce(sum(total) FILTER (WHERE is_recent), 0.00) AS recent_total,
           coalesce(sum(n) FILTER (WHERE was_sent), 0) AS sent_n,
           coalesce(sum(n) FILTER (WHERE status = 'accepted'), 0) AS accepted_n
      FROM part
), top AS (
    SELECT c.name, t.n, t.total, t.client_id
      FROM (SELECT client_id, sum(n) AS n, sum(total) AS total FROM part GROUP BY client_id ORDER BY sum(total) DESC, client_id LIMIT $3) t
      JOIN books.client c ON c.owner_id = $1 AND c.id = t.client_id
)
SELECT json_build_object(
           'total_quotes', f.n,
           'status_breakdown', (
               SELECT json_object_agg(known.status, coalesce(p.n, 0) ORDER BY known.place)
                 FROM unnest('{draft,sent,accepted,rejected,expired}'::text[]) WITH ORDINALITY AS known (status, place)
                 LEFT JOIN (SELECT status, sum(n) AS n FROM part GROUP BY status) p USING (status)),
           'financial', json_build_object('total_value', f.total::text, 'average_value', round(coalesce(f.total / nullif(f.n, 0), 0), 2)::text),
           'recent_activity', json_build_object('quotes_last_30_days', f.recent_n, 'value_last_30_days', f.recent_total::text),
           'performance', json_build_object(
               'approval_rate', trim_scale(round(coalesce(100 * f.accepted_n / nullif(f.sent_n, 0), 0), 2)), 'sent_quotes', f.sent_n,
               'approved_quotes', f.accepted_n),
           'top_clients', coalesce((
               SELECT json_agg(json_build_object('client__name', name, 'quote_count', n, 'total_value', total::text) ORDER BY total DESC, client_id)
                 FROM top), '[]'))::text
  FROM figures f;

-- name: list_expiring(owner_id, days, most) -> value
SELECT json_build_object(
           'count', (SELECT count(*) FROM books.quote q
                      WHERE q.owner_id = $1 AND q.status = 'sent'
                        AND q.expiry_date BETWEEN books.today() AND books.today() + $2::integer),
           'quotes', (SELECT coalesce(json_agg(shown.document), '[]')
                        FROM (SELECT q AS quote FROM books.quote q
                               WHERE q.owner_id = $1 AND q.status = 'sent'
                                 AND q.expiry_date BETWEEN books.today() AND books.today() + $2::integer
                               ORDER BY q.expiry_date, q.id LIMIT $3) listed
                       CROSS JOIN LATERAL books.shown_quote(listed.quote) AS shown (document)))::text;
