-- Menus: the entries of the staff client's navigation, and which account is shown which. Entries below one parent are ordered by
-- `place` (`order` in the API). docs/api/accounts.md#menus

-- name: get_own_menus(account_id) -> value
-- A SUPERADMIN also gets the assigned menus, usually none, because their client shows a built-in menu.
SELECT json_build_object('menus', accounts.menu_tree(a.id), 'user', accounts.menu_user_document(a))::text
  FROM accounts.account a WHERE a.id = $1;

-- name: list_menus() -> value
-- The whole tree of active entries. The recursion goes from the deepest level up, one level per step: `nodes` holds the finished
-- entries of the level below, by their parent.
WITH RECURSIVE entry AS (
    SELECT m AS item, m.id, m.parent_id, m.place, m.code, 1 AS depth
      FROM accounts.menu_item m WHERE m.parent_id IS NULL AND m.is_active
     UNION ALL
    SELECT m, m.id, m.parent_id, m.place, m.code, entry.depth + 1
      FROM entry JOIN accounts.menu_item m ON m.parent_id = entry.id AND m.is_active
), grown AS (
    SELECT (SELECT max(depth) FROM entry) AS depth, '{}'::json AS nodes
     UNION ALL
    SELECT grown.depth - 1, level.nodes
      FROM grown CROSS JOIN LATERAL (
           SELECT json_object_agg(family.parent, family.nodes) AS nodes
             FROM (SELECT coalesce(e.parent_id::text, 'none') AS parent,
                          json_agg(accounts.menu_document(e.item, coalesce(grown.nodes -> e.id::text, '[]'))
                                   ORDER BY e.place, e.code) AS nodes
                     FROM entry e WHERE e.depth = grown.depth GROUP BY e.parent_id) family) level
     WHERE grown.depth > 0
)
SELECT json_build_object('menus', coalesce((SELECT nodes -> 'none' FROM grown WHERE depth = 0), '[]'))::text;

-- name: get_account_menus(public_id) -> value
SELECT json_build_object(
           'user', accounts.menu_user_document(a),
           'assignments', held.assignments,
           'menu_structure', accounts.menu_tree(a.id),
           'total_menus', held.n)::text
  FROM accounts.account a CROSS JOIN LATERAL (
       SELECT count(*) AS n,
              coalesce(json_agg(json_build_object(
                  'id', am.id, 'menu', m.id, 'menu_name', m.name, 'menu_code', m.code, 'menu_url', m.url, 'is_active', am.is_active,
                  'assigned_by_email', giver.email, 'assigned_at', core.iso(am.assigned_at))
                  ORDER BY parent.place NULLS FIRST, m.place, m.code), '[]') AS assignments
         FROM accounts.account_menu am
         JOIN accounts.menu_item m ON m.id = am.menu_item_id
         LEFT JOIN accounts.menu_item parent ON parent.id = m.parent_id
         LEFT JOIN accounts.account giver ON giver.id = am.assigned_by
        WHERE am.account_id = a.id) held
 WHERE a.public_id = $1;

-- name: lock_for_assignment(body) -> row
-- Locks the account and the menus that the body names until the transaction ends: the account, so that of two assignments at the
-- same time one waits; the menus, so that none of them is deleted in between. Always one row. account_id null: the account does
-- not exist. unknown: the ids that no menu has, in the order of the body; null if all exist.
WITH account AS MATERIALIZED (
    SELECT id, role FROM accounts.account WHERE public_id = ($1::jsonb ->> 'user_id')::uuid FOR NO KEY UPDATE
), sent AS MATERIALIZED (
    SELECT id::uuid AS id, min(n) AS n
      FROM jsonb_array_elements_text($1::jsonb -> 'menu_ids') WITH ORDINALITY AS one (id, n) GROUP BY id::uuid
), known AS MATERIALIZED (
    SELECT id FROM accounts.menu_item WHERE id IN (SELECT id FROM sent) ORDER BY id FOR KEY SHARE
)
SELECT account.id AS account_id, account.role,
       (SELECT string_agg(sent.id::text, ', ' ORDER BY sent.n) FROM sent WHERE sent.id NOT IN (SELECT id FROM known)) AS unknown
  FROM (SELECT) always LEFT JOIN account ON true;

-- name: assign_menus(account_id, body, actor) -> row
-- Assigns exactly the menus of the body. It runs after lock_for_assignment in the same transaction, because only a second statement
-- sees what another assignment committed while the first statement waited for its lock.
WITH wanted AS MATERIALIZED (
    SELECT m.id, m.name, m.code, m.place
      FROM accounts.menu_item m
     WHERE m.id IN (SELECT one.id::uuid FROM jsonb_array_elements_text($2::jsonb -> 'menu_ids') AS one (id))
), before AS MATERIALIZED (
    SELECT m.code FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
     WHERE am.account_id = $1 AND am.is_active
), removed AS (
    DELETE FROM accounts.account_menu
     WHERE account_id = $1 AND menu_item_id NOT IN (SELECT id FROM wanted)
    RETURNING menu_item_id
), added AS (
    INSERT INTO accounts.account_menu AS am (account_id, menu_item_id, assigned_by)
    SELECT $1, id, ($3::jsonb ->> 'account_id')::bigint FROM wanted
    ON CONFLICT (account_id, menu_item_id) DO UPDATE
       SET is_active = true, assigned_by = EXCLUDED.assigned_by, assigned_at = now() WHERE NOT am.is_active
    RETURNING am.id, am.menu_item_id
), counted AS (
    SELECT (SELECT count(*) FROM added) AS added, (SELECT count(*) FROM removed) AS removed
)
SELECT format('Successfully synced menus for %s. Added %s, removed %s', a.email, counted.added, counted.removed) AS message,
       json_build_object(
           'user', accounts.menu_user_document(a),
           'added', (SELECT coalesce(json_agg(json_build_object(
                                'id', added.id, 'menu_id', wanted.id, 'menu_name', wanted.name, 'menu_code', wanted.code)
                                ORDER BY wanted.place, wanted.code), '[]')
                       FROM added JOIN wanted ON wanted.id = added.menu_item_id),
           'removed_count', counted.removed,
           'total_added', counted.added,
           'total_menus', jsonb_array_length($2::jsonb -> 'menu_ids'))::text AS data,
       operations.note(
           $3::jsonb, 'menu.assign', 'account', a.public_id::text,
           jsonb_build_object('menus', (SELECT coalesce(jsonb_agg(code ORDER BY code), '[]') FROM before)),
           jsonb_build_object('menus', (SELECT coalesce(jsonb_agg(code ORDER BY code), '[]') FROM wanted)))
  FROM accounts.account a CROSS JOIN counted
 WHERE a.id = $1;

