-- Owners' clients as the administration shows them. c: the client. docs/api/books.md#administration

-- filter: keys(owner_ids, ids)
(c.owner_id, c.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
c.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- A search looks at the clients of one owner.
-- filter: search(longest, words)
c.searched LIKE core.containing($1::text) AND c.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: is_active_true()
c.is_active

-- filter: is_active_false()
NOT c.is_active

-- filter: since(day, zone)
c.created_at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(day, zone)
c.created_at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- name: list_rows(after, most) -> rows
SELECT c.owner_id || '.' || c.id AS key, c.name AS label, c.name, a.email AS owner, a.public_id::text AS owner_key, c.email, c.phone, c.company,
       c.is_active, c.created_at,
       (/* key */ jsonb_build_array(c.owner_id, c.id) /* or as asked */)::text AS place
  FROM books.client c CROSS JOIN LATERAL (SELECT o.email, o.public_id FROM accounts.account o WHERE o.id = c.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY c.owner_id DESC, c.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id, id) -> value
SELECT json_build_object(
           'number', c.id, 'name', c.name, 'email', c.email, 'phone', c.phone, 'address', c.address, 'company', c.company, 'tax_number', c.tax_number,
           'notes', c.notes, 'is_active', c.is_active, 'owner', a.email, 'owner_key', a.public_id,
           'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at))::text
  FROM books.client c JOIN accounts.account a ON a.id = c.owner_id
 WHERE c.owner_id = $1::bigint AND c.id = $2::bigint;
