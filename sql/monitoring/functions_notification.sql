-- What the documented tasks do, and notifications of accounts. docs/api/monitoring.md#tasks
-- The area's triggers are listed in functions.sql.

-- Sees to it that an account's figures are right, and keeps today's monthly snapshot of those that have changed since the last one. outcome: what
-- they were, as dashboard.repair says.
CREATE OR REPLACE FUNCTION monitoring.warm_dashboard(owner bigint, OUT outcome text, OUT is_stored boolean) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    outcome := dashboard.repair(owner);
    is_stored := EXISTS (SELECT FROM dashboard.total t
                          WHERE t.owner_id = owner
                            AND NOT EXISTS (SELECT FROM dashboard.snapshot s
                                             WHERE s.owner_id = owner AND s.period_type = 'monthly' AND s.updated_at >= t.changed_at));
    IF is_stored THEN
        PERFORM dashboard.store_snapshot(owner, 'monthly', books.today());
    END IF;
END $$;

-- What an account's books amount to on the days of a period, as JSON: in all, by month, by category of expenses and by client. Money is text with
-- two places.
CREATE OR REPLACE FUNCTION monitoring.exported_figures(owner bigint, since date, until date) RETURNS json LANGUAGE sql STABLE AS $$
    WITH day AS (
        SELECT p.* FROM dashboard.period p
         WHERE p.owner_id = owner AND p.period_type = 'daily' AND p.period_start BETWEEN since AND until
    ), share AS (
        SELECT h.category_type, h.name, sum(h.amount) AS amount, sum(h.n) AS n
          FROM dashboard.share h
         WHERE h.owner_id = owner AND h.category_type IN ('client', 'expense') AND h.period_type = 'daily' AND h.n > 0
           AND h.period_start BETWEEN since AND until
         GROUP BY h.category_type, h.name
    )
    SELECT json_build_object(
        'start_date', since, 'end_date', until, 'generated_at', core.iso(now()),
        'totals', (SELECT json_build_object(
                       'total_revenue', dashboard.money(coalesce(sum(d.billed), 0)), 'total_expenses', dashboard.money(coalesce(sum(d.spent), 0)),
                       'net_profit', dashboard.money(coalesce(sum(d.billed - d.spent), 0)),
                       'reimbursable_expenses', dashboard.money(coalesce(sum(d.reimbursable), 0)), 'total_invoices', coalesce(sum(d.invoices), 0),
                       'total_expense_count', coalesce(sum(d.expenses), 0), 'total_quotes', coalesce(sum(d.quotes), 0),
                       'accepted_quotes', coalesce(sum(d.accepted), 0), 'new_clients', coalesce(sum(d.clients), 0))
                     FROM day d),
        'months', (SELECT coalesce(json_agg(json_build_object(
                              'period', m.month, 'revenue', dashboard.money(m.billed), 'expenses', dashboard.money(m.spent),
                              'profit', dashboard.money(m.billed - m.spent), 'invoices', m.invoices) ORDER BY m.month), '[]')
                     FROM (SELECT to_char(d.period_start, 'YYYY-MM') AS month, sum(d.billed) AS billed, sum(d.spent) AS spent, sum(d.invoices) AS invoices
                             FROM day d GROUP BY 1) m),
        'expense_categories', (SELECT coalesce(json_agg(json_build_object('name', s.name, 'amount', dashboard.money(s.amount), 'count', s.n)
                                                        ORDER BY s.amount DESC, s.name), '[]') FROM share s WHERE s.category_type = 'expense'),
        -- The largest: a result is kept in the history of jobs.
        'top_clients', (SELECT coalesce(json_agg(json_build_object('client_id', c.id, 'client_name', c.name, 'amount', dashboard.money(s.amount),
                                                                   'count', s.n) ORDER BY s.amount DESC, c.id), '[]')
                          FROM (SELECT s.name, s.amount, s.n FROM share s WHERE s.category_type = 'client' ORDER BY s.amount DESC, s.name LIMIT 100) s
                          JOIN books.client c ON c.owner_id = owner AND c.id = s.name::bigint))
$$;

CREATE OR REPLACE FUNCTION monitoring.notification_document(n monitoring.notification) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', n.id, 'message', n.message, 'notification_type', n.notification_type, 'created_at', core.iso(n.created_at))
$$;

-- Tells an account something: what it can read later, and an event for those who read now.
CREATE OR REPLACE FUNCTION monitoring.notify(account bigint, message text, notification_type text) RETURNS void LANGUAGE sql VOLATILE AS $$
    WITH made AS (
        INSERT INTO monitoring.notification AS n (account_id, message, notification_type)
        SELECT a.id, $2, $3 FROM accounts.account a WHERE a.id = $1
        RETURNING n.account_id, monitoring.notification_document(n) AS document
    )
    INSERT INTO core.event (topic, payload, tags)
    SELECT 'monitoring.notification', json_build_object('account_id', m.account_id, 'notification', m.document)::text, ARRAY['account:' || m.account_id]
      FROM made m
$$;

-- Removes at most `most` snapshots, exports and notifications that are older than so many days: of one account, or of all (null). Returns how
-- many of each.
CREATE OR REPLACE FUNCTION monitoring.remove_old(account bigint, days integer, most integer, OUT snapshots bigint, OUT exports bigint, OUT notifications bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    oldest timestamptz := now() - make_interval(days => days);
BEGIN
    DELETE FROM dashboard.snapshot s
     WHERE (s.owner_id, s.id) IN (SELECT o.owner_id, o.id FROM dashboard.snapshot o
                                   WHERE (account IS NULL OR o.owner_id = account) AND o.snapshot_date < (oldest AT TIME ZONE 'UTC')::date
                                   LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS snapshots = ROW_COUNT;
    DELETE FROM dashboard.export x
     WHERE (x.owner_id, x.id) IN (SELECT o.owner_id, o.id FROM dashboard.export o
                                   WHERE (account IS NULL OR o.owner_id = account) AND o.created_at < oldest
                                   LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS exports = ROW_COUNT;
    DELETE FROM monitoring.notification n
     WHERE (n.account_id, n.id) IN (SELECT o.account_id, o.id FROM monitoring.notification o
                                     WHERE (account IS NULL OR o.account_id = account) AND o.created_at < oldest
                                     LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS notifications = ROW_COUNT;
END $$;
