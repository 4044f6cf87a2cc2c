-- What the next months will bring. docs/api/dashboard.md#projections

-- name: get_projections(owner_id) -> value
-- Of the six months before the present one those with invoices count. Null: there are none. While an owner's figures are still to be added up,
-- a month may have less than nothing, of which there is no root.
WITH today AS (
    SELECT dashboard.period_start('monthly', books.today()) AS month
), past AS (
    SELECT count(*) AS n, avg(p.billed) AS mean, (array_agg(p.billed ORDER BY p.period_start))[1] AS first,
           (array_agg(p.billed ORDER BY p.period_start DESC))[1] AS last
      FROM today t
      JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = 'monthly' AND p.period_start < t.month
                             AND p.period_start >= dashboard.period_after('monthly', t.month, -6) AND p.invoices > 0 AND p.billed > 0
), trend AS (
    -- A single large or small month at either end must not be continued without bounds.
    SELECT p.mean, CASE WHEN p.n = 1 THEN 1 ELSE least(2.0, greatest(0.5, power(p.last / p.first, 1.0 / p.n))) END AS factor FROM past p WHERE p.n > 0
), month AS (
    SELECT ahead, dashboard.period_after('monthly', t.month, ahead) AS start, r.mean, r.factor, round(r.mean * power(r.factor, ahead), 2) AS projected
      FROM today t CROSS JOIN trend r CROSS JOIN generate_series(1, 3) AS ahead
)
SELECT json_agg(json_build_object(
           'period', dashboard.period_label('monthly', m.start), 'projected_revenue', m.projected::text,
           'confidence_level', dashboard.money(greatest(50, 90 - 10 * m.ahead)), 'historical_average', dashboard.money(m.mean),
           'trend_factor', round(m.factor, 4)::text, 'confirmed_revenue', dashboard.money(coalesce(p.billed, 0)),
           'pipeline_revenue', dashboard.money(0.7 * m.projected), 'recurring_revenue', dashboard.money(0.3 * m.projected)) ORDER BY m.start)::text
  FROM month m LEFT JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = 'monthly' AND p.period_start = m.start;
