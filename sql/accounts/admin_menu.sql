-- Menus as the administration shows and writes them (handlers/api/admin.py). m: the menu. `order` is its place below its parent.
-- docs/api/accounts.md#administration

-- filter: keys(ids)
m.id = ANY ($1::uuid[])

-- filter: search(longest, words)
m.id = ANY (ARRAY(SELECT s.id FROM accounts.menu_item s
                   WHERE lower(s.name || E'\n' || s.code) LIKE core.containing($1::text)
                     AND lower(s.name || E'\n' || s.code) LIKE ALL (ARRAY(
                             SELECT core.containing(word) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- filter: parent(id)
m.parent_id = $1::uuid

-- filter: is_active(is_active)
m.is_active = $1::boolean

-- name: list_rows(after, most) -> rows
SELECT m.id::text AS key, m.name || ' (' || m.code || ')' AS label, m.code, m.name, parent.name AS parent, m.parent_id::text AS parent_key,
       m.url, m.icon, m.place AS "order", m.is_active,
       (/* key */ jsonb_build_array(m.code) /* or as asked */)::text AS place
  FROM accounts.menu_item m LEFT JOIN accounts.menu_item parent ON parent.id = m.parent_id
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY m.code /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object('label', m.name, 'name', m.name, 'code', m.code, 'parent_id', m.parent_id, 'url', m.url, 'icon', m.icon,
                         'order', m.place, 'is_active', m.is_active)::text
  FROM accounts.menu_item m WHERE m.id = $1::uuid;

-- name: create_menu(body, actor) -> row
WITH made AS (
    INSERT INTO accounts.menu_item AS m (name, code, parent_id, url, icon, place, is_active)
    SELECT core.trimmed(b.name), b.code, b.parent_id, coalesce(core.trimmed(b.url), ''), coalesce(core.trimmed(b.icon), ''),
           coalesce(b."order", 0)::integer, coalesce(b.is_active, true)
      FROM jsonb_to_record($1::jsonb) AS b (name text, code text, parent_id uuid, url text, icon text, "order" numeric, is_active boolean)
    RETURNING m AS menu
)
SELECT (menu).id::text AS id, operations.note($2::jsonb, 'menu.create', 'menu', (menu).id::text, NULL, to_jsonb(menu)) FROM made;

-- name: update_menu(id, body, actor) -> row
-- Members that the body omits stay. Always one row. is_found: there is such a menu. is_changed: also, the parent of the body is neither the menu itself
-- nor below it. It runs after lock_menus in the same transaction, so that no two changes make a circle together.
WITH RECURSIVE below AS (
    SELECT $1::uuid AS id UNION SELECT m.id FROM accounts.menu_item m JOIN below ON m.parent_id = below.id
), old AS MATERIALIZED (
    SELECT m.id, m AS menu FROM accounts.menu_item m WHERE m.id = $1 FOR NO KEY UPDATE
), changed AS (
    UPDATE accounts.menu_item AS m
       SET name      = coalesce(core.trimmed(b.name), m.name),
           code      = coalesce(b.code, m.code),
           parent_id = CASE WHEN $2::jsonb ? 'parent_id' THEN b.parent_id ELSE m.parent_id END,
           url       = coalesce(core.trimmed(b.url), m.url),
           icon      = coalesce(core.trimmed(b.icon), m.icon),
           place     = coalesce(b."order"::integer, m.place),
           is_active = coalesce(b.is_active, m.is_active)
      FROM old, jsonb_to_record($2::jsonb) AS b (name text, code text, parent_id uuid, url text, icon text, "order" numeric, is_active boolean)
     WHERE m.id = old.id AND (b.parent_id IS NULL OR b.parent_id NOT IN (SELECT below.id FROM below))
    RETURNING m.id, m AS menu
)
SELECT old.id IS NOT NULL AS is_found, changed.id IS NOT NULL AS is_changed,
       CASE WHEN changed.id IS NOT NULL
            THEN operations.note($3::jsonb, 'menu.update', 'menu', old.id::text, to_jsonb(old.menu), to_jsonb(changed.menu)) END
  FROM (SELECT) always LEFT JOIN old ON true LEFT JOIN changed ON true;

-- name: delete_menu(id, actor) -> row
-- No row: there is no such menu. What is below it is deleted with it, so the entry of the audit keeps the codes.
WITH RECURSIVE below AS (
    SELECT m.id, m.code FROM accounts.menu_item m WHERE m.parent_id = $1
     UNION
    SELECT m.id, m.code FROM accounts.menu_item m JOIN below ON m.parent_id = below.id
), gone AS (
    DELETE FROM accounts.menu_item AS m WHERE m.id = $1 RETURNING m.id, m AS menu
)
SELECT gone.id, operations.note(
           $2::jsonb, 'menu.delete', 'menu', gone.id::text,
           to_jsonb(gone.menu) || jsonb_build_object('below', (SELECT coalesce(jsonb_agg(code ORDER BY code), '[]') FROM below)), NULL)
  FROM gone;
