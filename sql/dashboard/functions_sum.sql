-- The figures as sums of contributions of rows: what the triggers add and take away, and the rebuilding from all rows.
-- The area's triggers are listed in functions.sql.

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
