-- Departments, each with its job titles. Texts come trimmed into the table; the order is by name.

-- name: list_departments(page, page_size) -> row
-- page null: the last one. results null: there is no such page.
WITH page AS (
    SELECT count, core.page_number($1::bigint, count, $2::bigint) AS number
      FROM (SELECT count(*) AS count FROM accounts.department) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(json_build_object(
                  'id', d.id, 'name', d.name, 'description', d.description, 'is_active', d.is_active,
                  'job_titles', coalesce(held.job_titles, '[]'),
                  'created_at', core.iso(d.created_at), 'updated_at', core.iso(d.updated_at))
                  ORDER BY d.name, d.id), '[]') AS documents
         FROM (SELECT id, name, description, is_active, created_at, updated_at FROM accounts.department
                ORDER BY name, id LIMIT $2 OFFSET (page.number - 1) * $2::bigint) d
         LEFT JOIN LATERAL (
              SELECT json_agg(json_build_object(
                         'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
                         'department_id', d.id, 'department', d.name,
                         'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))
                         ORDER BY t.title, t.id) AS job_titles
                FROM accounts.job_title t WHERE t.department_id = d.id) held ON true
       ) found ON page.number = 1 OR (page.number - 1) * $2::bigint < page.count;

-- name: walk_departments(after_name, page_size) -> rows
-- Those after that name ('': from the first), and one more.
SELECT json_build_object(
           'id', d.id, 'name', d.name, 'description', d.description, 'is_active', d.is_active,
           'job_titles', coalesce(held.job_titles, '[]'),
           'created_at', core.iso(d.created_at), 'updated_at', core.iso(d.updated_at))::text AS document,
       json_build_array(d.name)::text AS key
  FROM (SELECT id, name, description, is_active, created_at, updated_at FROM accounts.department
         WHERE name > $1::text ORDER BY name LIMIT $2::bigint + 1) d
  LEFT JOIN LATERAL (
       SELECT json_agg(json_build_object(
                  'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
                  'department_id', d.id, 'department', d.name,
                  'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))
                  ORDER BY t.title, t.id) AS job_titles
         FROM accounts.job_title t WHERE t.department_id = d.id) held ON true
 ORDER BY d.name;

-- name: get_department(id) -> value
SELECT json_build_object(
           'id', d.id, 'name', d.name, 'description', d.description, 'is_active', d.is_active,
           'job_titles', coalesce(held.job_titles, '[]'),
           'created_at', core.iso(d.created_at), 'updated_at', core.iso(d.updated_at))::text
  FROM accounts.department d
  LEFT JOIN LATERAL (
       SELECT json_agg(json_build_object(
                  'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
                  'department_id', d.id, 'department', d.name,
                  'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))
                  ORDER BY t.title, t.id) AS job_titles
         FROM accounts.job_title t WHERE t.department_id = d.id) held ON true
 WHERE d.id = $1;

-- name: create_department(body, actor) -> row
WITH made AS (
    INSERT INTO accounts.department (name, description, is_active)
    SELECT core.trimmed(b.name), core.trimmed(b.description), coalesce(b.is_active, true)
      FROM jsonb_to_record($1::jsonb) AS b (name text, description text, is_active boolean)
    RETURNING id, name, description, is_active, created_at, updated_at
)
SELECT json_build_object(
           'id', made.id, 'name', made.name, 'description', made.description, 'is_active', made.is_active,
           'job_titles', '[]'::json,
           'created_at', core.iso(made.created_at), 'updated_at', core.iso(made.updated_at))::text AS document,
       operations.note($2::jsonb, 'department.create', 'department', made.id::text, NULL, to_jsonb(made))
  FROM made;

-- name: update_department(id, body, actor) -> row
-- What the body doesn't name stays. No row: there is no such department.
WITH old AS MATERIALIZED (
    SELECT id, name, description, is_active, created_at, updated_at FROM accounts.department WHERE id = $1 FOR NO KEY UPDATE
), changed AS (
    UPDATE accounts.department d
       SET name        = coalesce(core.trimmed(b.name), old.name),
           description = CASE WHEN $2::jsonb ? 'description' THEN core.trimmed(b.description) ELSE old.description END,
           is_active   = coalesce(b.is_active, old.is_active),
           updated_at  = now()
      FROM old, jsonb_to_record($2::jsonb) AS b (name text, description text, is_active boolean)
     WHERE d.id = old.id
    RETURNING d.id, d.name, d.description, d.is_active, d.created_at, d.updated_at
)
SELECT json_build_object(
           'id', changed.id, 'name', changed.name, 'description', changed.description, 'is_active', changed.is_active,
           'job_titles', coalesce(held.job_titles, '[]'),
           'created_at', core.iso(changed.created_at), 'updated_at', core.iso(changed.updated_at))::text AS document,
       operations.note($3::jsonb, 'department.update', 'department', changed.id::text, to_jsonb(old), to_jsonb(changed))
  FROM changed CROSS JOIN old
  LEFT JOIN LATERAL (
       SELECT json_agg(json_build_object(
                  'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
                  'department_id', changed.id, 'department', changed.name,
                  'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))
                  ORDER BY t.title, t.id) AS job_titles
         FROM accounts.job_title t WHERE t.department_id = changed.id) held ON true;

-- name: delete_department(id, actor) -> row
-- No row: there was no such department. Its job titles go with it, so the audit keeps their names in its entry.
WITH gone AS (
    DELETE FROM accounts.department WHERE id = $1
    RETURNING id, name, description, is_active, created_at, updated_at
)
SELECT gone.id, operations.note(
           $2::jsonb, 'department.delete', 'department', gone.id::text,
           to_jsonb(gone) || jsonb_build_object('job_titles', held.titles), NULL)
  FROM gone CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(t.title ORDER BY t.title), '[]') AS titles
         FROM accounts.job_title t WHERE t.department_id = gone.id) held;
