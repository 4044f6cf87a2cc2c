-- Overviews of a period or of a range of days. docs/api/dashboard.md#overview. p: the figures of a period, h: the share of a client, a
-- service or a category of expenses.

-- name: get_overview(owner_id, period_type, category_type, metric_category) -> value
-- The period that today is in.
SELECT dashboard.overview_document(
           coalesce(p.billed, 0), coalesce(p.spent, 0), coalesce(p.invoices, 0), coalesce(p.expenses, 0), coalesce(p.reimbursable, 0),
           coalesce(p.quotes, 0), coalesce(p.accepted, 0), coalesce(p.clients, 0), dashboard.active_clients($1), coalesce(t.balance, 0),
           top.documents, category.documents, dashboard.metric_documents($1, $4), $2, dashboard.snapshot_day($2, a.start), t.changed_at)::text
  FROM (SELECT dashboard.start_of($2, NULL::date) AS start) a
  LEFT JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = $2 AND p.period_start = a.start
  LEFT JOIN dashboard.total t ON t.owner_id = $1
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT h.name::bigint AS client_id FROM dashboard.share h
                WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = $2 AND h.period_start = a.start AND h.n > 0
                ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC LIMIT 5) listed
        CROSS JOIN LATERAL dashboard.client_analytics($1, listed.client_id, $2, a.start) AS document) top
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT h AS share FROM dashboard.share h
                WHERE h.owner_id = $1 AND h.category_type = $3 AND h.period_type = $2 AND h.period_start = a.start AND h.n > 0
                ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC LIMIT 5) listed
        CROSS JOIN LATERAL dashboard.category_document(listed.share, dashboard.whole($3, p.spent, p.billed, p.subtotal)) AS document) category;

-- name: get_overview_of_days(owner_id, since, until, period_type, category_type, metric_category) -> value
-- since, until: days; null: that side is open. Of a single span the largest shares are read, and of several all, because what is small in
-- each may be large in sum. OFFSET 0 has the shares of a span found by the index, and not those of all days.
WITH span AS MATERIALIZED (
    SELECT s.period_type, s.period_start FROM dashboard.spans($1, $2::text::date, $3::text::date) s
), figures AS (
    SELECT coalesce(sum(p.billed), 0) AS billed, coalesce(sum(p.subtotal), 0) AS subtotal, coalesce(sum(p.spent), 0) AS spent,
           coalesce(sum(p.reimbursable), 0) AS reimbursable, coalesce(sum(p.invoices), 0)::bigint AS invoices,
           coalesce(sum(p.expenses), 0)::bigint AS expenses, coalesce(sum(p.quotes), 0)::bigint AS quotes,
           coalesce(sum(p.accepted), 0)::bigint AS accepted, coalesce(sum(p.clients), 0)::bigint AS clients
      FROM span s JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = s.period_type AND p.period_start = s.period_start
), snapshot AS (
    SELECT greatest($2::text::date, least(books.today(), $3::text::date)) AS day
)
SELECT dashboard.overview_document(
           f.billed, f.spent, f.invoices, f.expenses, f.reimbursable, f.quotes, f.accepted, f.clients, dashboard.active_clients($1),
           coalesce(t.balance, 0), top.documents, category.documents, dashboard.metric_documents($1, $6), $4, n.day, t.changed_at)::text
  FROM figures f
 CROSS JOIN snapshot n
  LEFT JOIN dashboard.total t ON t.owner_id = $1
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT h.name
                 FROM span s
                CROSS JOIN LATERAL (
                      SELECT h.name, h.amount FROM dashboard.share h
                       WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = s.period_type AND h.period_start = s.period_start
                         AND h.n > 0
                       ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC LIMIT (SELECT CASE WHEN count(*) = 1 THEN 5 END FROM span)) h
                GROUP BY h.name ORDER BY sum(h.amount) DESC, h.name LIMIT 5) listed
         JOIN books.client c ON c.owner_id = $1 AND c.id = listed.name::bigint
         -- A client may have quotes where it has no invoices.
        CROSS JOIN LATERAL (
              SELECT sum(h.amount) AS amount, sum(h.n)::bigint AS n, sum(h.quotes)::bigint AS quotes, max(h.updated_at) AS updated_at
                FROM span s
               CROSS JOIN LATERAL (
                     SELECT h.amount, h.n, h.quotes, h.updated_at FROM dashboard.share h
                      WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = s.period_type AND h.name = listed.name
                        AND h.period_start = s.period_start OFFSET 0) h) own
        CROSS JOIN LATERAL dashboard.client_document(c, own.amount, own.n, own.quotes, own.updated_at, $4, n.day) AS document) top
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT h.name, sum(h.amount) AS amount, sum(h.n)::bigint AS n, min(h.created_at) AS created_at, max(h.updated_at) AS updated_at,
                      CASE WHEN (SELECT count(*) FROM span) = 1 THEN min(h.id) END AS id
                 FROM span s
                CROSS JOIN LATERAL (
                      SELECT h.id, h.name, h.amount, h.n, h.created_at, h.updated_at FROM dashboard.share h
                       WHERE h.owner_id = $1 AND h.category_type = $5 AND h.period_type = s.period_type AND h.period_start = s.period_start
                         AND h.n > 0
                       ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC LIMIT (SELECT CASE WHEN count(*) = 1 THEN 5 END FROM span)) h
                GROUP BY h.name ORDER BY sum(h.amount) DESC, h.name LIMIT 5) h
        CROSS JOIN LATERAL dashboard.share_document($1, h.id, $5, h.name, h.amount, h.n, dashboard.whole($5, f.spent, f.billed, f.subtotal), $4, n.day,
                                                    h.created_at, h.updated_at) AS document) category;

