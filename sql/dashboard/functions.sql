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

-- Live figures: docs/api/dashboard.md#live.
--
-- Triggers on dashboard.total
--   total_opened, total_reopened                            at the first change of a day    keep how many invoices were pending and overdue before
-- Triggers on books.client
--   client_was_made, client_was_changed, client_was_deleted   after a statement that writes   keep how many clients were active before

-- dashboard.due is still as it was before the change: what writes it has to write this row first. Of an owner whose books are still to be added
-- up, it is not known what there was.
CREATE OR REPLACE FUNCTION dashboard.total_opened() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pending bigint := 0;
    overdue bigint := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT coalesce(sum(d.unpaid), 0), OLD.invoices - coalesce(sum(d.invoices), 0) INTO pending, overdue
          FROM dashboard.due d WHERE d.owner_id = NEW.owner_id AND d.due_date >= books.today();
    END IF;
    INSERT INTO dashboard.opening AS o (owner_id, figure, day, value)
    SELECT NEW.owner_id, v.figure, books.today(), v.value
      FROM (VALUES ('overdue', overdue), ('pending', pending)) AS v (figure, value)
     WHERE NOT EXISTS (SELECT FROM dashboard.unbuilt u WHERE u.owner_id = NEW.owner_id)
        ON CONFLICT (owner_id, figure) DO UPDATE SET day = EXCLUDED.day, value = EXCLUDED.value WHERE o.day < EXCLUDED.day;
    RETURN NEW;
END $$;

-- The clients are changed by now, so that what was before is what is there now, without this statement's part.
CREATE OR REPLACE FUNCTION dashboard.add_opening_clients(owners bigint[], signs integer[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO dashboard.opening AS o (owner_id, figure, day, value)
    SELECT s.owner_id, 'active_clients', books.today(), dashboard.active_clients(s.owner_id) - s.n
      FROM (SELECT a.owner_id, sum(a.sign) AS n FROM unnest(owners, signs) AS a (owner_id, sign) GROUP BY a.owner_id HAVING sum(a.sign) <> 0) s
     WHERE NOT EXISTS (SELECT FROM dashboard.opening k WHERE k.owner_id = s.owner_id AND k.figure = 'active_clients' AND k.day >= books.today())
     ORDER BY s.owner_id
        ON CONFLICT (owner_id, figure) DO UPDATE SET day = EXCLUDED.day, value = EXCLUDED.value WHERE o.day < EXCLUDED.day
$$;

CREATE OR REPLACE FUNCTION dashboard.client_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM dashboard.add_opening_clients(array_agg(m.owner_id), array_agg(CASE WHEN m.is_active THEN 1 ELSE -1 END))
           FROM gone g JOIN made m USING (owner_id, id) WHERE g.is_active <> m.is_active HAVING count(*) > 0;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM dashboard.add_opening_clients(array_agg(m.owner_id), array_agg(1)) FROM made m WHERE m.is_active HAVING count(*) > 0;
    ELSE
        PERFORM dashboard.add_opening_clients(array_agg(g.owner_id), array_agg(-1)) FROM gone g WHERE g.is_active HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;

-- What a count was when the day began: what was kept, or, if nothing has changed since, what it is now.
CREATE OR REPLACE FUNCTION dashboard.opening_of(owner bigint, its_figure text, present numeric) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT o.value FROM dashboard.opening o WHERE o.owner_id = owner AND o.figure = its_figure AND o.day = books.today()), present)
$$;

