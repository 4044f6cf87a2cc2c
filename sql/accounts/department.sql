-- Departments, each with its job titles. Names are unique and stored trimmed. Lists are ordered by name.
-- docs/api/accounts.md#departments-and-job-titles

-- name: list_departments(page, page_size) -> row
-- One page with the count of all departments. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($1::bigint, count, $2::bigint) AS number
      FROM (SELECT count(*) AS count FROM accounts.department) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document ORDER BY (department).name), '[]') AS documents
         FROM (SELECT d AS department FROM accounts.department d
                ORDER BY d.name LIMIT $2 OFFSET (page.number - 1) * $2::bigint) listed
        CROSS JOIN LATERAL accounts.department_document(department) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $2::bigint < page.count;

-- name: walk_departments(after_name, page_size) -> rows
-- One page after a name ('': from the beginning), and one row more if another page follows.
SELECT document::text AS document, json_build_array(name)::text AS key
  FROM (SELECT d AS department, d.name FROM accounts.department d
         WHERE d.name > $1::text ORDER BY d.name LIMIT $2::bigint + 1) listed
 CROSS JOIN LATERAL accounts.department_document(department) AS document
 ORDER BY name;

-- name: get_department(id) -> value
SELECT document::text
  FROM accounts.department d CROSS JOIN LATERAL accounts.department_document(d) AS document
 WHERE d.id = $1;

-- name: create_department(body, actor) -> row
WITH made AS (
    INSERT INTO accounts.department AS d (name, description, is_active)
    SELECT core.trimmed(b.name), core.trimmed(b.description), coalesce(b.is_active, true)
      FROM jsonb_to_record($1::jsonb) AS b (name text, description text, is_active boolean)
    RETURNING d AS department
)
SELECT document::text AS document,
       operations.note($2::jsonb, 'department.create', 'department', (department).id::text, NULL, to_jsonb(department))
  FROM made CROSS JOIN LATERAL accounts.department_document(department) AS document;

-- name: update_department(id, body, actor) -> row
-- Members that the body omits stay. No row: the department does not exist.
WITH old AS MATERIALIZED (
    SELECT d.id, d AS department FROM accounts.department d WHERE d.id = $1 FOR NO KEY UPDATE
), changed AS (
    UPDATE accounts.department AS d
       SET name        = coalesce(core.trimmed(b.name), d.name),
           description = CASE WHEN $2::jsonb ? 'description' THEN core.trimmed(b.description) ELSE d.description END,
           is_active   = coalesce(b.is_active, d.is_active),
           updated_at  = now()
      FROM old, jsonb_to_record($2::jsonb) AS b (name text, description text, is_active boolean)
     WHERE d.id = old.id
    RETURNING d AS department
)
SELECT document::text AS document,
       operations.note($3::jsonb, 'department.update', 'department', old.id::text, to_jsonb(old.department), to_jsonb(changed.department))
  FROM changed CROSS JOIN old CROSS JOIN LATERAL accounts.department_document(changed.department) AS document;

-- name: delete_department(id, actor) -> row
-- No row: the department does not exist. Its job titles are deleted with it, so the entry of the audit keeps their titles.
WITH gone AS (
    DELETE FROM accounts.department AS d WHERE d.id = $1 RETURNING d.id, d AS department
)
SELECT gone.id, operations.note(
           $2::jsonb, 'department.delete', 'department', gone.id::text,
           to_jsonb(gone.department) || jsonb_build_object('job_titles', held.titles), NULL)
  FROM gone CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(t.title ORDER BY t.title), '[]') AS titles
         FROM accounts.job_title t WHERE t.department_id = gone.id) held;
