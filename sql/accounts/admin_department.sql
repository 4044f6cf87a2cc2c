-- Departments as the administration shows them (handlers/api/admin.py).
-- docs/api/operations.md#administration

-- filter: keys(ids)
d.id = ANY ($1::uuid[])

-- filter: search(longest, words)
d.id = ANY (ARRAY(SELECT s.id FROM accounts.department s
                   WHERE lower(s.name) LIKE core.containing($1::text)
                     AND lower(s.name) LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- filter: is_active(is_active)
d.is_active = $1::boolean

-- name: list_rows(after, most) -> rows
SELECT d.id::text AS key, d.name AS label, d.name, d.is_active, d.updated_at,
       (SELECT count(*) FROM accounts.job_title t WHERE t.department_id = d.id) AS job_titles,
       (/* key */ jsonb_build_array(d.name) /* or as asked */)::text AS place
  FROM accounts.department d
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY d.name /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object('name', d.name, 'description', d.description, 'is_active', d.is_active,
                         'created_at', core.iso(d.created_at), 'updated_at', core.iso(d.updated_at))::text
  FROM accounts.department d WHERE d.id = $1::uuid;
