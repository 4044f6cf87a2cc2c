-- Attachments of owners' expenses as the administration shows them. f: the attachment. docs/api/books.md#administration

-- filter: keys(owner_ids, ids)
(f.owner_id, f.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
f.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- filter: expense(owner_id, expense_id)
f.owner_id = $1::bigint AND f.expense_id = $2::bigint

-- name: list_rows(after, most) -> rows
SELECT f.owner_id || '.' || f.id AS key, f.filename AS label, f.filename, a.email AS owner, a.public_id::text AS owner_key,
       e.description AS expense, f.owner_id || '.' || f.expense_id AS expense_key, f.content_type, f.size, f.uploaded_at,
       (/* key */ jsonb_build_array(f.owner_id, f.id) /* or as asked */)::text AS place
  FROM books.attachment f
 CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = f.owner_id OFFSET 0) a
 CROSS JOIN LATERAL (SELECT e.description FROM books.expense e WHERE e.owner_id = f.owner_id AND e.id = f.expense_id OFFSET 0) e
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY f.owner_id DESC, f.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
-- picture: the key of a file that browsers may show.
SELECT json_build_object(
           'label', f.filename, 'number', f.id, 'file', f.filename, 'file_media', f.key, 'picture', CASE WHEN f.content_type LIKE 'image/%' THEN f.key END,
           'content_type', f.content_type, 'size', f.size, 'uploaded_at', core.iso(f.uploaded_at),
           'expense', e.description, 'expense_key', f.owner_id || '.' || f.expense_id, 'owner', a.email, 'owner_key', a.public_id)::text
  FROM books.attachment f
  JOIN books.expense e ON e.owner_id = f.owner_id AND e.id = f.expense_id
  JOIN accounts.account a ON a.id = f.owner_id
 WHERE f.owner_id = $1::bigint AND f.id = $2::bigint;
