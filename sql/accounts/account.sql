-- Accounts made from the command line.

-- name: create_account(email, username, name, role, password_hash, is_staff, is_superuser) -> value
-- Null when the e-mail is taken, so that running a command twice changes nothing.
WITH made AS (
    INSERT INTO accounts.account AS a (email, username, name, role, password_hash, is_staff, is_superuser)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (lower(email)) DO NOTHING
    RETURNING a
)
SELECT (a).id, operations.note('{"address":"command line"}', 'account.create', 'account', (a).public_id::text, NULL, accounts.audited(a))
  FROM made;

-- name: list_known(emails) -> rows
SELECT lower(email) AS email FROM accounts.account WHERE lower(email) = ANY($1::text[]);

-- name: assign_menus(account_id, codes) -> none
-- For the demo; those that there are.
INSERT INTO accounts.account_menu (account_id, menu_item_id)
SELECT $1, m.id FROM accounts.menu_item m WHERE m.code = ANY($2::text[]) OR $2::text[] = '{*}'
ON CONFLICT DO NOTHING;
