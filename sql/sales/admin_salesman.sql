-- Salesmen as the administration shows and changes them (handlers/api/admin.py). docs/api/sales.md#administration

-- filter: keys(ids)
s.id = ANY ($1::bigint[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
s.id = ANY (ARRAY(
    SELECT found.id
      FROM (SELECT f.id, lower(f.name) AS words FROM sales.salesman f
             WHERE lower(f.name) LIKE core.containing($1::text) LIMIT 10000) found
     WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- name: list_rows(after, most) -> rows
SELECT s.id::text AS key, s.name AS label, s.name, s.phone, (/* key */ jsonb_build_array(s.name) /* or as asked */)::text AS place
  FROM sales.salesman s
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY s.name /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object('name', s.name, 'phone', s.phone)::text FROM sales.salesman s WHERE s.id = $1::bigint;

-- name: update_salesman(id, body, actor) -> row
-- No row: the salesman does not exist.
WITH old AS MATERIALIZED (
    SELECT s.id, s AS salesman FROM sales.salesman s WHERE s.id = $1::bigint FOR NO KEY UPDATE
), changed AS (
    UPDATE sales.salesman AS s SET phone = coalesce(core.trimmed($2::jsonb ->> 'phone'), s.phone) FROM old WHERE s.id = old.id
    RETURNING s AS salesman
)
SELECT old.id, operations.note($3::jsonb, 'salesman.update', 'salesman', old.id::text, to_jsonb(old.salesman), to_jsonb(changed.salesman))
  FROM changed CROSS JOIN old;
