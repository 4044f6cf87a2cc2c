-- Global categories, which only the administration writes. docs/api/vendor.md#administration
--
-- The triggers of the table give each change its position and announce it to all vendors' devices; of a deleted row they leave a tombstone.

-- filter: keys(ids) in list_rows
g.id = ANY ($1::uuid[])

-- filter: search(longest, words) in list_rows
lower(g.name) LIKE core.containing($1::text) AND lower(g.name) LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: is_active(is_active) in list_rows
g.is_active = $1::boolean

-- name: list_rows(after, most) -> rows
SELECT g.id::text AS key, g.name AS label, g.name, g.sort_order, g.is_active, g.description, g.updated_at,
       (/* key */ jsonb_build_array(g.id) /* or as asked */)::text AS place
  FROM vendor.global_category g
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY g.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
-- items: of all vendors, counted up to 1000.
SELECT json_build_object(
           'name', g.name, 'description', g.description, 'is_active', g.is_active, 'sort_order', g.sort_order,
           'items', (SELECT CASE WHEN count(*) < 1000 THEN count(*)::text ELSE '1000 or more' END
                       FROM (SELECT FROM vendor.item_global_category l WHERE l.category_id = g.id LIMIT 1000) found),
           'created_at', core.iso(g.created_at), 'updated_at', core.iso(g.updated_at))::text
  FROM vendor.global_category g WHERE g.id = $1::uuid;

-- name: make_category(body, actor) -> row
WITH made AS (
    INSERT INTO vendor.global_category AS g (name, description, is_active, sort_order)
    SELECT core.trimmed(b.name), core.trimmed(b.description), coalesce(b.is_active, true), coalesce(b.sort_order, 0)::integer
      FROM jsonb_to_record($1::jsonb) AS b (name text, description text, is_active boolean, sort_order numeric)
    RETURNING g.id, g AS category
)
SELECT made.id::text AS id,
       operations.note($2::jsonb, 'global-category.create', 'global-category', made.id::text, NULL, vendor.audited(to_jsonb(made.category)))
  FROM made;

-- name: update_category(id, body, actor) -> row
-- Members that the body omits stay. No row: there is no such category.
WITH old AS MATERIALIZED (
    SELECT g.id, g AS category FROM vendor.global_category g WHERE g.id = $1::uuid FOR NO KEY UPDATE
), changed AS (
    UPDATE vendor.global_category AS g
       SET name        = coalesce(core.trimmed(b.name), g.name),
           description = CASE WHEN $2::jsonb ? 'description' THEN core.trimmed(b.description) ELSE g.description END,
           is_active   = coalesce(b.is_active, g.is_active),
           sort_order  = coalesce(b.sort_order::integer, g.sort_order)
      FROM old, jsonb_to_record($2) AS b (name text, description text, is_active boolean, sort_order numeric)
     WHERE g.id = old.id
    RETURNING g AS category
)
SELECT old.id, operations.note($3::jsonb, 'global-category.update', 'global-category', old.id::text, vendor.audited(to_jsonb(old.category)),
                               vendor.audited(to_jsonb(changed.category)))
  FROM changed CROSS JOIN old;

-- name: delete_category(id, actor) -> row
-- The items of all vendors stay, without it. No row: there is no such category.
WITH gone AS (
    DELETE FROM vendor.global_category g WHERE g.id = $1::uuid RETURNING g.id, g AS category
)
SELECT gone.id, operations.note($2::jsonb, 'global-category.delete', 'global-category', gone.id::text, vendor.audited(to_jsonb(gone.category)), NULL)
  FROM gone;