-- The figures of the moment: how much each is, and what it was before, which is yesterday for money and the beginning of the day for counts.
-- sign: -1 where more is worse, so that the trend goes down. good: the trend that counts in full.
CREATE OR REPLACE FUNCTION dashboard.measures(owner bigint)
RETURNS TABLE (place integer, name text, value numeric, before numeric, confidence numeric, sign integer, weight numeric, good text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 6 AS $$
    SELECT v.*
      FROM (SELECT books.today() AS today) t
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(p.billed) FILTER (WHERE p.period_start = t.today), 0.00) AS billed,
                  coalesce(sum(p.billed) FILTER (WHERE p.period_start < t.today), 0.00) AS billed_before,
                  coalesce(sum(p.spent) FILTER (WHERE p.period_start = t.today), 0.00) AS spent,
                  coalesce(sum(p.spent) FILTER (WHERE p.period_start < t.today), 0.00) AS spent_before
             FROM dashboard.period p WHERE p.owner_id = owner AND p.period_type = 'daily' AND p.period_start IN (t.today, t.today - 1)) d
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(e.unpaid), 0) AS pending, coalesce(sum(e.invoices), 0) AS invoices
             FROM dashboard.due e WHERE e.owner_id = owner AND e.due_date >= t.today) c
     CROSS JOIN LATERAL (
           SELECT coalesce((SELECT s.invoices FROM dashboard.total s WHERE s.owner_id = owner), 0) - c.invoices AS overdue,
                  dashboard.active_clients(owner) AS clients OFFSET 0) n
     CROSS JOIN LATERAL (VALUES
           (1, 'Daily Revenue', d.billed, d.billed_before, 0.95, 1, 0.30, 'up'),
           (2, 'Daily Expenses', d.spent, d.spent_before, 0.95, -1, 0.20, 'up'),
           (3, 'Daily Profit', d.billed - d.spent, d.billed_before - d.spent_before, 0.90, 1, 0.25, 'up'),
           (4, 'Pending Invoices', c.pending, dashboard.opening_of(owner, 'pending', c.pending), 1.0, 1, 0.15, 'down'),
           (5, 'Overdue Invoices', n.overdue, dashboard.opening_of(owner, 'overdue', n.overdue), 1.0, 1, 0.10, 'down'),
           (6, 'Active Clients', n.clients::numeric, dashboard.opening_of(owner, 'active_clients', n.clients), 0.98, 1, 0.10, 'up')) AS v
$$;

-- The live figures as they are sent: metrics, with and without their time; alerts, the most urgent first; the score, of 100.
CREATE OR REPLACE FUNCTION dashboard.live_figures(owner bigint)
RETURNS TABLE (at text, score numeric, metrics json, timeless_metrics json, alerts json, conditions text[])
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    WITH measured AS (
        SELECT m.*, m.value - m.before AS change,
               CASE sign(m.value - m.before) * m.sign WHEN 1 THEN 'up' WHEN -1 THEN 'down' ELSE 'stable' END AS trend
          FROM dashboard.measures(owner) m
    ), alert AS (
        SELECT m.place, m.name, a.level, a.urgency, a.message, a.condition
          FROM measured m
         CROSS JOIN LATERAL (VALUES
               ('critical', 1, m.name = 'Daily Profit' AND m.value < 0, 'Daily profit is negative: $' || round(m.value, 2), 'negative-profit'),
               ('warning', 2, m.name = 'Overdue Invoices' AND m.value > 5, m.value || ' invoices are overdue', 'overdue-invoices'),
               ('success', 3, m.name = 'Daily Revenue' AND m.trend = 'up', m.name || ' is trending up (+$' || round(m.change, 2) || ')', NULL),
               ('success', 3, m.name = 'Active Clients' AND m.trend = 'up', m.name || ' is trending up (+' || m.change || ')', NULL)
           ) AS a (level, urgency, holds, message, condition)
         WHERE a.holds
    )
    SELECT t.at, s.score, s.metrics, s.timeless_metrics, a.alerts, a.conditions
      FROM (SELECT core.iso(now()) AS at) t
     CROSS JOIN LATERAL (
           SELECT round(100 * sum(m.weight * CASE m.trend WHEN m.good THEN 1.0 WHEN 'stable' THEN 0.7 ELSE 0.3 END) / sum(m.weight), 2) AS score,
                  json_agg(json_build_object('name', m.name, 'value', m.value, 'change', m.change, 'trend', m.trend, 'timestamp', t.at,
                                             'confidence', m.confidence) ORDER BY m.place) AS metrics,
                  json_agg(json_build_object('name', m.name, 'value', m.value, 'change', m.change, 'trend', m.trend,
                                             'confidence', m.confidence) ORDER BY m.place) AS timeless_metrics
             FROM measured m) s
     CROSS JOIN LATERAL (
           SELECT coalesce(json_agg(json_build_object('level', a.level, 'message', a.message, 'metric', a.name, 'timestamp', t.at,
                                                      'action_required', a.level <> 'success') ORDER BY a.urgency, a.place), '[]') AS alerts,
                  coalesce(array_agg(a.condition ORDER BY a.urgency) FILTER (WHERE a.condition IS NOT NULL), '{}') AS conditions
             FROM alert a) a
$$;
