-- Functions of the dashboards. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0017_dashboard.sql.
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

-- Verifying --------------------------------------------------------------------------------------------------------------------------

-- Whether an owner's figures differ from the sums of the rows: of the months, the open balance, the balances of clients, and the shares of years. All is
-- read in one snapshot, so a change that commits meanwhile is in both or in neither.
CREATE OR REPLACE FUNCTION dashboard.differs(owner bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH invoice AS (
        SELECT i.client_id, date_trunc('month', i.issue_date::timestamp)::date AS month, sum(i.total_amount) AS billed, sum(i.subtotal) AS subtotal,
               count(*) AS n, coalesce(sum(i.total_amount - i.paid_amount) FILTER (WHERE i.status <> 'paid'), 0) AS balance,
               count(*) FILTER (WHERE i.status <> 'paid') AS open
          FROM books.invoice i
         WHERE i.owner_id = owner AND i.status IN ('sent', 'partial', 'overdue', 'paid')
         GROUP BY i.client_id, 2
    ), expense AS (
        SELECT e.category, date_trunc('month', e.expense_date::timestamp)::date AS month, sum(e.amount) AS spent,
               coalesce(sum(e.amount) FILTER (WHERE e.is_billable), 0) AS reimbursable, count(*) AS n
          FROM books.expense e WHERE e.owner_id = owner AND e.status <> 'rejected' GROUP BY e.category, 2
    ), quote AS (
        SELECT date_trunc('month', q.issue_date::timestamp)::date AS month, count(*) AS n, count(*) FILTER (WHERE q.status = 'accepted') AS accepted
          FROM books.quote q WHERE q.owner_id = owner AND q.status <> 'draft' GROUP BY 1
    ), client AS (
        SELECT date_trunc('month', c.created_at AT TIME ZONE 'UTC')::date AS month, count(*) AS n FROM books.client c WHERE c.owner_id = owner GROUP BY 1
    ), counted (what, month, a, b, c) AS (
        SELECT 'invoices', i.month::text, sum(i.billed), sum(i.subtotal), sum(i.n) FROM invoice i GROUP BY i.month
        UNION ALL SELECT 'expenses', e.month::text, sum(e.spent), sum(e.reimbursable), sum(e.n) FROM expense e GROUP BY e.month
        UNION ALL SELECT 'quotes', q.month::text, q.n, q.accepted, 0 FROM quote q
        UNION ALL SELECT 'clients', c.month::text, c.n, 0, 0 FROM client c
        UNION ALL SELECT 'open', '', sum(i.open), sum(i.balance), 0 FROM invoice i HAVING sum(i.open) > 0
        UNION ALL SELECT 'client', i.client_id::text, sum(i.billed), sum(i.balance), sum(i.n) FROM invoice i GROUP BY i.client_id
        UNION ALL SELECT 'category', e.category, sum(e.spent), sum(e.n), 0 FROM expense e GROUP BY e.category
    ), kept (what, month, a, b, c) AS (
        SELECT 'invoices', p.period_start::text, p.billed, p.subtotal, p.invoices FROM dashboard.period p
         WHERE p.owner_id = owner AND p.period_type = 'monthly' AND (p.billed, p.subtotal, p.invoices) <> (0, 0, 0)
        UNION ALL SELECT 'expenses', p.period_start::text, p.spent, p.reimbursable, p.expenses FROM dashboard.period p
         WHERE p.owner_id = owner AND p.period_type = 'monthly' AND (p.spent, p.reimbursable, p.expenses) <> (0, 0, 0)
        UNION ALL SELECT 'quotes', p.period_start::text, p.quotes, p.accepted, 0 FROM dashboard.period p
         WHERE p.owner_id = owner AND p.period_type = 'monthly' AND (p.quotes, p.accepted) <> (0, 0)
        UNION ALL SELECT 'clients', p.period_start::text, p.clients, 0, 0 FROM dashboard.period p
         WHERE p.owner_id = owner AND p.period_type = 'monthly' AND p.clients <> 0
        UNION ALL SELECT 'open', '', t.invoices, t.balance, 0 FROM dashboard.total t WHERE t.owner_id = owner AND (t.invoices, t.balance) <> (0, 0)
        UNION ALL SELECT 'client', k.client_id::text, k.billed, k.balance, k.invoices FROM dashboard.client k
         WHERE k.owner_id = owner AND (k.billed, k.balance, k.invoices) <> (0, 0, 0)
        UNION ALL SELECT 'category', h.name, sum(h.amount), sum(h.n), 0 FROM dashboard.share h
         WHERE h.owner_id = owner AND h.category_type = 'expense' AND h.period_type = 'yearly' AND (h.amount, h.n) <> (0, 0) GROUP BY h.name
    )
    SELECT EXISTS (SELECT * FROM counted EXCEPT SELECT * FROM kept) OR EXISTS (SELECT * FROM kept EXCEPT SELECT * FROM counted)
$$;

-- Adds an owner's figures up anew if they were never added up, or differ from the rows. Returns what they were: unbuilt, wrong or right.
CREATE OR REPLACE FUNCTION dashboard.repair(owner bigint) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    state text := CASE WHEN EXISTS (SELECT FROM dashboard.unbuilt u WHERE u.owner_id = owner) THEN 'unbuilt'
                       WHEN dashboard.differs(owner) THEN 'wrong' ELSE 'right' END;
BEGIN
    IF state <> 'right' THEN
        PERFORM dashboard.rebuild(owner);
    END IF;
    RETURN state;
END $$;
