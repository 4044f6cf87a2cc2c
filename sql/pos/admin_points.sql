-- Entries of customers' points as the administration shows them (handlers/api/admin.py). docs/api/pos.md#administration

-- filter: keys(ids)
e.id = ANY ($1::bigint[])

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: customer(id)
e.customer_id = $1::bigint AND e.customer_id BETWEEN $1::bigint AND $1::bigint

-- filter: type(type)
e.transaction_type = $1::text AND e.transaction_type BETWEEN $1::text AND $1::text

-- name: list_rows(after, most) -> rows
SELECT e.id::text AS key, e.transaction_type || ' ' || e.amount AS label, e.created_at, e.transaction_type, e.amount, e.description,
       (SELECT c.first_name || ' ' || c.last_name FROM pos.customer c WHERE c.id = e.customer_id) AS customer, e.customer_id::text AS customer_key,
       (/* key */ jsonb_build_array(e.id) /* or as asked */)::text AS place
  FROM pos.point_entry e
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY e.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'label', e.transaction_type || ' ' || e.amount, 'transaction_type', e.transaction_type, 'amount', e.amount,
           'customer', c.first_name || ' ' || c.last_name, 'customer_key', c.id::text, 'description', e.description,
           'created_at', core.iso(e.created_at))::text
  FROM pos.point_entry e JOIN pos.customer c ON c.id = e.customer_id WHERE e.id = $1::bigint;
