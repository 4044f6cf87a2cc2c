-- Revenue, expenses and profit over several periods. docs/api/dashboard.md#trends. Values are JSON numbers.

-- name: get_trends(owner_id, period_type, periods) -> value
-- The period that today is in is the last one. The bounds keep the join from reading all periods of the owner.
WITH bounds AS MATERIALIZED (
    SELECT dashboard.period_start($2, books.today()) AS last, dashboard.period_after($2, dashboard.period_start($2, books.today()), 1 - $3::integer) AS first
), point AS (
    SELECT dashboard.period_after($2, b.last, -before) AS start, coalesce(p.billed, 0) AS billed, coalesce(p.spent, 0) AS spent
      FROM bounds b
     CROSS JOIN generate_series(0, $3::integer - 1) AS before
      LEFT JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = $2 AND p.period_start = dashboard.period_after($2, b.last, -before)
                                  AND p.period_start BETWEEN (SELECT o.first FROM bounds o) AND (SELECT o.last FROM bounds o)
)
SELECT json_build_object(
           'period', $2::text, 'revenue_trend', json_agg(dashboard.trend_point($2, p.start, p.billed) ORDER BY p.start),
           'expense_trend', json_agg(dashboard.trend_point($2, p.start, p.spent) ORDER BY p.start),
           'profit_trend', json_agg(dashboard.trend_point($2, p.start, p.billed - p.spent) ORDER BY p.start))::text
  FROM point p;
