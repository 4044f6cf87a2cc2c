-- Names that invoices have as created_by, as the administration shows them (handlers/api/admin.py). docs/api/sales.md#administration

-- filter: keys(names)
c.name = ANY ($1::text[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
c.name = ANY (ARRAY(
    SELECT found.name
      FROM (SELECT f.name, lower(f.name) AS words FROM sales.creator f
             WHERE lower(f.name) LIKE core.containing($1::text) LIMIT 10000) found
     WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- name: list_rows(after, most) -> rows
SELECT c.name::text AS key, c.name AS label, c.name, (/* key */ jsonb_build_array(c.name) /* or as asked */)::text AS place
  FROM sales.creator c
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY c.name /* or as asked */ LIMIT $2::bigint;

-- name: get_row(name) -> value
SELECT json_build_object('name', c.name)::text FROM sales.creator c WHERE c.name = $1::text;
