-- Job titles, each in one department or in none. Titles are unique within their department and stored trimmed. Lists are ordered
-- by department, then title; titles without a department come last. docs/api/accounts.md#departments-and-job-titles

-- name: list_job_titles(department_id, page, page_size) -> row
-- One page with the count of all. department_id null: no filter. page: 1-based; null: the last page. results is null if the page
-- does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM accounts.job_title WHERE $1::uuid IS NULL OR department_id = $1) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(accounts.job_title_document(t, listed.department) ORDER BY listed.department, t.title), '[]') AS documents
         FROM (SELECT t.id, d.name AS department
                 FROM accounts.job_title t LEFT JOIN accounts.department d ON d.id = t.department_id
                WHERE $1::uuid IS NULL OR t.department_id = $1
                ORDER BY d.name, t.title LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
         JOIN accounts.job_title t ON t.id = listed.id
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_job_titles(department_id, after_department, after_title, page_size) -> rows
-- One page after a title of a department ('' and '': from the beginning), and one row more if another page follows.
-- after_department null: after a title without a department.
SELECT accounts.job_title_document(job_title, department)::text AS document, json_build_array(department, title)::text AS key
  FROM ((SELECT t AS job_title, d.name AS department, t.title
           FROM accounts.department d JOIN accounts.job_title t ON t.department_id = d.id
          WHERE (d.name, t.title) > ($2::text, $3::text) AND d.name >= $2::text AND ($1::uuid IS NULL OR d.id = $1)
          ORDER BY d.name, t.title LIMIT $4::bigint + 1)
        UNION ALL
        (SELECT t, NULL, t.title
           FROM accounts.job_title t
          WHERE t.department_id IS NULL AND $1::uuid IS NULL AND t.title > CASE WHEN $2 IS NULL THEN $3::text ELSE '' END
          ORDER BY t.title LIMIT $4::bigint + 1)) listed
 ORDER BY department, title
 LIMIT $4::bigint + 1;

-- name: get_job_title(id) -> value
SELECT accounts.job_title_document(t, d.name)::text
  FROM accounts.job_title t LEFT JOIN accounts.department d ON d.id = t.department_id
 WHERE t.id = $1;

-- name: create_job_title(body, actor) -> row
WITH made AS (
    INSERT INTO accounts.job_title AS t (title, department_id, description, is_active)
    SELECT core.trimmed(b.title), b.department_id, core.trimmed(b.description), coalesce(b.is_active, true)
      FROM jsonb_to_record($1::jsonb) AS b (title text, department_id uuid, description text, is_active boolean)
    RETURNING t AS job_title
)
SELECT accounts.job_title_document(job_title, d.name)::text AS document,
       operations.note($2::jsonb, 'job_title.create', 'job_title', (job_title).id::text, NULL, to_jsonb(job_title))
  FROM made LEFT JOIN accounts.department d ON d.id = (job_title).department_id;

-- name: update_job_title(id, body, actor) -> row
-- Members that the body omits stay. No row: the job title does not exist.
WITH old AS MATERIALIZED (
    SELECT t.id, t AS job_title FROM accounts.job_title t WHERE t.id = $1 FOR NO KEY UPDATE
), changed AS (
    UPDATE accounts.job_title AS t
       SET title         = coalesce(core.trimmed(b.title), t.title),
           department_id = CASE WHEN $2::jsonb ? 'department_id' THEN b.department_id ELSE t.department_id END,
           description   = CASE WHEN $2::jsonb ? 'description' THEN core.trimmed(b.description) ELSE t.description END,
           is_active     = coalesce(b.is_active, t.is_active),
           updated_at    = now()
      FROM old, jsonb_to_record($2::jsonb) AS b (title text, department_id uuid, description text, is_active boolean)
     WHERE t.id = old.id
    RETURNING t AS job_title
)
SELECT accounts.job_title_document(changed.job_title, d.name)::text AS document,
       operations.note($3::jsonb, 'job_title.update', 'job_title', old.id::text, to_jsonb(old.job_title), to_jsonb(changed.job_title))
  FROM changed CROSS JOIN old LEFT JOIN accounts.department d ON d.id = (changed.job_title).department_id;

-- name: delete_job_title(id, actor) -> row
-- No row: the job title does not exist.
WITH gone AS (
    DELETE FROM accounts.job_title AS t WHERE t.id = $1 RETURNING t.id, t AS job_title
)
SELECT gone.id, operations.note($2::jsonb, 'job_title.delete', 'job_title', gone.id::text, to_jsonb(gone.job_title), NULL)
  FROM gone;
