-- Functions of the dashboards. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0017_dashboard.sql, 0018_dashboard_snapshot.sql, 0019_dashboard_export.sql, 0023_dashboard_live.sql.
--
-- Triggers on books.invoice, books.quote, books.expense, books.client
--   NOUN_valued, NOUN_revalued, NOUN_unvalued                 after a statement that writes               add up what it has changed
-- Triggers on books.client, after these
--   client_was_made, client_was_changed, client_was_deleted   after a statement that writes               keep how many clients were active when the day began
-- Triggers on dashboard.total
--   total_opened, total_reopened                              at the first change of a day                keep how many invoices were pending and overdue
--   total_gone                                                after a row goes with its account           the owner's other figures go
-- Trigger on dashboard.export
--   export_announced                                          after a row is made, or its status, stage   writes an event
--                                                             or percent is written
--
-- Money is numeric with two places. Days are those of UTC. Figures are the sums of contributions: a row that comes adds its own, a row
-- that goes takes it away, and a row that changes does both. A transaction locks the owner's row of dashboard.total before it writes another
-- figure of that owner. The rows of a transition table have no type; ROW(…)::books.NOUN gives it.

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

-- By how many per cent a figure has changed, and how many per cent a part is of the whole; 0 of nothing.
CREATE OR REPLACE FUNCTION dashboard.growth(present numeric, before numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(100 * (present - before) / nullif(abs(before), 0), 0)
$$;
CREATE OR REPLACE FUNCTION dashboard.ratio(part numeric, whole numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(100 * part / nullif(whole, 0), 0)
$$;

-- The same as the API writes them.
CREATE OR REPLACE FUNCTION dashboard.change(present numeric, before numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(dashboard.growth(present, before), 2)::text
$$;
CREATE OR REPLACE FUNCTION dashboard.per_cent(part numeric, whole numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(dashboard.ratio(part, whole), 2)::text
$$;

-- Few clients are inactive; the others are all that the tally has beside these.
CREATE OR REPLACE FUNCTION dashboard.active_clients(owner bigint) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = owner AND t.kind = 'client'), 0)
         - (SELECT count(*) FROM books.client c WHERE c.owner_id = owner AND NOT c.is_active)
$$;

-- In which sixteenth of a doubling an amount is. A larger amount never has a smaller magnitude, so ORDER BY magnitude DESC, amount DESC is the order by
-- amount; and the magnitude of a sum of many seldom changes, so an index by it is cheap to keep. Less than a cent is below all others.
CREATE OR REPLACE FUNCTION dashboard.magnitude(amount numeric) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN amount > 0 THEN floor(16 * ln(amount::float8) / ln(2::float8)) WHEN amount <= 0 THEN -200 END::smallint
$$;

-- How well a client pays: 100, less two for each day that its payments are late on average.
CREATE OR REPLACE FUNCTION dashboard.score(paid bigint, late_days bigint) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN paid > 0 THEN greatest(0, 100 - round(2.0 * late_days / paid, 2)) ELSE 100 END
$$;

-- How likely it is that a client does not pay, by its score and its balance.
CREATE OR REPLACE FUNCTION dashboard.risk(score numeric, balance numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN score < 70 OR balance > 10000 THEN 'high' WHEN score < 85 OR balance > 5000 THEN 'medium' ELSE 'low' END
$$;

-- Locks the totals of owners and announces that their figures have changed, without changing the totals.
CREATE OR REPLACE FUNCTION dashboard.touch_totals(owners bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH moved AS (
        INSERT INTO dashboard.total AS t (owner_id, invoices, balance)
        SELECT DISTINCT o.id, 0, 0 FROM unnest(owners) AS o (id) ORDER BY o.id
            ON CONFLICT (owner_id) DO UPDATE SET version = t.version + 1, changed_at = now()
        RETURNING t.owner_id, t.version
    )
    INSERT INTO core.event (topic, payload, tags) SELECT e.* FROM moved m CROSS JOIN LATERAL dashboard.change_event(m.owner_id, m.version) e;
END $$;

-- The event that tells of changed figures.
CREATE OR REPLACE FUNCTION dashboard.change_event(owner bigint, version bigint) RETURNS TABLE (topic text, payload text, tags text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT 'dashboard.changed', '{"owner_id":' || owner || ',"version":' || version || '}', ARRAY['owner:' || owner]
$$;

-- Whether an invoice with this status counts: drafts and cancelled ones don't.
CREATE OR REPLACE FUNCTION dashboard.counts(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT status NOT IN ('draft', 'cancelled')
$$;

-- Invoices that count, each with the sign of its contribution, the balance that is open, and the days of its payment.
CREATE OR REPLACE FUNCTION dashboard.signed_invoices(gone books.invoice[], made books.invoice[])
RETURNS TABLE (sign integer, owner_id bigint, client_id bigint, issue_date date, due_date date, total numeric, subtotal numeric, line_items json,
               is_open boolean, is_unpaid boolean, balance numeric, is_paid boolean, days integer, late_days integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT s.sign, i.owner_id, i.client_id, i.issue_date, i.due_date, i.total_amount, i.subtotal, i.line_items,
           i.status <> 'paid', i.paid_amount = 0, i.total_amount - i.paid_amount, i.status = 'paid',
           greatest(0, (i.paid_at AT TIME ZONE 'UTC')::date - i.issue_date), greatest(0, (i.paid_at AT TIME ZONE 'UTC')::date - i.due_date)
      FROM (VALUES (-1, gone), (1, made)) AS s (sign, invoices) CROSS JOIN LATERAL unnest(s.invoices) AS i
     WHERE dashboard.counts(i.status)
$$;

-- Takes away what the first invoices contribute, and adds what the second do. bills: what they bill differs, and not only what is paid of them.
-- Each owner's total is locked first: all other rows are joined with it, or are written by a later statement.
CREATE OR REPLACE FUNCTION dashboard.add_invoices(gone books.invoice[], made books.invoice[], bills boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH signed AS MATERIALIZED (
        SELECT * FROM dashboard.signed_invoices(gone, made)
    ), moved AS (
        INSERT INTO dashboard.total AS t (owner_id, invoices, balance)
        SELECT s.owner_id, coalesce(sum(s.sign) FILTER (WHERE s.is_open), 0), sum(s.sign * s.balance) FROM signed s GROUP BY s.owner_id ORDER BY s.owner_id
            ON CONFLICT (owner_id) DO UPDATE
           SET invoices = t.invoices + EXCLUDED.invoices, balance = t.balance + EXCLUDED.balance, version = t.version + 1, changed_at = now()
        RETURNING t.owner_id, t.version
    ), told AS (
        INSERT INTO core.event (topic, payload, tags) SELECT e.* FROM moved m CROSS JOIN LATERAL dashboard.change_event(m.owner_id, m.version) e
    ), due AS (
        INSERT INTO dashboard.due AS d (owner_id, due_date, invoices, unpaid, balance)
        SELECT s.owner_id, s.due_date, sum(s.sign), coalesce(sum(s.sign) FILTER (WHERE s.is_unpaid), 0), sum(s.sign * s.balance)
          FROM moved m JOIN signed s ON s.owner_id = m.owner_id AND s.is_open
         GROUP BY s.owner_id, s.due_date
            ON CONFLICT (owner_id, due_date) DO UPDATE
           SET invoices = d.invoices + EXCLUDED.invoices, unpaid = d.unpaid + EXCLUDED.unpaid, balance = d.balance + EXCLUDED.balance
    )
    INSERT INTO dashboard.client AS c (owner_id, client_id, billed, invoices, balance, paid, days, late_days, score, risk)
    SELECT g.owner_id, g.client_id, g.billed, g.invoices, g.balance, g.paid, g.days, g.late_days, dashboard.score(g.paid, g.late_days),
           dashboard.risk(dashboard.score(g.paid, g.late_days), g.balance)
      FROM (SELECT s.owner_id, s.client_id, sum(s.sign * s.total) AS billed, sum(s.sign) AS invoices, sum(s.sign * s.balance) AS balance,
                   coalesce(sum(s.sign) FILTER (WHERE s.is_paid), 0) AS paid, coalesce(sum(s.sign * s.days) FILTER (WHERE s.is_paid), 0) AS days,
                   coalesce(sum(s.sign * s.late_days) FILTER (WHERE s.is_paid), 0) AS late_days
              FROM moved m JOIN signed s ON s.owner_id = m.owner_id
             GROUP BY s.owner_id, s.client_id) g
        ON CONFLICT (owner_id, client_id) DO UPDATE
       SET billed = c.billed + EXCLUDED.billed, invoices = c.invoices + EXCLUDED.invoices, balance = c.balance + EXCLUDED.balance,
           paid = c.paid + EXCLUDED.paid, days = c.days + EXCLUDED.days, late_days = c.late_days + EXCLUDED.late_days,
           score = dashboard.score(c.paid + EXCLUDED.paid, c.late_days + EXCLUDED.late_days),
           risk = dashboard.risk(dashboard.score(c.paid + EXCLUDED.paid, c.late_days + EXCLUDED.late_days), c.balance + EXCLUDED.balance);

    IF NOT bills THEN
        RETURN;
    END IF;
    WITH signed AS MATERIALIZED (
        SELECT s.sign, s.owner_id, s.client_id, s.issue_date, s.total, s.subtotal, s.line_items FROM dashboard.signed_invoices(gone, made) s
    ), period AS (
        INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, billed, subtotal, invoices, lines)
        SELECT s.owner_id, t.period_type, t.period_start, sum(s.sign * s.total), sum(s.sign * s.subtotal), sum(s.sign),
               sum(s.sign * json_array_length(s.line_items))
          FROM signed s CROSS JOIN LATERAL dashboard.periods(s.issue_date) t
         GROUP BY s.owner_id, t.period_type, t.period_start
            ON CONFLICT (owner_id, period_type, period_start) DO UPDATE
           SET billed = p.billed + EXCLUDED.billed, subtotal = p.subtotal + EXCLUDED.subtotal, invoices = p.invoices + EXCLUDED.invoices,
               lines = p.lines + EXCLUDED.lines
    ), part AS (
        SELECT s.owner_id, 'client' AS category_type, s.client_id::text AS name, s.issue_date, s.sign * s.total AS amount, s.sign AS n
          FROM signed s
        UNION ALL
        SELECT s.owner_id, 'service', left(l.line ->> 'description', 200), s.issue_date, s.sign * (l.line ->> 'total')::numeric, s.sign
          FROM signed s CROSS JOIN LATERAL json_array_elements(s.line_items) AS l (line)
    ), day AS (
        SELECT p.owner_id, p.category_type, p.name, p.issue_date, sum(p.amount) AS amount, sum(p.n) AS n
          FROM part p GROUP BY p.owner_id, p.category_type, p.name, p.issue_date HAVING sum(p.amount) <> 0 OR sum(p.n) <> 0
    )
    INSERT INTO dashboard.share AS h (owner_id, category_type, period_type, period_start, name, amount, magnitude, n)
    SELECT d.owner_id, d.category_type, t.period_type, t.period_start, d.name, sum(d.amount), dashboard.magnitude(sum(d.amount)), sum(d.n)
      FROM day d CROSS JOIN LATERAL dashboard.periods(d.issue_date) t
     GROUP BY d.owner_id, d.category_type, t.period_type, t.period_start, d.name
        ON CONFLICT (owner_id, category_type, period_type, name, period_start) DO UPDATE
       SET amount = h.amount + EXCLUDED.amount, magnitude = dashboard.magnitude(h.amount + EXCLUDED.amount), n = h.n + EXCLUDED.n, updated_at = now();
END $$;

CREATE OR REPLACE FUNCTION dashboard.invoice_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before books.invoice[];
    after  books.invoice[];
    bills  boolean := true;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- This test costs less than the next one, and drafts are changed most often.
        IF NOT EXISTS (SELECT FROM made m WHERE dashboard.counts(m.status)) AND NOT EXISTS (SELECT FROM gone g WHERE dashboard.counts(g.status)) THEN
            RETURN NULL;
        END IF;
        -- Most other changes leave the figures as they are, too.
        SELECT array_agg(ROW(g.*)::books.invoice), array_agg(ROW(m.*)::books.invoice),
               bool_or((dashboard.counts(g.status), g.client_id, g.issue_date, g.total_amount, g.subtotal, g.line_items::text)
                       IS DISTINCT FROM
                       (dashboard.counts(m.status), m.client_id, m.issue_date, m.total_amount, m.subtotal, m.line_items::text))
          INTO before, after, bills
          FROM gone g JOIN made m USING (owner_id, id)
         WHERE (dashboard.counts(g.status) OR dashboard.counts(m.status))
           AND (dashboard.counts(g.status), g.status = 'paid', g.client_id, g.issue_date, g.due_date, g.total_amount, g.subtotal, g.paid_amount, g.paid_at,
                g.line_items::text)
               IS DISTINCT FROM
               (dashboard.counts(m.status), m.status = 'paid', m.client_id, m.issue_date, m.due_date, m.total_amount, m.subtotal, m.paid_amount, m.paid_at,
                m.line_items::text);
    ELSIF TG_OP = 'INSERT' THEN
        after := (SELECT array_agg(ROW(m.*)::books.invoice) FROM made m WHERE dashboard.counts(m.status));
    ELSE
        before := (SELECT array_agg(ROW(g.*)::books.invoice) FROM gone g WHERE dashboard.counts(g.status));
    END IF;
    IF before IS NOT NULL OR after IS NOT NULL THEN
        PERFORM dashboard.add_invoices(before, after, bills);
    END IF;
    RETURN NULL;
END $$;

-- Quotes that were sent.
CREATE OR REPLACE FUNCTION dashboard.add_quotes(gone books.quote[], made books.quote[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dashboard.touch_totals(ARRAY(SELECT q.owner_id FROM unnest(gone || made) q));

    WITH signed AS MATERIALIZED (
        SELECT s.sign, q.owner_id, q.issue_date, q.client_id, q.status = 'accepted' AS is_accepted
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, quotes) CROSS JOIN LATERAL unnest(s.quotes) AS q
    ), period AS (
        INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, quotes, accepted)
        SELECT s.owner_id, t.period_type, t.period_start, sum(s.sign), coalesce(sum(s.sign) FILTER (WHERE s.is_accepted), 0)
          FROM signed s CROSS JOIN LATERAL dashboard.periods(s.issue_date) t
         GROUP BY s.owner_id, t.period_type, t.period_start
            ON CONFLICT (owner_id, period_type, period_start) DO UPDATE
           SET quotes = p.quotes + EXCLUDED.quotes, accepted = p.accepted + EXCLUDED.accepted
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
    PERFORM dashboard.touch_totals(ARRAY(SELECT e.owner_id FROM unnest(gone || made) e));

    WITH day AS MATERIALIZED (
        SELECT e.owner_id, e.expense_date, e.category, sum(s.sign * e.amount) AS amount, sum(s.sign) AS n,
               coalesce(sum(s.sign * e.amount) FILTER (WHERE e.is_billable), 0) AS reimbursable
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, expenses) CROSS JOIN LATERAL unnest(s.expenses) AS e
         GROUP BY e.owner_id, e.expense_date, e.category
    ), period AS (
        INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, spent, reimbursable, expenses)
        SELECT d.owner_id, t.period_type, t.period_start, sum(d.amount), sum(d.reimbursable), sum(d.n)
          FROM day d CROSS JOIN LATERAL dashboard.periods(d.expense_date) t
         GROUP BY d.owner_id, t.period_type, t.period_start
            ON CONFLICT (owner_id, period_type, period_start) DO UPDATE
           SET spent = p.spent + EXCLUDED.spent, reimbursable = p.reimbursable + EXCLUDED.reimbursable, expenses = p.expenses + EXCLUDED.expenses
    )
    INSERT INTO dashboard.share AS h (owner_id, category_type, period_type, period_start, name, amount, magnitude, n)
    SELECT d.owner_id, 'expense', t.period_type, t.period_start, d.category, sum(d.amount), dashboard.magnitude(sum(d.amount)), sum(d.n)
      FROM day d CROSS JOIN LATERAL dashboard.periods(d.expense_date) t
     GROUP BY d.owner_id, t.period_type, t.period_start, d.category
    HAVING sum(d.amount) <> 0 OR sum(d.n) <> 0
        ON CONFLICT (owner_id, category_type, period_type, name, period_start) DO UPDATE
       SET amount = h.amount + EXCLUDED.amount, magnitude = dashboard.magnitude(h.amount + EXCLUDED.amount), n = h.n + EXCLUDED.n, updated_at = now();
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
    PERFORM dashboard.touch_totals(ARRAY(SELECT c.owner_id FROM unnest(gone || made) c));

    WITH day AS MATERIALIZED (
        SELECT c.owner_id, (c.created_at AT TIME ZONE 'UTC')::date AS day, sum(s.sign) AS n
          FROM (VALUES (-1, gone), (1, made)) AS s (sign, clients) CROSS JOIN LATERAL unnest(s.clients) AS c
         GROUP BY 1, 2
    )
    INSERT INTO dashboard.period AS p (owner_id, period_type, period_start, clients)
    SELECT d.owner_id, t.period_type, t.period_start, sum(d.n)
      FROM day d CROSS JOIN LATERAL dashboard.periods(d.day) t
     GROUP BY d.owner_id, t.period_type, t.period_start
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

-- An account is deleted only with empty books; what remains of its figures are zeros.
CREATE OR REPLACE FUNCTION dashboard.total_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM dashboard.due d WHERE d.owner_id = OLD.owner_id;
    DELETE FROM dashboard.period p WHERE p.owner_id = OLD.owner_id;
    DELETE FROM dashboard.share h WHERE h.owner_id = OLD.owner_id;
    RETURN NULL;
END $$;

-- Adds an owner's figures up anew, from all rows. What other transactions have written and not yet committed waits for the lock, and is added
-- after it, so nothing that counts changes meanwhile; shares keep their ids. Rows are taken in the order of their days, so that each step writes
-- few figures. Returns how many rows were added up.
CREATE OR REPLACE FUNCTION dashboard.rebuild(owner bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    most  CONSTANT integer := 5000;   -- rows of a step: an array of all would not fit into memory
    rows  bigint := 0;
    after record;
    some_invoices books.invoice[];
    some_quotes   books.quote[];
    some_expenses books.expense[];
    some_clients  books.client[];
BEGIN
    PERFORM dashboard.touch_totals(ARRAY[owner]);
    UPDATE dashboard.total t SET invoices = 0, balance = 0 WHERE t.owner_id = owner;
    DELETE FROM dashboard.due d WHERE d.owner_id = owner;
    DELETE FROM dashboard.client c WHERE c.owner_id = owner;
    DELETE FROM dashboard.period p WHERE p.owner_id = owner;
    UPDATE dashboard.share h SET amount = 0, magnitude = dashboard.magnitude(0), n = 0, quotes = 0 WHERE h.owner_id = owner AND (h.amount, h.n, h.quotes) <> (0, 0, 0);
    SELECT '-infinity'::date AS day, 0::bigint AS id INTO after;
    LOOP
        some_invoices := ARRAY(SELECT i FROM books.invoice i
                                WHERE i.owner_id = owner AND (i.issue_date, i.id) > (after.day, after.id) AND dashboard.counts(i.status)
                                ORDER BY i.issue_date, i.id LIMIT most);
        EXIT WHEN cardinality(some_invoices) = 0;
        PERFORM dashboard.add_invoices(NULL, some_invoices, true);
        rows := rows + cardinality(some_invoices);
        SELECT i.issue_date AS day, i.id INTO after FROM unnest(some_invoices[cardinality(some_invoices):]) i;
    END LOOP;
    SELECT '-infinity'::date AS day, 0::bigint AS id INTO after;
    LOOP
        some_quotes := ARRAY(SELECT q FROM books.quote q
                              WHERE q.owner_id = owner AND (q.issue_date, q.id) > (after.day, after.id) AND q.status <> 'draft'
                              ORDER BY q.issue_date, q.id LIMIT most);
        EXIT WHEN cardinality(some_quotes) = 0;
        PERFORM dashboard.add_quotes(NULL, some_quotes);
        rows := rows + cardinality(some_quotes);
        SELECT q.issue_date AS day, q.id INTO after FROM unnest(some_quotes[cardinality(some_quotes):]) q;
    END LOOP;
    SELECT '-infinity'::date AS day, '-infinity'::timestamptz AS at, 0::bigint AS id INTO after;
    LOOP
        some_expenses := ARRAY(SELECT e FROM books.expense e
                                WHERE e.owner_id = owner AND (e.expense_date, e.created_at, e.id) > (after.day, after.at, after.id) AND e.status <> 'rejected'
                                ORDER BY e.expense_date, e.created_at, e.id LIMIT most);
        EXIT WHEN cardinality(some_expenses) = 0;
        PERFORM dashboard.add_expenses(NULL, some_expenses);
        rows := rows + cardinality(some_expenses);
        SELECT e.expense_date AS day, e.created_at AS at, e.id INTO after FROM unnest(some_expenses[cardinality(some_expenses):]) e;
    END LOOP;
    SELECT '-infinity'::timestamptz AS at, 0::bigint AS id INTO after;
    LOOP
        some_clients := ARRAY(SELECT c FROM books.client c
                               WHERE c.owner_id = owner AND (c.created_at, c.id) > (after.at, after.id)
                               ORDER BY c.created_at, c.id LIMIT most);
        EXIT WHEN cardinality(some_clients) = 0;
        PERFORM dashboard.add_clients(NULL, some_clients);
        rows := rows + cardinality(some_clients);
        SELECT c.created_at AS at, c.id INTO after FROM unnest(some_clients[cardinality(some_clients):]) c;
    END LOOP;
    DELETE FROM dashboard.unbuilt u WHERE u.owner_id = owner;
    RETURN rows;
END $$;

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

-- Exports

-- A new export, or the same one that is under way; its job is enqueued unless it is in the queue. No row: the owner has `most` under way; requests at
-- the same moment may make a few more.
CREATE OR REPLACE FUNCTION dashboard.queue_export(
    owner bigint, its_format text, its_type text, its_period text, with_charts boolean, most bigint)
RETURNS SETOF dashboard.export LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
DECLARE
    made dashboard.export;
BEGIN
    INSERT INTO dashboard.export AS x (owner_id, export_format, export_type, period_type, include_charts, day, position)
    SELECT owner, its_format, its_type, its_period, with_charts, books.today(), head.position
      FROM core.event_head head
     WHERE (SELECT count(*) FROM dashboard.export y WHERE y.owner_id = owner AND y.status IN ('queued', 'running')) < most
        OR EXISTS (SELECT FROM dashboard.export y
                    WHERE y.owner_id = owner AND y.export_format = its_format AND y.export_type = its_type AND y.period_type = its_period
                      AND y.include_charts = with_charts AND y.day = books.today() AND y.status IN ('queued', 'running'))
        -- The update changes nothing: it is there for RETURNING.
        ON CONFLICT (owner_id, export_format, export_type, period_type, include_charts, day) WHERE status IN ('queued', 'running')
           DO UPDATE SET day = x.day
    RETURNING x.* INTO made;
    IF FOUND THEN
        PERFORM core.enqueue_job('dashboard.export', jsonb_build_object('owner_id', owner, 'id', made.id),
                                 dedupe_key => format('dashboard.export:%s:%s', owner, made.id));
        RETURN NEXT made;
    END IF;
END $$;

-- Verifying

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

-- Exports. docs/api/dashboard.md#export

-- The name of the file.
CREATE OR REPLACE FUNCTION dashboard.export_name(x dashboard.export) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'dashboard_' || x.export_type || '_' || to_char(x.day, 'YYYYMMDD') || '.' || x.export_format
$$;

-- Where the owner downloads the file; null until it is there.
CREATE OR REPLACE FUNCTION dashboard.export_url(x dashboard.export) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x.status = 'done' THEN '/api/dashboard/downloads/' || dashboard.export_name(x) || '?id=' || x.id END
$$;

-- file: the key of the file, for which the handler puts a link.
CREATE OR REPLACE FUNCTION dashboard.export_document(x dashboard.export) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', x.id, 'status', x.status, 'stage', x.stage, 'percent', x.percent, 'export_format', x.export_format, 'export_type', x.export_type,
        'period_type', x.period_type, 'include_charts', x.include_charts, 'export_url', dashboard.export_url(x), 'file', 'media:' || x.key,
        'file_size', x.file_size, 'error', x.error, 'created_at', core.iso(x.created_at),
        'generated_at', CASE WHEN x.status = 'done' THEN core.iso(x.finished_at) END, 'expires_at', core.iso(x.created_at + interval '7 days'))
$$;

-- What a stream tells of an export.
CREATE OR REPLACE FUNCTION dashboard.export_event(x dashboard.export) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', x.id, 'status', x.status, 'stage', x.stage, 'percent', x.percent, 'export_url', dashboard.export_url(x), 'file_size', x.file_size,
        'error', x.error, 'generated_at', CASE WHEN x.status = 'done' THEN core.iso(x.finished_at) END)
$$;

-- Announces an export. The tag `end` marks its last event.
CREATE OR REPLACE FUNCTION dashboard.export_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload, tags)
    VALUES ('dashboard.export', dashboard.export_event(NEW)::text,
            ARRAY['owner:' || NEW.owner_id, 'export:' || NEW.id] || CASE WHEN NEW.status IN ('done', 'failed') THEN ARRAY['end'] ELSE ARRAY[]::text[] END);
    RETURN NULL;
END $$;

-- Live figures: docs/api/dashboard.md#live.

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