-- name: get_overview_of_client(owner_id, client_id, since, until, period_type, category_type, metric_category) -> row
-- The figures of one client: of the period that today is in, or of a range of days. Expenses are those for the client. What it has of each
-- service is not kept. No row: the owner has no such client.
WITH client AS (
    SELECT c AS client, c.id, c.is_active, c.created_at FROM books.client c WHERE c.owner_id = $1 AND c.id = $2
), range AS (
    SELECT r.is_range, r.start, greatest($3::text::date, CASE WHEN r.is_range THEN least(books.today(), $4::text::date) ELSE dashboard.snapshot_day($5, r.start) END) AS day,
           CASE WHEN r.is_range THEN coalesce($3::text::date, '-infinity') ELSE r.start END AS since,
           CASE WHEN r.is_range THEN coalesce($4::text::date, 'infinity') ELSE dashboard.period_end($5, r.start) END AS until
      FROM (SELECT coalesce($3::text, $4::text) IS NOT NULL AS is_range, dashboard.start_of($5, NULL::date) AS start) r
), span AS MATERIALIZED (
    SELECT $5 AS period_type, r.start AS period_start FROM range r WHERE NOT r.is_range
    UNION ALL
    SELECT s.period_type, s.period_start FROM range r CROSS JOIN LATERAL dashboard.spans($1, $3::text::date, $4::text::date) s WHERE r.is_range
), own AS (
    SELECT coalesce(sum(h.amount), 0) AS billed, coalesce(sum(h.n), 0)::bigint AS invoices, coalesce(sum(h.quotes), 0)::bigint AS quotes,
           min(h.created_at) AS created_at, max(h.updated_at) AS updated_at, CASE WHEN (SELECT count(*) FROM span) = 1 THEN min(h.id) END AS id
      FROM span s
     CROSS JOIN LATERAL (
           SELECT h.id, h.amount, h.n, h.quotes, h.created_at, h.updated_at FROM dashboard.share h
            WHERE h.owner_id = $1 AND h.category_type = 'client' AND h.period_type = s.period_type AND h.name = $2::bigint::text
              AND h.period_start = s.period_start OFFSET 0) h
), expense AS MATERIALIZED (
    SELECT e.category, sum(e.amount) AS amount, count(*) AS n, coalesce(sum(e.amount) FILTER (WHERE e.is_billable), 0) AS reimbursable,
           min(e.created_at) AS created_at, max(e.updated_at) AS updated_at
      FROM range r JOIN books.expense e ON e.owner_id = $1 AND e.client_id = $2 AND e.expense_date BETWEEN r.since AND r.until
     WHERE e.status <> 'rejected' GROUP BY e.category
), spent AS (
    SELECT coalesce(sum(e.amount), 0) AS amount, coalesce(sum(e.n), 0)::bigint AS n, coalesce(sum(e.reimbursable), 0) AS reimbursable FROM expense e
), accepted AS (
    SELECT count(*) AS n FROM range r JOIN books.quote q ON q.owner_id = $1 AND q.client_id = $2 AND q.issue_date BETWEEN r.since AND r.until
     WHERE q.status = 'accepted'
), category AS (
    SELECT NULL::bigint AS id, e.category AS name, e.amount, e.n, x.amount AS whole, e.created_at, e.updated_at FROM expense e CROSS JOIN spent x
     WHERE $6 = 'expense'
    UNION ALL
    SELECT o.id, $2::bigint::text, o.billed, o.invoices, o.billed, o.created_at, o.updated_at FROM own o WHERE $6 = 'client' AND o.invoices > 0
)
SELECT dashboard.overview_document(
           o.billed, x.amount, o.invoices, x.n, x.reimbursable, o.quotes, a.n, ((c.created_at AT TIME ZONE 'UTC')::date BETWEEN r.since AND r.until)::integer::bigint,
           c.is_active::integer::bigint, coalesce(d.balance, 0), top.documents, listed.documents, dashboard.metric_documents($1, $7), $5, r.day,
           t.changed_at)::text AS document
  FROM client c
 CROSS JOIN range r CROSS JOIN own o CROSS JOIN spent x CROSS JOIN accepted a
  LEFT JOIN dashboard.client d ON d.owner_id = $1 AND d.client_id = $2
  LEFT JOIN dashboard.total t ON t.owner_id = $1
 CROSS JOIN LATERAL (
       SELECT json_agg(document) AS documents
         FROM dashboard.client_document(c.client, o.billed, o.invoices, o.quotes, o.updated_at, $5, r.day) AS document) top
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(document ORDER BY k.amount DESC, k.name), '[]') AS documents
         FROM (SELECT * FROM category ORDER BY amount DESC, name LIMIT 5) k
        CROSS JOIN LATERAL dashboard.share_document($1, k.id, $6, k.name, k.amount, k.n, k.whole, $5, r.day, k.created_at, k.updated_at) AS document) listed;
