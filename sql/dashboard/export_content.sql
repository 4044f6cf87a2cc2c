-- What exports of dashboards contain. docs/api/dashboard.md#export. Amounts and percentages are texts with two places; figures mean what
-- docs/api/dashboard.md#figures says.
--
-- All statements of one export run in one transaction that sees one state of the books, so that the figures are the sums of the rows. Each
-- list is read in batches, after the key of its last row.

-- name: see_one_state() -> none
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: get_content(owner_id, period_type, day) -> value
-- Everything but the long lists. periods: the last 24 with the present one, oldest first. due: what is outstanding, by how late it is.
WITH step AS (
    SELECT n, t.start, dashboard.period_end($2, t.start) AS last, coalesce(p.billed, 0) AS billed, coalesce(p.billed - p.subtotal, 0) AS tax,
           coalesce(p.spent, 0) AS spent, coalesce(p.billed, 0) - coalesce(p.spent, 0) AS profit, coalesce(p.invoices, 0) AS invoices,
           coalesce(p.subtotal, 0) AS subtotal, coalesce(p.reimbursable, 0) AS reimbursable, coalesce(p.expenses, 0) AS expenses,
           coalesce(p.quotes, 0) AS quotes, coalesce(p.accepted, 0) AS accepted, coalesce(p.clients, 0) AS clients,
           round(coalesce(p.billed / nullif(p.invoices, 0), 0), 2) AS average
      FROM generate_series(0, 23) AS n
     CROSS JOIN LATERAL (SELECT dashboard.period_after($2, dashboard.period_start($2, $3::date), -n) AS start) t
      LEFT JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = $2 AND p.period_start = t.start
), late AS (
    SELECT CASE WHEN d.due_date >= $3::date THEN 0 ELSE least(4, ($3::date - d.due_date + 29) / 30) END AS place,
           sum(d.invoices) AS invoices, sum(d.balance) AS balance
      FROM dashboard.due d WHERE d.owner_id = $1 AND d.invoices > 0 GROUP BY 1
), open AS (
    SELECT coalesce(sum(l.invoices), 0) AS invoices, coalesce(sum(l.balance), 0) AS balance,
           coalesce(sum(l.balance) FILTER (WHERE l.place > 0), 0) AS overdue
      FROM late l
), figure AS (
    SELECT f.* FROM step present JOIN step before ON before.n = 1 CROSS JOIN open o CROSS JOIN LATERAL (VALUES
           (1, 'Revenue', 'amount', present.billed, before.billed),
           (2, 'Tax in the revenue', 'amount', present.tax, before.tax),
           (3, 'Expenses', 'amount', present.spent, before.spent),
           (4, 'Net profit', 'amount', present.profit, before.profit),
           (5, 'Profit margin', 'percent', dashboard.per_cent(present.profit, present.billed)::numeric, dashboard.per_cent(before.profit, before.billed)::numeric),
           (6, 'Invoices', 'number', present.invoices, before.invoices),
           (7, 'Average invoice', 'amount', present.average, before.average),
           (8, 'Expense entries', 'number', present.expenses, before.expenses),
           (9, 'Reimbursable expenses', 'amount', present.reimbursable, before.reimbursable),
           (10, 'Quotes', 'number', present.quotes, before.quotes),
           (11, 'Accepted quotes', 'number', present.accepted, before.accepted),
           (12, 'Quote conversion', 'percent', dashboard.per_cent(present.accepted, present.quotes)::numeric, dashboard.per_cent(before.accepted, before.quotes)::numeric),
           (13, 'New clients', 'number', present.clients, before.clients),
           (14, 'Active clients today', 'number', dashboard.active_clients($1), NULL),
           (15, 'Open invoices today', 'number', o.invoices, NULL),
           (16, 'Outstanding today', 'amount', o.balance, NULL),
           (17, 'Overdue today', 'amount', o.overdue, NULL)) AS f (place, name, kind, present, before)
     WHERE present.n = 0
), growth AS (
    -- The growth of the revenue, in the present period and in the one before.
    SELECT dashboard.change(a.billed, b.billed)::numeric AS present, dashboard.change(b.billed, c.billed)::numeric AS before
      FROM step a JOIN step b ON b.n = 1 JOIN step c ON c.n = 2 WHERE a.n = 0
), metric AS (
    SELECT m.*, round(100 * m.present / m.target, 2) AS achieved
      FROM step present JOIN step before ON before.n = 1 CROSS JOIN growth g CROSS JOIN LATERAL (VALUES
           (1, 'Total Revenue', 'financial', 'amount', present.billed, before.billed, NULL),
           (2, 'Profit Margin', 'financial', 'percent', dashboard.per_cent(present.profit, present.billed)::numeric,
               dashboard.per_cent(before.profit, before.billed)::numeric, dashboard.target('Profit Margin')),
           (3, 'Invoices Generated', 'operational', 'number', present.invoices, before.invoices, NULL),
           (4, 'New Clients', 'client', 'number', present.clients, before.clients, NULL),
           (5, 'Revenue Growth Rate', 'growth', 'percent', g.present, g.before,
               dashboard.target('Revenue Growth Rate'))) AS m (place, name, category, kind, present, before, target)
     WHERE present.n = 0
)
SELECT json_build_object(
    'company', (SELECT letterhead FROM books.letterhead($1) AS letterhead),
    'start', present.start, 'last', present.last, 'previous', json_build_object('start', before.start, 'last', before.last),
    'totals', json_build_object(
        'invoices', present.invoices, 'expenses', present.expenses, 'revenue', dashboard.money(present.billed), 'subtotal', dashboard.money(present.subtotal),
        'client', (SELECT count(*) FROM dashboard.share s
                    WHERE s.owner_id = $1 AND s.category_type = 'client' AND s.period_type = $2 AND s.period_start = present.start AND s.n > 0),
        'service', (SELECT count(*) FROM dashboard.share s
                     WHERE s.owner_id = $1 AND s.category_type = 'service' AND s.period_type = $2 AND s.period_start = present.start AND s.n > 0)),
    'figures', (SELECT json_agg(json_build_object(
                    'name', f.name, 'kind', f.kind, 'present', CASE WHEN f.kind = 'number' THEN f.present::bigint::text ELSE dashboard.money(f.present) END,
                    'before', CASE WHEN f.kind = 'number' THEN f.before::bigint::text ELSE dashboard.money(f.before) END,
                    'change', CASE WHEN f.before IS NOT NULL AND f.kind <> 'percent' THEN dashboard.change(f.present, f.before) END) ORDER BY f.place) FROM figure f),
    'periods', (SELECT json_agg(json_build_object(
                    'start', s.start, 'last', s.last, 'revenue', dashboard.money(s.billed), 'tax', dashboard.money(s.tax), 'expenses', dashboard.money(s.spent),
                    'profit', dashboard.money(s.profit), 'margin', dashboard.per_cent(s.profit, s.billed), 'invoices', s.invoices) ORDER BY s.start) FROM step s),
    'due', (SELECT json_agg(json_build_object(
                'name', b.name, 'invoices', coalesce(l.invoices, 0), 'amount', dashboard.money(coalesce(l.balance, 0)),
                'share', dashboard.per_cent(coalesce(l.balance, 0), o.balance)) ORDER BY b.place)
              FROM (VALUES (0, 'Not due yet'), (1, '1–30 days late'), (2, '31–60 days late'), (3, '61–90 days late'), (4, 'More than 90 days late')) AS b (place, name)
              LEFT JOIN late l USING (place) CROSS JOIN open o),
    'categories', (SELECT coalesce(json_agg(json_build_object(
                       'name', initcap(s.name), 'amount', dashboard.money(s.amount), 'n', s.n, 'share', dashboard.per_cent(s.amount, present.spent))
                       ORDER BY s.amount DESC, s.id), '[]')
                     FROM dashboard.share s
                    WHERE s.owner_id = $1 AND s.category_type = 'expense' AND s.period_type = $2 AND s.period_start = present.start AND s.n > 0),
    'metrics', (SELECT json_agg(json_build_object(
                    'name', m.name, 'category', initcap(m.category), 'kind', m.kind,
                    'present', CASE WHEN m.kind = 'number' THEN m.present::bigint::text ELSE dashboard.money(m.present) END,
                    'before', CASE WHEN m.kind = 'number' THEN m.before::bigint::text ELSE dashboard.money(m.before) END,
                    'change', dashboard.change(m.present, m.before), 'target', dashboard.money(m.target), 'achieved', m.achieved::text) ORDER BY m.place) FROM metric m))::text
  FROM step present JOIN step before ON before.n = 1 WHERE present.n = 0;

