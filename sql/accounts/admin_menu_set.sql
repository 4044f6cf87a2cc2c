-- The menus of each account as the administration shows them (handlers/api/admin.py). a: the account.
-- docs/api/accounts.md#administration
-- role: see admin_user.sql.

-- filter: keys(ids)
a.public_id = ANY ($1::uuid[])

-- filter: search(longest, words)
a.id = ANY (ARRAY(SELECT s.id FROM accounts.account s
                   WHERE accounts.searched(s.email, s.name, s.username) LIKE core.containing($1::text)
                     AND accounts.searched(s.email, s.name, s.username) LIKE ALL (ARRAY(
                             SELECT core.containing(word) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- filter: account(id)
a.public_id = $1::uuid

-- filter: role(role)
a.role = $1::text AND a.role BETWEEN $1::text AND $1::text

-- name: list_rows(after, most) -> rows
SELECT a.public_id::text AS key, a.email AS label, a.email, a.name, a.role,
       (SELECT string_agg(m.name, ', ' ORDER BY m.name, m.code)
          FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
         WHERE am.account_id = a.id AND am.is_active) AS menus,
       (/* key */ jsonb_build_array(a.id) /* or as asked */)::text AS place
  FROM accounts.account a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY a.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(public_id) -> value
SELECT json_build_object(
           'label', a.email, 'account', a.email, 'account_key', a.public_id,
           'menu_ids', (SELECT coalesce(json_agg(m.id ORDER BY parent.place NULLS FIRST, m.place, m.code), '[]')
                          FROM accounts.account_menu am
                          JOIN accounts.menu_item m ON m.id = am.menu_item_id
                          LEFT JOIN accounts.menu_item parent ON parent.id = m.parent_id
                         WHERE am.account_id = a.id AND am.is_active),
           'tree', (SELECT coalesce(json_agg(json_build_object(
                               'menu', root ->> 'name', 'path', root ->> 'url',
                               'below', (SELECT coalesce(string_agg(child ->> 'name', ', ' ORDER BY at), '')
                                           FROM json_array_elements(root -> 'children') WITH ORDINALITY AS below (child, at))) ORDER BY place), '[]')
                      FROM json_array_elements(accounts.menu_tree(a.id)) WITH ORDINALITY AS roots (root, place)))::text
  FROM accounts.account a WHERE a.public_id = $1::uuid;
