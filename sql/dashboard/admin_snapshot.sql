-- Owners' snapshots of figures as the administration shows them. s: the snapshot. docs/api/dashboard.md#administration

-- filter: keys(owner_ids, ids)
(s.owner_id, s.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
s.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- name: list_rows(after, most) -> rows
SELECT s.owner_id || '.' || s.id AS key, s.period_type || ' · ' || s.snapshot_date AS label, s.snapshot_date, s.period_type, a.email AS owner,
       a.public_id::text AS owner_key, s.total_revenue, s.total_expenses, s.outstanding_amount, s.created_at,
       (/* key */ jsonb_build_array(s.owner_id, s.id) /* or as asked */)::text AS place
  FROM dashboard.snapshot s CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = s.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY s.owner_id DESC, s.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
SELECT json_build_object(
           'label', s.period_type || ' · ' || s.snapshot_date, 'number', s.id, 'snapshot_date', s.snapshot_date, 'period_type', s.period_type,
           'owner', a.email, 'owner_key', a.public_id, 'total_revenue', s.total_revenue::text, 'total_expenses', s.total_expenses::text,
           'outstanding_amount', s.outstanding_amount::text, 'total_clients', s.total_clients, 'new_clients', s.new_clients,
           'total_invoices', s.total_invoices, 'total_quotes', s.total_quotes, 'accepted', s.accepted, 'total_expense_count', s.total_expense_count,
           'reimbursable_expenses', s.reimbursable_expenses::text, 'created_at', core.iso(s.created_at), 'updated_at', core.iso(s.updated_at))::text
  FROM dashboard.snapshot s JOIN accounts.account a ON a.id = s.owner_id
 WHERE s.owner_id = $1::bigint AND s.id = $2::bigint;
