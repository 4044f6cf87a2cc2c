-- Live figures, and what an owner's counts were when the day began. docs/api/dashboard.md#live
-- The area's triggers are listed in functions.sql.

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
