-- Trends, breakdowns and snapshots of periods. docs/api/dashboard.md
-- The area's triggers are listed in functions.sql.

-- Trends, breakdowns, projections and snapshots. docs/api/dashboard.md

-- How a period is called: 2026-11-29, 2026-W48, 2026-11, 2026-Q4, 2026.
CREATE OR REPLACE FUNCTION dashboard.period_label(period_type text, start date) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(start, CASE period_type WHEN 'daily' THEN 'YYYY-MM-DD' WHEN 'weekly' THEN 'IYYY-"W"IW' WHEN 'monthly' THEN 'YYYY-MM'
                                           WHEN 'quarterly' THEN 'YYYY-"Q"Q' WHEN 'yearly' THEN 'YYYY' END)
$$;

-- One point of a trend.
CREATE OR REPLACE FUNCTION dashboard.trend_point(period_type text, start date, value numeric) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('period', dashboard.period_label(period_type, start), 'value', value, 'date', start)
$$;

-- The largest shares of a period, and the rest of it as "Other", so that all add up. whole, number: what all shares of the period come to, and
-- how many invoices, lines or expenses they have. A client is shown by its name.
CREATE OR REPLACE FUNCTION dashboard.breakdown(owner bigint, its_category_type text, its_period_type text, start date, whole numeric, number bigint, most integer)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH top AS MATERIALIZED (
        SELECT row_number() OVER () AS place, h.name, h.amount, h.n
          FROM (SELECT h.name, h.amount, h.n FROM dashboard.share h
                 WHERE h.owner_id = owner AND h.category_type = its_category_type AND h.period_type = its_period_type AND h.period_start = start AND h.n > 0
                 ORDER BY h.magnitude DESC, h.amount DESC, h.id LIMIT most) h
    ), shown AS (
        SELECT t.place, CASE WHEN its_category_type = 'client'
                        THEN (SELECT c.name FROM books.client c WHERE c.owner_id = owner AND c.id = t.name::bigint) ELSE t.name END AS name, t.amount, t.n
          FROM top t
        UNION ALL
        SELECT most + 1, 'Other', whole - r.amount, number - r.n
          FROM (SELECT sum(t.amount) AS amount, sum(t.n) AS n FROM top t) r WHERE number > r.n
    )
    SELECT coalesce(json_agg(json_build_object(
               'name', s.name, 'value', s.amount, 'percentage', dashboard.per_cent(s.amount, whole)::numeric, 'count', s.n) ORDER BY s.place), '[]')
      FROM shown s
$$;

-- The figures of a snapshot of a day, as they are now.
CREATE OR REPLACE FUNCTION dashboard.figures_on(owner bigint, its_period_type text, day date)
RETURNS TABLE (total_revenue numeric, total_expenses numeric, outstanding_amount numeric, total_clients bigint, new_clients bigint, total_invoices bigint,
               total_quotes bigint, accepted bigint, total_expense_count bigint, reimbursable_expenses numeric)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT coalesce(p.billed, 0), coalesce(p.spent, 0), coalesce(t.balance, 0), dashboard.active_clients(owner), coalesce(p.clients, 0), coalesce(p.invoices, 0),
           coalesce(p.quotes, 0), coalesce(p.accepted, 0), coalesce(p.expenses, 0), coalesce(p.reimbursable, 0)
      FROM (SELECT) one
      LEFT JOIN dashboard.total t ON t.owner_id = owner
      LEFT JOIN dashboard.period p
             ON p.owner_id = owner AND p.period_type = its_period_type AND p.period_start = dashboard.period_start(its_period_type, day)
$$;

CREATE OR REPLACE FUNCTION dashboard.snapshot_document(s dashboard.snapshot) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', s.id, 'snapshot_date', s.snapshot_date, 'period_type', s.period_type, 'total_revenue', s.total_revenue::text,
        'total_expenses', s.total_expenses::text, 'net_profit', dashboard.money(s.total_revenue - s.total_expenses),
        'outstanding_amount', s.outstanding_amount::text, 'total_clients', s.total_clients, 'new_clients', s.new_clients,
        'total_invoices', s.total_invoices, 'total_quotes', s.total_quotes, 'quote_conversion_rate', dashboard.per_cent(s.accepted, s.total_quotes),
        'average_invoice_value', dashboard.money(coalesce(s.total_revenue / nullif(s.total_invoices, 0), 0)),
        'total_expense_count', s.total_expense_count, 'reimbursable_expenses', s.reimbursable_expenses::text,
        'profit_margin', dashboard.per_cent(s.total_revenue - s.total_expenses, s.total_revenue),
        'expense_ratio', dashboard.per_cent(s.total_expenses, s.total_revenue),
        'created_at', core.iso(s.created_at), 'updated_at', core.iso(s.updated_at))
$$;

