-- Functions of the dashboards. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0017_dashboard.sql, 0025_dashboard_analytics.sql.
--
-- Triggers on books.invoice, books.quote, books.expense, books.client
--   NOUN_figures_made, NOUN_figures_changed, NOUN_figures_gone   after a statement that writes   add up what it has changed
--
-- Money is numeric with two places. Days are those of UTC. Figures are the sums of contributions: a row that comes adds its own, a row
-- that goes takes it away, and a row that changes does both. Every transaction locks dashboard.total first, by owner, and each function
-- writes the other tables in the order due, client, period, share. The rows of a transition table have no type; ROW(…)::books.NOUN gives it.

-- The periods that a day is in.
CREATE OR REPLACE FUNCTION dashboard.periods(day date) RETURNS TABLE (period_type text, period_start date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5 AS $$
    VALUES ('daily', day), ('weekly', date_trunc('week', day::timestamp)::date), ('monthly', date_trunc('month', day::timestamp)::date),
           ('quarterly', date_trunc('quarter', day::timestamp)::date), ('yearly', date_trunc('year', day::timestamp)::date)
$$;

-- The first day of the period of this type that a day is in.
CREATE OR REPLACE FUNCTION dashboard.period_start(period_type text, day date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT date_trunc(CASE period_type WHEN 'daily' THEN 'day' WHEN 'weekly' THEN 'week' WHEN 'monthly' THEN 'month'
                                       WHEN 'quarterly' THEN 'quarter' WHEN 'yearly' THEN 'year' END, day::timestamp)::date
$$;

-- The length of a period of this type.
CREATE OR REPLACE FUNCTION dashboard.period_step(period_type text) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE period_type WHEN 'daily' THEN interval '1 day' WHEN 'weekly' THEN interval '7 days' WHEN 'monthly' THEN interval '1 month'
                            WHEN 'quarterly' THEN interval '3 months' WHEN 'yearly' THEN interval '1 year' END
$$;

-- The first day of the period `steps` after the one that begins on `start`; before it, if negative.
CREATE OR REPLACE FUNCTION dashboard.period_after(period_type text, start date, steps integer) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (start + steps * dashboard.period_step(period_type))::date
$$;

-- The last day of the period that begins on `start`.
CREATE OR REPLACE FUNCTION dashboard.period_end(period_type text, start date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT dashboard.period_after(period_type, start, 1) - 1
$$;

-- Money and percentages as the API writes them.
CREATE OR REPLACE FUNCTION dashboard.money(amount numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(amount, 2)::text
$$;

-- By how many per cent a figure has changed; 0.00 where there was nothing before.
CREATE OR REPLACE FUNCTION dashboard.change(present numeric, before numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(coalesce(100 * (present - before) / nullif(abs(before), 0), 0), 2)::text
$$;

-- How many per cent a part is of the whole; 0.00 of nothing.
CREATE OR REPLACE FUNCTION dashboard.per_cent(part numeric, whole numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(coalesce(100 * part / nullif(whole, 0), 0), 2)::text
$$;

-- Few clients are inactive; the others are all that the tally has beside these.
CREATE OR REPLACE FUNCTION dashboard.active_clients(owner bigint) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = owner AND t.kind = 'client'), 0)
         - (SELECT count(*) FROM books.client c WHERE c.owner_id = owner AND NOT c.is_active)
$$;

-- Adds to the totals of owners, and announces that their figures have changed. All that changes figures begins here, as it locks the owners.
CREATE OR REPLACE FUNCTION dashboard.add_totals(owners bigint[], open_invoices bigint[], balances numeric[]) RETURNS void LANGUAGE sql AS $$
    WITH moved AS (
        INSERT INTO dashboard.total AS t (owner_id, invoices, balance)
        SELECT a.owner_id, a.invoices, a.balance
          FROM unnest(owners, open_invoices, balances) AS a (owner_id, invoices, balance) ORDER BY a.owner_id
            ON CONFLICT (owner_id) DO UPDATE
           SET invoices = t.invoices + EXCLUDED.invoices, balance = t.balance + EXCLUDED.balance, version = t.version + 1, changed_at = now()
        RETURNING t.owner_id, t.version
    )
    INSERT INTO core.event (topic, payload, tags)
    SELECT 'dashboard.changed', json_build_object('owner_id', m.owner_id, 'version', m.version)::text, ARRAY['owner:' || m.owner_id] FROM moved m
$$;

-- The same for changes that leave the totals as they are.
CREATE OR REPLACE FUNCTION dashboard.touch_totals(owners bigint[]) RETURNS void LANGUAGE sql AS $$
    SELECT dashboard.add_totals(array_agg(o.id), array_agg(0::bigint), array_agg(0::numeric)) FROM (SELECT DISTINCT unnest(owners)) AS o (id)
$$;

-- What an invoice counts as: 'open', 'paid', or nothing.
CREATE OR REPLACE FUNCTION dashboard.counts_as(status text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN status IN ('sent', 'partial', 'overdue') THEN 'open' WHEN status = 'paid' THEN 'paid' END
$$;

-- Invoices that count, each with the sign of its contribution, the balance that is open, and the days of its payment.
CREATE OR REPLACE FUNCTION dashboard.signed_invoices(gone books.invoice[], made books.invoice[])
RETURNS TABLE (sign integer, owner_id bigint, client_id bigint, issue_date date, due_date date, total numeric, subtotal numeric, line_items json,
               is_open boolean, is_unpaid boolean, balance numeric, is_paid boolean, days integer, late_days integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT s.sign, i.owner_id, i.client_id, i.issue_date, i.due_date, i.total_amount, i.subtotal, i.line_items,
           w.state = 'open', w.state = 'open' AND i.paid_amount = 0, CASE WHEN w.state = 'open' THEN i.total_amount - i.paid_amount ELSE 0 END,
           w.state = 'paid', greatest(0, w.paid_on - i.issue_date), greatest(0, w.paid_on - i.due_date)
      FROM (VALUES (-1, gone), (1, made)) AS s (sign, invoices)
     CROSS JOIN LATERAL unnest(s.invoices) AS i
     CROSS JOIN LATERAL (SELECT dashboard.counts_as(i.status) AS state, (i.paid_at AT TIME ZONE 'UTC')::date AS paid_on) AS w
     WHERE w.state IS NOT NULL
$$;

-- Takes away what the first invoices contribute, and adds what the second do.
CREATE OR REPLACE FUNCTION dashboard.add_invoices(gone books.invoice[], made books.invoice[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dashboard.add_totals(array_agg(o.owner_id), array_agg(o.n), array_agg(o.balance))
       FROM (SELECT s.owner_id, coalesce(sum(s.sign) FILTER (WHERE s.is_open), 0) AS n, sum(s.sign * s.balance) AS balance
               FROM dashboard.signed_invoices(gone, made) s GROUP BY s.owner_id) o
     HAVING count(*) > 0;

    INSERT INTO dashboard.due AS d (owner_id, due_date, invoices, unpaid, balance)
    SELECT s.owner_id, s.due_date, sum(s.sign), coalesce(sum(s.sign) FILTER (WHERE s.is_unpaid), 0), sum(s.sign * s.balance)
      FROM dashboard.signed_invoices(gone, made) s
     WHERE s.is_open GROUP BY s.owner_id, s.due_date
        ON CONFLICT (owner_id, due_date) DO UPDATE
       SET invoices = d.invoices + EXCLUDED.invoices, unpaid = d.unpaid + EXCLUDED.unpaid, balance = d.balance + EXCLUDED.balance;

    INSERT INTO dashboard.client AS c (owner_id, client_id, billed, invoices, balance, paid, days, late_days)
    SELECT s.owner_id, s.client_id, sum(s.sign * s.total), sum(s.sign), sum(s.sign * s.balance), coalesce(sum(s.sign) FILTER (WHERE s.is_paid), 0),
           coalesce(sum(s.sign * s.days) FILTER (WHERE s.is_paid), 0), coalesce(sum(s.sign * s.late_days) FILTER (WHERE s.is_paid), 0)
      FROM dashboard.signed_invoices(gone, made) s
     GROUP BY s.owner_id, s.client_id
        ON CONFLICT (owner_id, client_id) DO UPDATE
       SET billed = c.billed + EXCLUDED.billed, invoices = c.invoices + EXCLUDED.invoices, balance = c.balance + EXCLUDED.balance,
           paid = c.paid + EXCLUDED.paid, days = c.days + EXCLUDED.days, late_days = c.late_days + EXCLUDED.late_days;

    INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, billed, subtotal, invoices)
    SELECT b.owner_id, t.period_type, t.period_start, sum(b.billed), sum(b.subtotal), sum(b.n)
      FROM (SELECT s.owner_id, s.issue_date, sum(s.sign * s.total) AS billed, sum(s.sign * s.subtotal) AS subtotal, sum(s.sign) AS n
              FROM dashboard.signed_invoices(gone, made) s
             GROUP BY s.owner_id, s.issue_date
            HAVING sum(s.sign * s.total) <> 0 OR sum(s.sign * s.subtotal) <> 0 OR sum(s.sign) <> 0) b
     CROSS JOIN LATERAL dashboard.periods(b.issue_date) t
     GROUP BY b.owner_id, t.period_type, t.period_start
        ON CONFLICT (owner_id, period_type, period_start) DO UPDATE
       SET billed = p.billed + EXCLUDED.billed, subtotal = p.subtotal + EXCLUDED.subtotal, invoices = p.invoices + EXCLUDED.invoices;

    WITH part AS (
        SELECT s.owner_id, 'client' AS category_type, s.client_id::text AS name, s.issue_date, s.sign * s.total AS amount, s.sign AS n
          FROM dashboard.signed_invoices(gone, made) s
        UNION ALL
        SELECT s.owner_id, 'service', left(l.line ->> 'description', 200), s.issue_date, s.sign * (l.line ->> 'total')::numeric, s.sign
          FROM dashboard.signed_invoices(gone, made) s CROSS JOIN LATERAL json_array_elements(s.line_items) AS l (line)
    ), day AS (
        SELECT p.owner_id, p.category_type, p.name, p.issue_date, sum(p.amount) AS amount, sum(p.n) AS n
          FROM part p GROUP BY p.owner_id, p.category_type, p.name, p.issue_date HAVING sum(p.amount) <> 0 OR sum(p.n) <> 0
    )
    INSERT INTO dashboard.share AS h (owner_id, category_type, period_type, period_start, name, amount, n)
    SELECT d.owner_id, d.category_type, t.period_type, t.period_start, d.name, sum(d.amount), sum(d.n)
      FROM day d CROSS JOIN LATERAL dashboard.periods(d.issue_date) t
     GROUP BY d.owner_id, d.category_type, t.period_type, t.period_start, d.name
        ON CONFLICT (owner_id, category_type, period_type, name, period_start) DO UPDATE
       SET amount = h.amount + EXCLUDED.amount, n = h.n + EXCLUDED.n, updated_at = now();
END $$;

CREATE OR REPLACE FUNCTION dashboard.invoice_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before books.invoice[];
    after  books.invoice[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- Most changes of an invoice leave its figures as they are.
        SELECT array_agg(ROW(g.*)::books.invoice), array_agg(ROW(m.*)::books.invoice) INTO before, after
          FROM gone g JOIN made m USING (owner_id, id)
         WHERE (dashboard.counts_as(g.status) IS NOT NULL OR dashboard.counts_as(m.status) IS NOT NULL)
           AND (dashboard.counts_as(g.status), g.client_id, g.issue_date, g.due_date, g.total_amount, g.subtotal, g.paid_amount, g.paid_at, g.line_items::text)
               IS DISTINCT FROM
               (dashboard.counts_as(m.status), m.client_id, m.issue_date, m.due_date, m.total_amount, m.subtotal, m.paid_amount, m.paid_at, m.line_items::text);
    ELSIF TG_OP = 'INSERT' THEN
        after := (SELECT array_agg(ROW(m.*)::books.invoice) FROM made m WHERE dashboard.counts_as(m.status) IS NOT NULL);
    ELSE
        before := (SELECT array_agg(ROW(g.*)::books.invoice) FROM gone g WHERE dashboard.counts_as(g.status) IS NOT NULL);
    END IF;
    IF before IS NOT NULL OR after IS NOT NULL THEN
        PERFORM dashboard.add_invoices(before, after);
    END IF;
    RETURN NULL;
END $$;

-- Quotes that were sent.
CREATE OR REPLACE FUNCTION dashboard.add_quotes(gone books.quote[], made books.quote[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dashboard.touch_totals(array_agg(q.owner_id)) FROM unnest(gone || made) q;

    WITH signed AS (
        SELECT s.sign, q.owner_id, q.issue_date, q.status = 'accepted' AS is_accepted
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, quotes) CROSS JOIN LATERAL unnest(s.quotes) AS q
    )
    INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, quotes, accepted)
    SELECT s.owner_id, t.period_type, t.period_start, sum(s.sign), coalesce(sum(s.sign) FILTER (WHERE s.is_accepted), 0)
      FROM signed s CROSS JOIN LATERAL dashboard.periods(s.issue_date) t
     GROUP BY s.owner_id, t.period_type, t.period_start
        ON CONFLICT (owner_id, period_type, period_start) DO UPDATE
       SET quotes = p.quotes + EXCLUDED.quotes, accepted = p.accepted + EXCLUDED.accepted;

    WITH signed AS (
        SELECT s.sign, q.owner_id, q.issue_date, q.client_id
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, quotes) CROSS JOIN LATERAL unnest(s.quotes) AS q
    )
    INSERT INTO dashboard.share AS h (owner_id, category_type, period_type, period_start, name, quotes)
    SELECT s.owner_id, 'client', t.period_type, t.period_start, s.client_id::text, sum(s.sign)
      FROM signed s CROSS JOIN LATERAL dashboard.periods(s.issue_date) t
     GROUP BY s.owner_id, t.period_type, t.period_start, s.client_id
    HAVING sum(s.sign) <> 0
        ON CONFLICT (owner_id, category_type, period_type, name, period_start) DO UPDATE
       SET quotes = h.quotes + EXCLUDED.quotes, updated_at = now();
END $$;

CREATE OR REPLACE FUNCTION dashboard.quote_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before books.quote[];
    after  books.quote[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(ROW(g.*)::books.quote) FILTER (WHERE g.status <> 'draft'), array_agg(ROW(m.*)::books.quote) FILTER (WHERE m.status <> 'draft') INTO before, after
          FROM gone g JOIN made m USING (owner_id, id)
         WHERE (g.status = 'draft', g.status = 'accepted', g.client_id, g.issue_date)
               IS DISTINCT FROM (m.status = 'draft', m.status = 'accepted', m.client_id, m.issue_date);
    ELSIF TG_OP = 'INSERT' THEN
        after := (SELECT array_agg(ROW(m.*)::books.quote) FROM made m WHERE m.status <> 'draft');
    ELSE
        before := (SELECT array_agg(ROW(g.*)::books.quote) FROM gone g WHERE g.status <> 'draft');
    END IF;
    IF before IS NOT NULL OR after IS NOT NULL THEN
        PERFORM dashboard.add_quotes(before, after);
    END IF;
    RETURN NULL;
END $$;

-- Expenses that are not rejected.
CREATE OR REPLACE FUNCTION dashboard.add_expenses(gone books.expense[], made books.expense[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dashboard.touch_totals(array_agg(e.owner_id)) FROM unnest(gone || made) e;

    WITH signed AS (
        SELECT s.sign, e.owner_id, e.expense_date, e.amount, e.is_billable
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, expenses) CROSS JOIN LATERAL unnest(s.expenses) AS e
    )
    INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, spent, reimbursable, expenses)
    SELECT s.owner_id, t.period_type, t.period_start, sum(s.sign * s.amount), coalesce(sum(s.sign * s.amount) FILTER (WHERE s.is_billable), 0), sum(s.sign)
      FROM signed s CROSS JOIN LATERAL dashboard.periods(s.expense_date) t
     GROUP BY s.owner_id, t.period_type, t.period_start
        ON CONFLICT (owner_id, period_type, period_start) DO UPDATE
       SET spent = p.spent + EXCLUDED.spent, reimbursable = p.reimbursable + EXCLUDED.reimbursable, expenses = p.expenses + EXCLUDED.expenses;

    WITH signed AS (
        SELECT s.sign, e.owner_id, e.expense_date, e.amount, e.category
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, expenses) CROSS JOIN LATERAL unnest(s.expenses) AS e
    )
    INSERT INTO dashboard.share AS h (owner_id, category_type, period_type, period_start, name, amount, n)
    SELECT s.owner_id, 'expense', t.period_type, t.period_start, s.category, sum(s.sign * s.amount), sum(s.sign)
      FROM signed s CROSS JOIN LATERAL dashboard.periods(s.expense_date) t
     GROUP BY s.owner_id, t.period_type, t.period_start, s.category
    HAVING sum(s.sign * s.amount) <> 0 OR sum(s.sign) <> 0
        ON CONFLICT (owner_id, category_type, period_type, name, period_start) DO UPDATE
       SET amount = h.amount + EXCLUDED.amount, n = h.n + EXCLUDED.n, updated_at = now();
END $$;

CREATE OR REPLACE FUNCTION dashboard.expense_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before books.expense[];
    after  books.expense[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(ROW(g.*)::books.expense) FILTER (WHERE g.status <> 'rejected'), array_agg(ROW(m.*)::books.expense) FILTER (WHERE m.status <> 'rejected') INTO before, after
          FROM gone g JOIN made m USING (owner_id, id)
         WHERE (g.status = 'rejected', g.expense_date, g.amount, g.category, g.is_billable)
               IS DISTINCT FROM (m.status = 'rejected', m.expense_date, m.amount, m.category, m.is_billable);
    ELSIF TG_OP = 'INSERT' THEN
        after := (SELECT array_agg(ROW(m.*)::books.expense) FROM made m WHERE m.status <> 'rejected');
    ELSE
        before := (SELECT array_agg(ROW(g.*)::books.expense) FROM gone g WHERE g.status <> 'rejected');
    END IF;
    IF before IS NOT NULL OR after IS NOT NULL THEN
        PERFORM dashboard.add_expenses(before, after);
    END IF;
    RETURN NULL;
END $$;

-- Clients that are added, by the day.
CREATE OR REPLACE FUNCTION dashboard.add_clients(gone books.client[], made books.client[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dashboard.touch_totals(array_agg(c.owner_id)) FROM unnest(gone || made) c;

    WITH signed AS (
        SELECT s.sign, c.owner_id, (c.created_at AT TIME ZONE 'UTC')::date AS day
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, clients) CROSS JOIN LATERAL unnest(s.clients) AS c
    )
    INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, clients)
    SELECT s.owner_id, t.period_type, t.period_start, sum(s.sign)
      FROM signed s CROSS JOIN LATERAL dashboard.periods(s.day) t
     GROUP BY s.owner_id, t.period_type, t.period_start
        ON CONFLICT (owner_id, period_type, period_start) DO UPDATE SET clients = p.clients + EXCLUDED.clients;
END $$;

-- A change counts too where it shows in a dashboard: the name, and whether the client is active.
CREATE OR REPLACE FUNCTION dashboard.client_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM dashboard.touch_totals(array_agg(m.owner_id)) FROM gone g JOIN made m USING (owner_id, id)
          WHERE (g.name, g.is_active) IS DISTINCT FROM (m.name, m.is_active) HAVING count(*) > 0;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM dashboard.add_clients(NULL, array_agg(ROW(m.*)::books.client)) FROM made m HAVING count(*) > 0;
    ELSE
        PERFORM dashboard.add_clients(array_agg(ROW(g.*)::books.client), NULL) FROM gone g HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;

-- Adds an owner's figures up anew, from all rows. What other transactions have written and not yet committed waits for the lock, and is added
-- after it; shares keep their ids. Returns how many rows were added up.
CREATE OR REPLACE FUNCTION dashboard.rebuild(owner bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    most   CONSTANT integer := 5000;   -- rows of a step: an array of all would not fit into memory
    steps  bigint := 0;
    after  bigint;
    batch_invoices books.invoice[];
    batch_quotes   books.quote[];
    batch_expenses books.expense[];
    batch_clients  books.client[];
BEGIN
    PERFORM dashboard.touch_totals(ARRAY[owner]);
    UPDATE dashboard.total t SET invoices = 0, balance = 0 WHERE t.owner_id = owner;
    DELETE FROM dashboard.due d WHERE d.owner_id = owner;
    DELETE FROM dashboard.client c WHERE c.owner_id = owner;
    DELETE FROM dashboard.period p WHERE p.owner_id = owner;
    UPDATE dashboard.share h SET amount = 0, n = 0, quotes = 0 WHERE h.owner_id = owner AND (h.amount, h.n, h.quotes) <> (0, 0, 0);
    after := 0;
    LOOP
        SELECT array_agg(i), max(i.id) INTO batch_invoices, after
          FROM (SELECT * FROM books.invoice i WHERE i.owner_id = owner AND i.id > after ORDER BY i.id LIMIT most) i;
        EXIT WHEN after IS NULL;
        steps := steps + cardinality(batch_invoices);
        PERFORM dashboard.add_invoices(NULL, batch_invoices);
    END LOOP;
    after := 0;
    LOOP
        SELECT array_agg(q) FILTER (WHERE q.status <> 'draft'), max(q.id), steps + count(*) INTO batch_quotes, after, steps
          FROM (SELECT * FROM books.quote q WHERE q.owner_id = owner AND q.id > after ORDER BY q.id LIMIT most) q;
        EXIT WHEN after IS NULL;
        IF batch_quotes IS NOT NULL THEN
            PERFORM dashboard.add_quotes(NULL, batch_quotes);
        END IF;
    END LOOP;
    after := 0;
    LOOP
        SELECT array_agg(e) FILTER (WHERE e.status <> 'rejected'), max(e.id), steps + count(*) INTO batch_expenses, after, steps
          FROM (SELECT * FROM books.expense e WHERE e.owner_id = owner AND e.id > after ORDER BY e.id LIMIT most) e;
        EXIT WHEN after IS NULL;
        IF batch_expenses IS NOT NULL THEN
            PERFORM dashboard.add_expenses(NULL, batch_expenses);
        END IF;
    END LOOP;
    after := 0;
    LOOP
        SELECT array_agg(c), max(c.id), steps + count(*) INTO batch_clients, after, steps
          FROM (SELECT * FROM books.client c WHERE c.owner_id = owner AND c.id > after ORDER BY c.id LIMIT most) c;
        EXIT WHEN after IS NULL;
        PERFORM dashboard.add_clients(NULL, batch_clients);
    END LOOP;
    DELETE FROM dashboard.unbuilt u WHERE u.owner_id = owner;
    RETURN steps;
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

-- By how many per cent a figure has changed, and how many per cent a part is of the whole; 0 of nothing.
CREATE OR REPLACE FUNCTION dashboard.growth(present numeric, before numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(100 * (present - before) / nullif(abs(before), 0), 0)
$$;
CREATE OR REPLACE FUNCTION dashboard.ratio(part numeric, whole numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(100 * part / nullif(whole, 0), 0)
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
                   dashboard.ratio(b.billed - b.spent, b.billed), 20, true, false),
               (3, 'Invoices Generated', 'operational', 'number', a.invoices, b.invoices, NULL, true, false),
               (4, 'New Clients', 'client', 'number', a.clients, b.clients, NULL, true, false),
               (5, 'Revenue Growth Rate', 'growth', 'percentage', dashboard.growth(a.billed, b.billed), dashboard.growth(b.billed, c.billed), 10,
                   true, false),
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