-- name: list_clients(owner_id, period_type, start, revenue, amount, after, most) -> rows
-- The clients that have invoices of a period, the largest first. revenue: of the period. amount, after: of the last client of the batch
-- before; 'Infinity' and 0 begin.
SELECT s.amount::text AS amount, s.id AS after,
       json_build_object(
           'id', c.id, 'name', c.name, 'company', c.company, 'revenue', dashboard.money(s.amount), 'share', dashboard.per_cent(s.amount, $4::text::numeric),
           'invoices', s.n, 'quotes', s.quotes, 'outstanding', dashboard.money(coalesce(k.balance, 0)),
           'average_days', round(k.days::numeric / nullif(k.paid, 0), 2)::text, 'score', coalesce(k.score, 100)::text,
           'risk', initcap(coalesce(k.risk, 'low')),
           'is_active', c.is_active)::text AS document
  FROM (SELECT s.id, s.name::bigint AS client_id, s.amount, s.n, s.quotes
          FROM dashboard.share s
         WHERE s.owner_id = $1 AND s.category_type = 'client' AND s.period_type = $2 AND s.period_start = $3::date AND s.n > 0
           -- By the magnitude the index finds where the batch begins.
           AND s.magnitude <= CASE WHEN $5::text = 'Infinity' THEN 32767::smallint ELSE dashboard.magnitude($5::text::numeric) END
           AND s.amount <= $5::text::numeric AND (s.amount < $5::text::numeric OR s.id > $6)
         ORDER BY s.magnitude DESC, s.amount DESC, s.id LIMIT $7) s
 CROSS JOIN LATERAL (SELECT c.* FROM books.client c WHERE c.owner_id = $1 AND c.id = s.client_id OFFSET 0) c
  LEFT JOIN LATERAL (SELECT k.* FROM dashboard.client k WHERE k.owner_id = $1 AND k.client_id = s.client_id OFFSET 0) k ON true
 ORDER BY s.amount DESC, s.id;

