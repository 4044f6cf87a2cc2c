-- Comparing the figures with the rows, and repairing them.
-- The area's triggers are listed in functions.sql.

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
