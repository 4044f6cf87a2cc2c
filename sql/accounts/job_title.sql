-- Job titles, each in a department or in none. Texts come trimmed into the table; the order is by department, then title.

-- name: list_job_titles(department_id, page, page_size) -> row
-- department_id null: of all and of none. page null: the last one. results null: there is no such page.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM accounts.job_title WHERE $1::uuid IS NULL OR department_id = $1) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(json_build_object(
                  'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
                  'department_id', t.department_id, 'department', t.department,
                  'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))
                  ORDER BY t.department, t.title, t.id), '[]') AS documents
         FROM (SELECT j.id, j.title, j.description, j.is_active, j.department_id, d.name AS department, j.created_at, j.updated_at
                 FROM accounts.job_title j LEFT JOIN accounts.department d ON d.id = j.department_id
                WHERE $1::uuid IS NULL OR j.department_id = $1
                ORDER BY d.name, j.title, j.id LIMIT $3 OFFSET (page.number - 1) * $3::bigint) t
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_job_titles(department_id, after_department, after_title, page_size) -> rows
-- Those after that title of that department ('' and '': from the first), and one more. after_department null: of those in none,
-- which come last. A department stands in one place of the order, and a title once in it.
SELECT json_build_object(
           'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
           'department_id', t.department_id, 'department', t.department,
           'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))::text AS document,
       json_build_array(t.department, t.title)::text AS key
  FROM ((SELECT j.id, j.title, j.description, j.is_active, j.department_id, d.name AS department, j.created_at, j.updated_at
           FROM accounts.department d JOIN accounts.job_title j ON j.department_id = d.id
          WHERE (d.name, j.title) > ($2::text, $3::text) AND d.name >= $2::text AND ($1::uuid IS NULL OR d.id = $1)
          ORDER BY d.name, j.title LIMIT $4::bigint + 1)
        UNION ALL
        (SELECT j.id, j.title, j.description, j.is_active, j.department_id, NULL, j.created_at, j.updated_at
           FROM accounts.job_title j
          WHERE j.department_id IS NULL AND $1::uuid IS NULL AND j.title > CASE WHEN $2 IS NULL THEN $3::text ELSE '' END
          ORDER BY j.title LIMIT $4::bigint + 1)) t
 ORDER BY t.department, t.title
 LIMIT $4::bigint + 1;

-- name: get_job_title(id) -> value
SELECT json_build_object(
           'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
           'department_id', t.department_id, 'department', d.name,
           'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))::text
  FROM accounts.job_title t LEFT JOIN accounts.department d ON d.id = t.department_id
 WHERE t.id = $1;

-- name: create_job_title(body, actor) -> row
WITH made AS (
    INSERT INTO accounts.job_title (title, department_id, description, is_active)
    SELECT core.trimmed(b.title), b.department_id, core.trimmed(b.description), coalesce(b.is_active, true)
      FROM jsonb_to_record($1::jsonb) AS b (title text, department_id uuid, description text, is_active boolean)
    RETURNING id, title, department_id, description, is_active, created_at, updated_at
)
SELECT json_build_object(
           'id', made.id, 'title', made.title, 'description', made.description, 'is_active', made.is_active,
           'department_id', made.department_id, 'department', d.name,
           'created_at', core.iso(made.created_at), 'updated_at', core.iso(made.updated_at))::text AS document,
       operations.note($2::jsonb, 'job_title.create', 'job_title', made.id::text, NULL, to_jsonb(made))
  FROM made LEFT JOIN accounts.department d ON d.id = made.department_id;

-- name: update_job_title(id, body, actor) -> row
-- What the body doesn't name stays. No row: there is no such job title.
WITH old AS MATERIALIZED (
    SELECT id, title, department_id, description, is_active, created_at, updated_at
      FROM accounts.job_title WHERE id = $1 FOR NO KEY UPDATE
), changed AS (
    UPDATE accounts.job_title t
       SET title         = coalesce(core.trimmed(b.title), old.title),
           department_id = CASE WHEN $2::jsonb ? 'department_id' THEN b.department_id ELSE old.department_id END,
           description   = CASE WHEN $2::jsonb ? 'description' THEN core.trimmed(b.description) ELSE old.description END,
           is_active     = coalesce(b.is_active, old.is_active),
           updated_at    = now()
      FROM old, jsonb_to_record($2::jsonb) AS b (title text, department_id uuid, description text, is_active boolean)
     WHERE t.id = old.id
    RETURNING t.id, t.title, t.department_id, t.description, t.is_active, t.created_at, t.updated_at
)
SELECT json_build_object(
           'id', changed.id, 'title', changed.title, 'description', changed.description, 'is_active', changed.is_active,
           'department_id', changed.department_id, 'department', d.name,
           'created_at', core.iso(changed.created_at), 'updated_at', core.iso(changed.updated_at))::text AS document,
       operations.note($3::jsonb, 'job_title.update', 'job_title', changed.id::text, to_jsonb(old), to_jsonb(changed))
  FROM changed CROSS JOIN old LEFT JOIN accounts.department d ON d.id = changed.department_id;

-- name: delete_job_title(id, actor) -> row
-- No row: there was no such job title.
WITH gone AS (
    DELETE FROM accounts.job_title WHERE id = $1
    RETURNING id, title, department_id, description, is_active, created_at, updated_at
)
SELECT gone.id, operations.note($2::jsonb, 'job_title.delete', 'job_title', gone.id::text, to_jsonb(gone), NULL)
  FROM gone;
