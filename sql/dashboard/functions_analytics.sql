-- Analytics of clients, categories and metrics, and the overview. docs/api/dashboard.md#overview
-- The area's triggers are listed in functions.sql.

-- A client with its figures of some days: what was billed, invoices and quotes, and when the figures last changed; the others are of all time.
CREATE OR REPLACE FUNCTION dashboard.client_document(
    c books.client, revenue numeric, invoice_count bigint, quote_count bigint, changed_at timestamptz, its_type text, snapshot_day date)
RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', c.id, 'client_id', c.id, 'client_name', c.name, 'snapshot_date', snapshot_day, 'period_type', its_type,
        'total_revenue', dashboard.money(coalesce(revenue, 0)), 'invoice_count', coalesce(invoice_count, 0), 'quote_count', coalesce(quote_count, 0),
        'average_invoice_value', dashboard.money(coalesce(revenue / nullif(invoice_count, 0), 0)),
        'outstanding_amount', dashboard.money(s.balance), 'average_payment_days', dashboard.money(s.days), 'payment_score', dashboard.money(s.score),
        'risk_level', s.risk, 'is_active', c.is_active,
        'first_invoice_date', (SELECT h.period_start FROM dashboard.share h
            WHERE h.owner_id = c.owner_id AND h.category_type = 'client' AND h.period_type = 'daily' AND h.name = c.id::text AND h.n > 0
            ORDER BY h.period_start LIMIT 1),
        'last_invoice_date', (SELECT h.period_start FROM dashboard.share h
            WHERE h.owner_id = c.owner_id AND h.category_type = 'client' AND h.period_type = 'daily' AND h.name = c.id::text AND h.n > 0
            ORDER BY h.period_start DESC LIMIT 1),
        'client_lifetime_value', dashboard.money(s.billed),
        'created_at', core.iso(c.created_at), 'updated_at', core.iso(greatest(c.updated_at, changed_at)))
      FROM (SELECT 1) AS one
      LEFT JOIN dashboard.client d ON d.owner_id = c.owner_id AND d.client_id = c.id
     CROSS JOIN LATERAL (SELECT coalesce(d.balance, 0) AS balance, coalesce(d.billed, 0) AS billed, coalesce(d.score, 100) AS score, coalesce(d.risk, 'low') AS risk,
                                coalesce(d.days::numeric / nullif(d.paid, 0), 0) AS days) AS s
$$;

-- A client with its figures of the period of this type that begins on `start`. No row: the owner has no such client.
CREATE OR REPLACE FUNCTION dashboard.client_analytics(owner bigint, client bigint, its_type text, start date)
RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT document
      FROM books.client c
      LEFT JOIN dashboard.share h ON h.owner_id = owner AND h.category_type = 'client' AND h.period_type = its_type
                                 AND h.name = client::text AND h.period_start = start
     CROSS JOIN LATERAL dashboard.client_document(c, h.amount, h.n, h.quotes, h.updated_at, its_type, dashboard.snapshot_day(its_type, start)) AS document
     WHERE c.owner_id = owner AND c.id = client
$$;

