-- Promotions as the administration shows them (handlers/api/admin.py). Those of a deleted product are found by nobody. docs/api/pos.md#administration

-- filter: keys(ids)
pr.id = ANY ($1::bigint[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
pr.id = ANY (ARRAY(
    SELECT found.id
      FROM (SELECT f.id, pos.folded(f.name) AS words FROM pos.promotion f
             WHERE pos.folded(f.name) LIKE core.containing(pos.folded($1::text)) LIMIT 10000) found
     WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(pos.folded(word)) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: product(id)
pr.product_id = $1::bigint AND pr.product_id BETWEEN $1::bigint AND $1::bigint

-- filter: is_active(is_active)
pr.is_active = $1::boolean AND pr.is_active BETWEEN $1::boolean AND $1::boolean

-- filter: audience(audience)
pr.target_audience = $1::text AND pr.target_audience BETWEEN $1::text AND $1::text

-- filter: since(first_day)
pr.start_date >= $1::date

-- filter: until(last_day)
pr.start_date <= $1::date

-- name: list_rows(after, most) -> rows
SELECT pr.id::text AS key, pr.name AS label, pr.name, p.name AS product, pr.product_id::text AS product_key, pr.discount_percent, pr.start_date,
       pr.end_date, pr.target_audience, pr.is_active, (/* key */ jsonb_build_array(pr.id) /* or as asked */)::text AS place
  FROM pos.promotion pr
 CROSS JOIN LATERAL (SELECT p.name FROM pos.product p WHERE p.id = pr.product_id AND p.is_active OFFSET 0) p
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY pr.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
-- product: the key, for the form.
SELECT json_build_object(
           'name', pr.name, 'description', pr.description, 'discount_percent', pos.money(pr.discount_percent), 'start_date', pr.start_date,
           'end_date', pr.end_date, 'target_audience', pr.target_audience, 'is_active', pr.is_active, 'product', pr.product_id::text,
           'product_name', p.name, 'product_name_key', p.id::text)::text
  FROM pos.promotion pr JOIN pos.product p ON p.id = pr.product_id AND p.is_active
 WHERE pr.id = $1::bigint;
