-- Which account is shown which menu, as the administration shows it (handlers/api/admin.py). am: the assignment.
-- docs/api/accounts.md#administration
-- BETWEEN: see admin_user.sql.

-- filter: keys(accounts, menus)
(am.account_id, am.menu_item_id) IN (SELECT k.account_id, k.menu_item_id FROM unnest($1::bigint[], $2::uuid[]) AS k (account_id, menu_item_id))

-- filter: account(id)
am.account_id = (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)
   AND am.account_id BETWEEN (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)
                        AND (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)

-- filter: menu(id)
am.menu_item_id = $1::uuid AND am.menu_item_id BETWEEN $1::uuid AND $1::uuid

-- name: list_rows(after, most) -> rows
-- What a row names is read one by one for the rows of the page. Otherwise Postgres, which does not know the limit, may read all accounts.
SELECT am.account_id || '.' || am.menu_item_id AS key, a.email || ': ' || m.name AS label, a.email AS account, a.public_id::text AS account_key,
       m.name AS menu, m.id::text AS menu_key, m.code, am.is_active, giver.email AS assigned_by, giver.public_id::text AS assigned_by_key, am.assigned_at,
       (/* key */ jsonb_build_array(am.account_id, am.menu_item_id) /* or as asked */)::text AS place
  FROM (SELECT am.* FROM accounts.account_menu am
         WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY am.account_id, am.menu_item_id /* or as asked */ LIMIT $2::bigint) am
 CROSS JOIN LATERAL (SELECT one.email, one.public_id FROM accounts.account one WHERE one.id = am.account_id OFFSET 0) a
 CROSS JOIN LATERAL (SELECT one.id, one.name, one.code FROM accounts.menu_item one WHERE one.id = am.menu_item_id OFFSET 0) m
  LEFT JOIN LATERAL (SELECT one.email, one.public_id FROM accounts.account one WHERE one.id = am.assigned_by OFFSET 0) giver ON true
 ORDER BY am.account_id, am.menu_item_id /* or as asked */;

-- name: get_row(account_id, menu_item_id) -> value
SELECT json_build_object(
           'label', a.email || ': ' || m.name, 'account', a.email, 'account_key', a.public_id, 'menu', m.name, 'menu_key', m.id, 'code', m.code,
           'is_active', am.is_active, 'assigned_by', giver.email, 'assigned_by_key', giver.public_id, 'assigned_at', core.iso(am.assigned_at))::text
  FROM accounts.account_menu am
  JOIN accounts.account a ON a.id = am.account_id
  JOIN accounts.menu_item m ON m.id = am.menu_item_id
  LEFT JOIN accounts.account giver ON giver.id = am.assigned_by
 WHERE am.account_id = $1::bigint AND am.menu_item_id = $2::uuid;

-- name: find_assigned(account_id, menu_item_id) -> value
-- The uuid of an account that has the assignment; null: it has not.
SELECT a.public_id::text
  FROM accounts.account_menu am JOIN accounts.account a ON a.id = am.account_id
 WHERE am.account_id = $1::bigint AND am.menu_item_id = $2::uuid;
