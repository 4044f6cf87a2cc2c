-- What the present period consists of. docs/api/dashboard.md#breakdown. Values are JSON numbers.

-- name: get_breakdown(owner_id, period_type, revenue_by, most) -> value
-- revenue_by: client or service. The lines of invoices have no tax.
SELECT json_build_object(
           'expense_categories', dashboard.breakdown($1, 'expense', $2, s.start, p.spent, p.expenses, $4::integer),
           'revenue_categories', dashboard.breakdown($1, $3, $2, s.start, CASE $3 WHEN 'client' THEN p.billed ELSE p.subtotal END,
                                                     CASE $3 WHEN 'client' THEN p.invoices ELSE p.lines END, $4::integer))::text
  FROM (SELECT dashboard.period_start($2, books.today()) AS start) s
  LEFT JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = $2 AND p.period_start = s.start;
