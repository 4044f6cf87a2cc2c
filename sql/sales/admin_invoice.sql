-- Invoices as the administration shows them, also deleted ones (handlers/api/admin.py). docs/api/sales.md#administration

-- filter: keys(ids)
i.id = ANY ($1::bigint[])

-- filter: search(longest, words)
i.id = ANY (ARRAY(SELECT f.id FROM sales.find_invoices($1::text, $2::text[]) AS f (id)))

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: status(status)
i.status = $1::text

-- filter: customer(id)
i.customer_id = $1::bigint AND i.customer_id BETWEEN $1::bigint AND $1::bigint

-- filter: salesman(id)
i.salesman_id = $1::bigint AND i.salesman_id BETWEEN $1::bigint AND $1::bigint

-- filter: creator(name)
coalesce(i.created_by, '') = $1::text AND coalesce(i.created_by, '') BETWEEN $1::text AND $1::text

-- filter: importer(public_id)
i.created_user_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)
AND i.created_user_id BETWEEN (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)
    AND (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)

-- filter: since(first_day)
i.invoice_date >= $1::date

-- filter: until(last_day)
i.invoice_date <= $1::date

-- filter: is_active_true()
i.is_active

-- filter: is_active_false()
NOT i.is_active

-- name: list_rows(after, most) -> rows
SELECT i.id::text AS key, i.invoice_no AS label, i.invoice_no, i.status, i.invoice_date, i.created_at, i.is_active,
       (SELECT c.name FROM sales.customer c WHERE c.id = i.customer_id) AS customer, i.customer_id::text AS customer_key,
       (SELECT s.name FROM sales.salesman s WHERE s.id = i.salesman_id) AS salesman, i.salesman_id::text AS salesman_key,
       (SELECT coalesce(round(sum(t.quantity * t.mrp), 2), 0) FROM sales.invoice_item t WHERE t.invoice_id = i.id) AS total_amount,
       (/* key */ jsonb_build_array(i.id) /* or as asked */)::text AS place
  FROM sales.invoice i
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY i.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
-- customer, salesman: the keys, for the form. items: as the API takes them; lines: as people read them.
SELECT json_build_object(
           'label', i.invoice_no, 'status', i.status, 'invoice_date', i.invoice_date, 'customer', i.customer_id::text, 'customer_name', c.name,
           'customer_name_key', c.id::text, 'customer_code', c.code, 'salesman', i.salesman_id::text, 'salesman_name', s.name,
           'salesman_name_key', s.id::text, 'created_by', i.created_by, 'created_by_key', nullif(i.created_by, ''), 'remarks', i.remarks,
           'importer', accounts.full_name(a), 'importer_key', a.public_id::text, 'is_active', i.is_active, 'version', i.version,
           'created_at', core.iso(i.created_at), 'total_amount', lines.total, 'lines', lines.shown, 'items', lines.sent)::text
  FROM sales.invoice i
  JOIN sales.customer c ON c.id = i.customer_id
  LEFT JOIN sales.salesman s ON s.id = i.salesman_id
  LEFT JOIN accounts.account a ON a.id = i.created_user_id
 CROSS JOIN LATERAL (
       SELECT coalesce(round(sum(t.quantity * t.mrp), 2), 0) AS total,
              coalesce(json_agg(json_build_object(
                  'name', t.name, 'code', t.item_code, 'quantity', t.quantity, 'mrp', t.mrp, 'amount', round(t.quantity * t.mrp, 2),
                  'shelf', t.shelf_location, 'batch', t.batch_no, 'expires', t.expiry_date, 'company', t.company_name, 'packing', t.packing,
                  'remarks', t.remarks) ORDER BY t.id), '[]') AS shown,
              coalesce(json_agg(json_build_object(
                  'name', t.name, 'item_code', t.item_code, 'quantity', t.quantity, 'mrp', t.mrp, 'shelf_location', t.shelf_location,
                  'company_name', t.company_name, 'packing', t.packing, 'batch_no', t.batch_no, 'expiry_date', t.expiry_date,
                  'remarks', t.remarks) ORDER BY t.id), '[]') AS sent
         FROM sales.invoice_item t WHERE t.invoice_id = i.id) lines
 WHERE i.id = $1::bigint;

-- name: get_body(body) -> row
-- The form's body as the API takes it: the customer by code, the salesman by name. has_customer, has_salesman: whether they exist.
SELECT c.id IS NOT NULL AS has_customer, s.id IS NOT NULL AS has_salesman,
       ($1::jsonb - '{customer,salesman}'::text[]
        || CASE WHEN c.id IS NOT NULL THEN jsonb_build_object('customer', jsonb_build_object('code', c.code)) ELSE '{}' END
        || CASE WHEN s.id IS NOT NULL THEN jsonb_build_object('salesman', s.name) ELSE '{}' END)::text AS body
  FROM (SELECT) one
  LEFT JOIN sales.customer c ON c.id = ($1::jsonb ->> 'customer')::numeric::bigint
  LEFT JOIN sales.salesman s ON s.id = ($1::jsonb ->> 'salesman')::numeric::bigint;
