-- Revenue, expenses and profit over several periods. docs/api/dashboard.md#trends. Values are JSON numbers.

-- name: get_trends(owner_id, period_type, periods) -> value
-- The period that today is in is the last one.
WITH point AS (
    SELECT s.start, coalesce(p.billed, 0) AS billed, coalesce(p.spent, 0) AS spent
      FROM generate_series(0, $3::integer - 1) AS before
     CROSS JOIN LATERAL (SELECT dashboard.period_after($2, dashboard.period_start($2, books.today()), -before) AS start) s
      LEFT JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = $2 AND p.period_start = s.start
)
SELECT json_build_object(
           'period', $2::text, 'revenue_trend', json_agg(dashboard.trend_point($2, p.start, p.billed) ORDER BY p.start),
           'expense_trend', json_agg(dashboard.trend_point($2, p.start, p.spent) ORDER BY p.start),
           'profit_trend', json_agg(dashboard.trend_point($2, p.start, p.billed - p.spent) ORDER BY p.start))::text
  FROM point p;