-- name: list_services(owner_id, period_type, start, subtotal, amount, after, most) -> rows
-- What was billed for in a period, the largest first. subtotal: what the lines of all invoices of the period come to.
SELECT s.amount::text AS amount, s.id AS after,
       json_build_object('name', s.name, 'amount', dashboard.money(s.amount), 'n', s.n,
                         'share', dashboard.per_cent(s.amount, $4::text::numeric))::text AS document
  FROM (SELECT s.id, s.name, s.amount, s.n
          FROM dashboard.share s
         WHERE s.owner_id = $1 AND s.category_type = 'service' AND s.period_type = $2 AND s.period_start = $3::date AND s.n > 0
           -- By the magnitude the index finds where the batch begins.
           AND s.magnitude <= CASE WHEN $5::text = 'Infinity' THEN 32767::smallint ELSE dashboard.magnitude($5::text::numeric) END
           AND s.amount <= $5::text::numeric AND (s.amount < $5::text::numeric OR s.id > $6)
         ORDER BY s.magnitude DESC, s.amount DESC, s.id LIMIT $7) s
 ORDER BY s.amount DESC, s.id;

-- name: list_invoices(owner_id, first, last, today, day, after, most) -> rows
-- The invoices that make up the revenue, by their issue_date. day, after: of the last one of the batch before.
SELECT i.issue_date AS day, i.id AS after,
       json_build_object(
           'id', i.id, 'number', books.number_text('INV', i.year, i.number), 'client', c.name, 'issue_date', i.issue_date, 'due_date', i.due_date,
           'status', initcap(books.invoice_status(i.status, i.due_date, $4::date)), 'title', i.title, 'subtotal', i.subtotal::text, 'tax', i.tax_amount::text,
           'total', i.total_amount::text, 'paid', i.paid_amount::text, 'balance', (i.total_amount - i.paid_amount)::text)::text AS document
  FROM (SELECT i.* FROM books.invoice i
         WHERE i.owner_id = $1 AND i.issue_date BETWEEN $2::date AND $3::date AND (i.issue_date, i.id) > ($5::date, $6::bigint)
           AND i.status NOT IN ('draft', 'cancelled')
         ORDER BY i.issue_date, i.id LIMIT $7) i
 CROSS JOIN LATERAL (SELECT c.name FROM books.client c WHERE c.owner_id = $1 AND c.id = i.client_id OFFSET 0) c
 ORDER BY i.issue_date, i.id;

-- name: list_expenses(owner_id, first, last, day, made, after, most) -> rows
-- The expenses that make up those of the period, by their expense_date. day, made, after: of the last one of the batch before.
SELECT e.expense_date AS day, e.created_at::text AS made, e.id AS after,
       json_build_object(
           'id', e.id, 'date', e.expense_date, 'description', e.description, 'category', initcap(e.category), 'vendor', e.vendor, 'client', c.name,
           'status', initcap(e.status), 'is_billable', e.is_billable, 'tax', e.tax_amount::text, 'amount', e.amount::text)::text AS document
  FROM (SELECT e.* FROM books.expense e
         WHERE e.owner_id = $1 AND e.expense_date BETWEEN $2::date AND $3::date
           AND (e.expense_date, e.created_at, e.id) > ($4::date, $5::text::timestamptz, $6::bigint) AND e.status <> 'rejected'
         ORDER BY e.expense_date, e.created_at, e.id LIMIT $7) e
  LEFT JOIN LATERAL (SELECT c.name FROM books.client c WHERE c.owner_id = $1 AND c.id = e.client_id OFFSET 0) c ON true
 ORDER BY e.expense_date, e.created_at, e.id;
