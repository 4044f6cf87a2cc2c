-- Job titles as the administration shows them (handlers/api/admin.py). t: the job title.
-- docs/api/accounts.md#administration

-- filter: keys(ids)
t.id = ANY ($1::uuid[])

-- filter: search(longest, words)
t.id = ANY (ARRAY(SELECT s.id FROM accounts.job_title s
                   WHERE lower(s.title) LIKE core.containing($1::text)
                     AND lower(s.title) LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- filter: department(id)
t.department_id = $1::uuid

-- filter: is_active(is_active)
t.is_active = $1::boolean

-- name: list_rows(after, most) -> rows
SELECT t.id::text AS key, t.title || coalesce(', ' || d.name, '') AS label, t.title, d.name AS department, t.department_id::text AS department_key,
       t.is_active, t.updated_at,
       (/* key */ jsonb_build_array(t.title, t.id) /* or as asked */)::text AS place
  FROM accounts.job_title t LEFT JOIN accounts.department d ON d.id = t.department_id
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY t.title, t.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object('title', t.title, 'department_id', t.department_id, 'description', t.description, 'is_active', t.is_active,
                         'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))::text
  FROM accounts.job_title t WHERE t.id = $1::uuid;