-- Stores the figures of a day, in place of those that are stored for it. Returns the row; it has no refusal.
CREATE OR REPLACE FUNCTION dashboard.store_snapshot(owner bigint, its_period_type text, day date) RETURNS dashboard.snapshot LANGUAGE sql AS $$
    INSERT INTO dashboard.snapshot AS s (owner_id, snapshot_date, period_type, total_revenue, total_expenses, outstanding_amount, total_clients, new_clients,
                                         total_invoices, total_quotes, accepted, total_expense_count, reimbursable_expenses)
    SELECT owner, day, its_period_type, f.* FROM dashboard.figures_on(owner, its_period_type, day) f
        ON CONFLICT (owner_id, period_type, snapshot_date) DO UPDATE
       SET total_revenue = EXCLUDED.total_revenue, total_expenses = EXCLUDED.total_expenses, outstanding_amount = EXCLUDED.outstanding_amount,
           total_clients = EXCLUDED.total_clients, new_clients = EXCLUDED.new_clients, total_invoices = EXCLUDED.total_invoices,
           total_quotes = EXCLUDED.total_quotes, accepted = EXCLUDED.accepted, total_expense_count = EXCLUDED.total_expense_count,
           reimbursable_expenses = EXCLUDED.reimbursable_expenses, updated_at = now()
    RETURNING s.*
$$;

-- What a refresh answers. Figures are always current, so it stores this month's snapshot of today and counts the analytics; without `forced`
-- it does so only if that snapshot is older than an hour. asked: of snapshots, analytics, metrics, or all; the other results are null.
-- metrics: how many performance metrics there are.
CREATE OR REPLACE FUNCTION dashboard.refresh(owner bigint, asked text[], forced boolean, metrics integer) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    began    CONSTANT timestamptz := clock_timestamp();
    month    CONSTANT date := dashboard.period_start('monthly', books.today());
    last     timestamptz;
    snapshot bigint;
    counted  bigint;
    clients  bigint;
    seconds  numeric;
BEGIN
    last := (SELECT s.updated_at FROM dashboard.snapshot s WHERE s.owner_id = owner AND s.period_type = 'monthly' AND s.snapshot_date = books.today());
    IF last > now() - interval '1 hour' AND NOT forced THEN
        RETURN json_build_object('refreshed', false, 'refresh_time', NULL, 'duration_seconds', NULL, 'results', json_build_object(
            'refreshed', false, 'reason', 'Cache is still fresh', 'last_refresh', core.iso(last)));
    END IF;
    IF asked && '{snapshots,all}' THEN
        snapshot := (SELECT s.id FROM dashboard.store_snapshot(owner, 'monthly', books.today()) s);
    END IF;
    IF asked && '{analytics,all}' THEN
        SELECT count(*), count(*) FILTER (WHERE h.category_type = 'client') INTO counted, clients
          FROM dashboard.share h
         WHERE h.owner_id = owner AND h.category_type IN ('expense', 'client', 'service') AND h.period_type = 'monthly' AND h.period_start = month AND h.n > 0;
    END IF;
    seconds := round(extract(epoch FROM clock_timestamp() - began), 6);
    RETURN json_build_object('refreshed', true, 'refresh_time', core.iso(began), 'duration_seconds', seconds, 'results', json_build_object(
        'monthly_snapshot', snapshot, 'category_analytics_count', counted, 'client_analytics_count', clients,
        'performance_metrics_count', CASE WHEN asked && '{metrics,all}' THEN metrics END,
        'refreshed', true, 'refresh_time', core.iso(began), 'duration_seconds', seconds));
END $$;

-- Analytics: overview, clients, categories, metrics. docs/api/dashboard.md

-- The last day that the figures of the period which begins on `start` include.
CREATE OR REPLACE FUNCTION dashboard.snapshot_day(period_type text, start date) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT greatest(start, least(books.today(), dashboard.period_end(period_type, start)))
$$;

-- The fewest years, quarters, months and days that together are the days from `since` to `until`; null: that side is open. Adding these up
-- reads much less than the figures of all days, because a client or a service may have some on each day.
CREATE OR REPLACE FUNCTION dashboard.spans(owner bigint, since date, until date) RETURNS TABLE (period_type text, period_start date)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 40 AS $$
    WITH RECURSIVE range AS (
        -- Before the first day and after the last one that have figures there is nothing to add up.
        SELECT greatest(since, min(p.period_start)) AS first, least(until, max(p.period_start)) AS last
          FROM dashboard.period p WHERE p.owner_id = owner AND p.period_type = 'daily'
    ), span AS (
        SELECT NULL::text AS period_type, NULL::date AS period_start, r.first AS next, r.last FROM range r
        UNION ALL
        SELECT widest.period_type, s.next, dashboard.period_end(widest.period_type, s.next) + 1, s.last
          FROM span s
         CROSS JOIN LATERAL (
               SELECT t.period_type FROM (VALUES (1, 'yearly'), (2, 'quarterly'), (3, 'monthly'), (4, 'daily')) AS t (place, period_type)
                WHERE dashboard.period_start(t.period_type, s.next) = s.next AND dashboard.period_end(t.period_type, s.next) <= s.last
                ORDER BY t.place LIMIT 1) widest
         WHERE s.next <= s.last
    )
    SELECT s.period_type, s.period_start FROM span s WHERE s.period_type IS NOT NULL
$$;
