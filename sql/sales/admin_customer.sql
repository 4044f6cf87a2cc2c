-- Customers of invoices as the administration shows and changes them (handlers/api/admin.py). docs/api/sales.md#administration

-- filter: keys(ids)
c.id = ANY ($1::bigint[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
c.id = ANY (ARRAY(
    SELECT f.id
      FROM ((SELECT s.id FROM sales.customer s WHERE sales.searched(s.name, s.code) LIKE core.containing($1::text) LIMIT 10000)
            UNION ALL
            (SELECT s.id FROM sales.customer s WHERE sales.searched(s.name, s.email) LIKE core.containing($1) LIMIT 10000)) found
     CROSS JOIN LATERAL (SELECT s.id, s.name, s.code, s.email FROM sales.customer s WHERE s.id = found.id OFFSET 0) f
     WHERE lower(concat_ws(E'\x1f', f.name, f.code, f.email)) LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))
     LIMIT 1000))

-- name: list_rows(after, most) -> rows
SELECT c.id::text AS key, c.name || ' (' || c.code || ')' AS label, c.code, c.name, c.area, c.phone1, c.email,
       (/* key */ jsonb_build_array(c.id) /* or as asked */)::text AS place
  FROM sales.customer c
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY c.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object('code', c.code, 'name', c.name, 'area', c.area, 'address1', c.address1, 'address2', c.address2, 'phone1', c.phone1,
                         'phone2', c.phone2, 'email', c.email)::text
  FROM sales.customer c WHERE c.id = $1::bigint;

-- name: update_customer(id, body, actor) -> row
-- Members that the body omits stay. No row: the customer does not exist.
WITH old AS MATERIALIZED (
    SELECT c.id, c AS customer FROM sales.customer c WHERE c.id = $1::bigint FOR NO KEY UPDATE
), changed AS (
    UPDATE sales.customer AS c
       SET name     = coalesce(core.trimmed(b.name), c.name),
           area     = coalesce(core.trimmed(b.area), c.area),
           address1 = coalesce(core.trimmed(b.address1), c.address1),
           address2 = coalesce(core.trimmed(b.address2), c.address2),
           phone1   = coalesce(core.trimmed(b.phone1), c.phone1),
           phone2   = coalesce(core.trimmed(b.phone2), c.phone2),
           email    = coalesce(core.trimmed(b.email), c.email)
      FROM old, jsonb_to_record($2::jsonb) AS b (name text, area text, address1 text, address2 text, phone1 text, phone2 text, email text)
     WHERE c.id = old.id
    RETURNING c AS customer
)
SELECT old.id, operations.note($3::jsonb, 'sales_customer.update', 'sales_customer', old.id::text, to_jsonb(old.customer), to_jsonb(changed.customer))
  FROM changed CROSS JOIN old;
