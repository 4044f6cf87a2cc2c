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
-- What a row names is read for the rows of the page only.
SELECT am.account_id || '.' || am.menu_item_id AS key, a.email || ': ' || m.name AS label, a.email AS account, a.public_id::text AS account_key,
       m.name AS menu, m.id::text AS menu_key, m.code, am.is_active, giver.email AS assigned_by, giver.public_id::text AS assigned_by_key, am.assigned_at,
       (/* key */ jsonb_build_array(am.account_id, am.menu_item_id) /* or as asked */)::text AS place
  FROM (SELECT am.* FROM accounts.account_menu am
         WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY am.account_id, am.menu_item_id /* or as asked */ LIMIT $2::bigint) am
  JOIN accounts.account a ON a.id = am.account_id
  JOIN accounts.menu_item m ON m.id = am.menu_item_id
  LEFT JOIN accounts.account giver ON giver.id = am.assigned_by
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

-- name: lock_account(account_id) -> row
-- NO KEY, as lock_for_assignment of menu.sql: of two changes of an account's menus at the same time, one waits.
SELECT a.id AS account_id, a.role FROM accounts.account a WHERE a.id = $1::bigint FOR NO KEY UPDATE;

-- name: remove_assignment(account_id, menu_item_id, actor) -> row
-- No row: the account is not shown the menu. It runs after lock_account in the same transaction.
WITH before AS MATERIALIZED (
    SELECT coalesce(jsonb_agg(m.code ORDER BY m.code), '[]') AS codes,
           coalesce(jsonb_agg(m.code ORDER BY m.code) FILTER (WHERE m.id <> $2::uuid), '[]') AS others
      FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
     WHERE am.account_id = $1::bigint AND am.is_active
), gone AS (
    DELETE FROM accounts.account_menu am WHERE am.account_id = $1 AND am.menu_item_id = $2 RETURNING am.account_id
)
SELECT gone.account_id, operations.note($3::jsonb, 'menu.assign', 'account', a.public_id::text, jsonb_build_object('menus', before.codes),
                                        jsonb_build_object('menus', before.others))
  FROM gone JOIN accounts.account a ON a.id = gone.account_id CROSS JOIN before;
