-- The figures of the month in short. docs/api/dashboard.md#statistics. Money and percentages are texts with two places.

-- name: get_stats(owner_id) -> value
-- What is due today or later is not overdue, and few of an owner's days; the rest of the total is.
WITH month AS (
    SELECT coalesce(max(p.billed) FILTER (WHERE p.period_start = t.start), 0) AS billed,
           coalesce(max(p.billed) FILTER (WHERE p.period_start <> t.start), 0) AS billed_before,
           coalesce(max(p.spent) FILTER (WHERE p.period_start = t.start), 0) AS spent,
           coalesce(max(p.spent) FILTER (WHERE p.period_start <> t.start), 0) AS spent_before
      FROM (SELECT dashboard.period_start('monthly', books.today()) AS start) t
      JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = 'monthly'
                             AND p.period_start IN (t.start, dashboard.period_after('monthly', t.start, -1))
), coming AS (
    SELECT coalesce(sum(d.unpaid), 0) AS unpaid, coalesce(sum(d.balance), 0) AS balance
      FROM dashboard.due d WHERE d.owner_id = $1 AND d.due_date >= books.today()
)
SELECT json_build_object(
           'revenue_this_month', dashboard.money(m.billed), 'revenue_change', dashboard.change(m.billed, m.billed_before),
           'profit_this_month', dashboard.money(m.billed - m.spent),
           'profit_change', dashboard.change(m.billed - m.spent, m.billed_before - m.spent_before),
           'active_clients', dashboard.active_clients($1), 'pending_invoices', c.unpaid,
           'overdue_amount', dashboard.money(coalesce((SELECT t.balance FROM dashboard.total t WHERE t.owner_id = $1), 0) - c.balance),
           'expenses_this_month', dashboard.money(m.spent), 'expense_change', dashboard.change(m.spent, m.spent_before))::text
  FROM month m CROSS JOIN coming c;
