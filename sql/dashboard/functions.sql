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