-- name: add_menus(account_id, body, actor) -> row
-- Assigns the menus of the body beside those that the account has; in a transaction as assign_menus.
WITH wanted AS MATERIALIZED (
    SELECT m.id, m.code FROM accounts.menu_item m
     WHERE m.id IN (SELECT one.id::uuid FROM jsonb_array_elements_text($2::jsonb -> 'menu_ids') AS one (id))
), before AS MATERIALIZED (
    SELECT m.code FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
     WHERE am.account_id = $1 AND am.is_active
), added AS (
    INSERT INTO accounts.account_menu AS am (account_id, menu_item_id, assigned_by)
    SELECT $1, id, ($3::jsonb ->> 'account_id')::bigint FROM wanted
    ON CONFLICT (account_id, menu_item_id) DO UPDATE
       SET is_active = true, assigned_by = EXCLUDED.assigned_by, assigned_at = now() WHERE NOT am.is_active
)
SELECT a.id AS account_id, operations.note(
           $3::jsonb, 'menu.assign', 'account', a.public_id::text,
           jsonb_build_object('menus', (SELECT coalesce(jsonb_agg(code ORDER BY code), '[]') FROM before)),
           jsonb_build_object('menus', (SELECT jsonb_agg(code ORDER BY code) FROM (SELECT code FROM before UNION SELECT code FROM wanted) both_of_them)))
  FROM accounts.account a WHERE a.id = $1;

-- name: take_menus(account_id, body, actor) -> row
-- Takes the menus of the body away; in a transaction as assign_menus.
WITH before AS MATERIALIZED (
    SELECT m.id, m.code FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
     WHERE am.account_id = $1 AND am.is_active
), taken AS MATERIALIZED (
    SELECT one.id::uuid AS id FROM jsonb_array_elements_text($2::jsonb -> 'menu_ids') AS one (id)
), removed AS (
    DELETE FROM accounts.account_menu WHERE account_id = $1 AND menu_item_id IN (SELECT id FROM taken)
)
SELECT a.id AS account_id, operations.note(
           $3::jsonb, 'menu.assign', 'account', a.public_id::text,
           jsonb_build_object('menus', (SELECT coalesce(jsonb_agg(code ORDER BY code), '[]') FROM before)),
           jsonb_build_object('menus', (SELECT coalesce(jsonb_agg(code ORDER BY code), '[]') FROM before WHERE id NOT IN (SELECT id FROM taken))))
  FROM accounts.account a WHERE a.id = $1;

-- name: lock_menus() -> none
-- Of two commands that seed at the same time, one waits; readers and assignments do not wait.
LOCK TABLE accounts.menu_item IN SHARE ROW EXCLUSIVE MODE;

-- name: clear_menus() -> none
-- Deletes all menus with their assignments.
DELETE FROM accounts.menu_item;

-- name: seed_menus(items) -> row
-- Creates the menus whose code does not exist, and corrects the others. items: [{code, parent (its code), name, icon, url, place}].
WITH item AS MATERIALIZED (
    SELECT i.code, i.parent, i.name, i.icon, i.url, i.place, coalesce(m.id, gen_random_uuid()) AS id
      FROM jsonb_to_recordset($1::jsonb) AS i (code text, parent text, name text, icon text, url text, place integer)
      LEFT JOIN accounts.menu_item m ON m.code = i.code
), written AS (
    INSERT INTO accounts.menu_item AS m (id, name, code, icon, url, parent_id, place)
    SELECT item.id, item.name, item.code, item.icon, item.url, parent.id, item.place
      FROM item LEFT JOIN item parent ON parent.code = item.parent
    ON CONFLICT (code) DO UPDATE
       SET name = EXCLUDED.name, icon = EXCLUDED.icon, url = EXCLUDED.url, parent_id = EXCLUDED.parent_id, place = EXCLUDED.place
     WHERE (m.name, m.icon, m.url, m.parent_id, m.place)
           IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.icon, EXCLUDED.url, EXCLUDED.parent_id, EXCLUDED.place)
    RETURNING m.code
)
SELECT count(*) FILTER (WHERE known.code IS NULL) AS created, count(*) FILTER (WHERE known.code IS NOT NULL) AS updated
  FROM written LEFT JOIN accounts.menu_item known ON known.code = written.code;