-- What people read for a category of expenses, as handlers/books/expense.py has it.
CREATE OR REPLACE FUNCTION dashboard.category_label(category text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE category WHEN 'office' THEN 'Office supplies and equipment' WHEN 'travel' THEN 'Travel and transportation'
                         WHEN 'meals' THEN 'Business meals and entertainment' WHEN 'software' THEN 'Software and subscriptions'
                         WHEN 'marketing' THEN 'Marketing and advertising' WHEN 'other' THEN 'Other business expenses' ELSE category END
$$;

-- What the shares of a period are parts of.
CREATE OR REPLACE FUNCTION dashboard.whole(category_type text, spent numeric, billed numeric, subtotal numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE category_type WHEN 'expense' THEN spent WHEN 'client' THEN billed ELSE subtotal END
$$;

-- A category with its figures of some days. its_id: null if these are not one period.
CREATE OR REPLACE FUNCTION dashboard.share_document(
    owner bigint, its_id bigint, its_kind text, its_name text, amount numeric, n bigint, whole numeric, its_type text, snapshot_day date,
    made_at timestamptz, changed_at timestamptz)
RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', its_id, 'snapshot_date', snapshot_day, 'period_type', its_type, 'category_type', its_kind,
        'category_name', coalesce(c.name, its_name), 'category_display', coalesce(c.name, CASE WHEN its_kind = 'expense' THEN dashboard.category_label(its_name) END, its_name),
        'total_amount', dashboard.money(amount), 'transaction_count', n, 'percentage_of_total', dashboard.per_cent(amount, whole),
        'created_at', core.iso(made_at), 'updated_at', core.iso(changed_at))
      FROM (SELECT 1) AS one
      LEFT JOIN books.client c ON c.owner_id = owner AND c.id = CASE WHEN its_kind = 'client' THEN its_name::bigint END
$$;

-- A category with its figures of its period. whole: what it is a part of.
CREATE OR REPLACE FUNCTION dashboard.category_document(h dashboard.share, whole numeric)
RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT document FROM dashboard.share_document(h.owner_id, h.id, h.category_type, h.name, h.amount, h.n, whole, h.period_type,
                                                  dashboard.snapshot_day(h.period_type, h.period_start), h.created_at, h.updated_at) AS document
$$;

-- Numbers of metrics as the API writes them.
CREATE OR REPLACE FUNCTION dashboard.fine(value numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(value, 4)::text
$$;

-- What a metric is to reach, in per cent; null: nothing.
CREATE OR REPLACE FUNCTION dashboard.target(metric text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE metric WHEN 'Profit Margin' THEN 20.00 WHEN 'Revenue Growth Rate' THEN 10.00 END
$$;

-- An owner's metrics: the last 30 days with today, beside the 30 before. is_kpi: it is one of the key performance indicators. falls: it is the
-- better the smaller it is. document and kpi: the two shapes of the API. An id keeps its meaning for ever.
CREATE OR REPLACE FUNCTION dashboard.metrics(owner bigint)
RETURNS TABLE (id integer, metric_name text, metric_category text, unit text, current_value numeric, previous_value numeric, target_value numeric,
               is_kpi boolean, falls boolean, document json, kpi json)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 AS $$
    WITH day AS (
        SELECT books.today() AS today
    ), span AS (
        -- 0: the last 30 days, 1 and 2: those before.
        SELECT k, coalesce(sum(p.billed), 0) AS billed, coalesce(sum(p.spent), 0) AS spent, coalesce(sum(p.invoices), 0) AS invoices,
               coalesce(sum(p.quotes), 0) AS quotes, coalesce(sum(p.accepted), 0) AS accepted, coalesce(sum(p.clients), 0) AS clients
          FROM day CROSS JOIN generate_series(0, 2) AS k
          LEFT JOIN dashboard.period p ON p.owner_id = owner AND p.period_type = 'daily'
                                      AND p.period_start BETWEEN day.today - 30 * k - 29 AND day.today - 30 * k
         GROUP BY k
    ), metric AS (
        SELECT m.*
          FROM span a JOIN span b ON b.k = 1 JOIN span c ON c.k = 2
         CROSS JOIN LATERAL (VALUES
               (1, 'Total Revenue', 'financial', 'currency', a.billed, b.billed, NULL::numeric, true, false),
               (2, 'Profit Margin', 'financial', 'percentage', dashboard.ratio(a.billed - a.spent, a.billed),
                   dashboard.ratio(b.billed - b.spent, b.billed), dashboard.target('Profit Margin'), true, false),
               (3, 'Invoices Generated', 'operational', 'number', a.invoices, b.invoices, NULL, true, false),
               (4, 'New Clients', 'client', 'number', a.clients, b.clients, NULL, true, false),
               (5, 'Revenue Growth Rate', 'growth', 'percentage', dashboard.growth(a.billed, b.billed), dashboard.growth(b.billed, c.billed),
                   dashboard.target('Revenue Growth Rate'), true, false),
               (6, 'Total Expenses', 'financial', 'currency', a.spent, b.spent, NULL, false, true),
               (7, 'Net Profit', 'financial', 'currency', a.billed - a.spent, b.billed - b.spent, NULL, false, false),
               (8, 'Quote Conversion Rate', 'operational', 'percentage', dashboard.ratio(a.accepted, a.quotes),
                   dashboard.ratio(b.accepted, b.quotes), NULL, false, false),
               (9, 'Average Invoice Value', 'financial', 'currency', coalesce(a.billed / nullif(a.invoices, 0), 0),
                   coalesce(b.billed / nullif(b.invoices, 0), 0), NULL, false, false),
               (10, 'Quotes Sent', 'operational', 'number', a.quotes, b.quotes, NULL, false, false)
               ) AS m (id, name, category, unit, present, before, target, is_kpi, falls)
         WHERE a.k = 0
    )
    SELECT m.id, m.name, m.category, m.unit, m.present, m.before, m.target, m.is_kpi, m.falls,
           json_build_object(
               'id', m.id, 'metric_name', m.name, 'metric_category', m.category, 'current_value', dashboard.fine(m.present),
               'previous_value', dashboard.fine(m.before), 'target_value', dashboard.fine(m.target), 'unit', m.unit,
               'calculation_date', day.today, 'period_start', day.today - 29, 'period_end', day.today,
               'change_percentage', dashboard.fine(dashboard.growth(m.present, m.before)),
               'is_improving', CASE WHEN m.falls THEN m.present < m.before ELSE m.present > m.before END,
               'target_achievement', dashboard.fine(100 * m.present / m.target),
               'created_at', core.iso(since.moment), 'updated_at', core.iso(greatest(since.moment, t.changed_at))),
           json_build_object(
               'metric_name', m.name,
               'current_period', json_build_object('value', dashboard.fine(m.present), 'period_start', day.today - 29, 'period_end', day.today,
                                                   'unit', m.unit),
               'previous_period', json_build_object('value', dashboard.fine(m.before), 'unit', m.unit),
               'change_amount', dashboard.fine(m.present - m.before),
               'change_percentage', dashboard.fine(dashboard.growth(m.present, m.before)),
               'trend', CASE sign(m.present - m.before) WHEN 1 THEN 'up' WHEN -1 THEN 'down' ELSE 'neutral' END,
               'target_achievement', dashboard.fine(100 * m.present / m.target))
      FROM metric m CROSS JOIN day
     -- A metric is another one on each day, and with each change of the books.
     CROSS JOIN LATERAL (SELECT day.today::timestamp AT TIME ZONE 'UTC' AS moment) since
      LEFT JOIN dashboard.total t ON t.owner_id = owner
$$;

-- The first day of the period that `day` is in; null: today.
CREATE OR REPLACE FUNCTION dashboard.start_of(period_type text, day date) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT dashboard.period_start(period_type, coalesce(day, books.today()))
$$;

-- An overview of these figures. clients_added: new ones; active: clients that are active. top, categories, metrics: documents.
CREATE OR REPLACE FUNCTION dashboard.overview_document(
    billed numeric, spent numeric, invoices bigint, expenses bigint, reimbursable numeric, quotes bigint, accepted bigint, clients_added bigint,
    active bigint, balance numeric, top json, categories json, metrics json, period_type text, snapshot_day date, changed_at timestamptz)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'total_revenue', dashboard.money(billed), 'total_expenses', dashboard.money(spent), 'net_profit', dashboard.money(billed - spent),
        'profit_margin', dashboard.per_cent(billed - spent, billed), 'outstanding_amount', dashboard.money(balance),
        'total_clients', active, 'new_clients', clients_added, 'top_clients', top, 'total_invoices', invoices, 'total_quotes', quotes,
        'quote_conversion_rate', dashboard.per_cent(accepted, quotes),
        'average_invoice_value', dashboard.money(coalesce(billed / nullif(invoices, 0), 0)),
        'total_expense_count', expenses, 'reimbursable_expenses', dashboard.money(reimbursable), 'expense_categories', categories,
        'key_metrics', metrics, 'period_type', period_type, 'snapshot_date', snapshot_day, 'last_updated', core.iso(coalesce(changed_at, now())))
$$;

-- The documents of an owner's metrics, as an array; of one category, unless it is null.
CREATE OR REPLACE FUNCTION dashboard.metric_documents(owner bigint, category text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_agg(m.document ORDER BY m.id), '[]')
      FROM dashboard.metrics(owner) m WHERE category IS NULL OR m.metric_category = category
$$;
