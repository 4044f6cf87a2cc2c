-- Owners' expenses as the administration shows them. e: the expense. docs/api/books.md#administration

-- filter: keys(owner_ids, ids)
(e.owner_id, e.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
e.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- filter: client(owner_id, client_id)
e.owner_id = $1::bigint AND e.client_id = $2::bigint

-- A search looks at the expenses of one owner.
-- filter: search(longest, words)
e.searched LIKE core.containing($1::text) AND e.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: status(status)
e.status = $1::text

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration". Most categories may be rare.
-- filter: category(category)
e.category = $1::text AND e.category BETWEEN $1::text AND $1::text

-- filter: is_billable(is_billable)
e.is_billable = $1::boolean

-- filter: has_receipts(has_receipts)
(e.attachment_count > 0) = $1::boolean

-- filter: since(day)
e.expense_date >= $1::date

-- filter: until(day)
e.expense_date <= $1::date

-- name: list_rows(after, most) -> rows
SELECT e.owner_id || '.' || e.id AS key, e.description AS label, e.description, a.email AS owner, a.public_id::text AS owner_key, e.amount, e.category,
       e.expense_date, e.vendor, e.status, e.attachment_count, e.created_at,
       (/* key */ jsonb_build_array(e.owner_id, e.id) /* or as asked */)::text AS place
  FROM books.expense e CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = e.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY e.owner_id DESC, e.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
-- client: the key of the row of the administration's table; null: it is billed to nobody.
SELECT json_build_object(
           'label', e.description, 'number', e.id, 'description', e.description, 'amount', e.amount::text, 'category', e.category, 'expense_date', e.expense_date,
           'receipt_number', e.receipt_number, 'vendor', e.vendor, 'tax_amount', e.tax_amount::text, 'is_billable', e.is_billable,
           'client', e.owner_id || '.' || e.client_id, 'client_name', c.name, 'client_name_key', e.owner_id || '.' || e.client_id,
           'status', e.status, 'notes', e.notes, 'attachment_count', e.attachment_count, 'owner', a.email, 'owner_key', a.public_id,
           'created_at', core.iso(e.created_at), 'updated_at', core.iso(e.updated_at))::text
  FROM books.expense e
  JOIN accounts.account a ON a.id = e.owner_id
  LEFT JOIN books.client c ON c.owner_id = e.owner_id AND c.id = e.client_id
 WHERE e.owner_id = $1::bigint AND e.id = $2::bigint;
