-- Accounts that the commands create, and the accounts of the demo. docs/api/accounts.md#roles

-- name: create_account(email, username, name, role, password_hash, is_staff, is_superuser) -> value
-- Null if the e-mail is taken, so that a command that runs twice changes nothing the second time.
WITH made AS (
    INSERT INTO accounts.account AS a (email, username, name, role, password_hash, is_staff, is_superuser)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (lower(email)) DO NOTHING
    RETURNING a
)
SELECT (a).id, operations.note('{"address":"command line"}', 'account.create', 'account', (a).public_id::text, NULL, accounts.audited(a))
  FROM made;

-- name: is_username_taken(username) -> value
SELECT EXISTS (SELECT FROM accounts.account a WHERE lower(a.username) = lower($1) AND a.username <> '');

-- name: list_known(emails) -> rows
-- Those of the e-mails (in lower case) that have an account.
SELECT lower(email) AS email FROM accounts.account WHERE lower(email) = ANY($1::text[]);

-- name: assign_menus(account_id, codes) -> none
-- Adds menus to an account of the demo; codes '{*}' stands for all menus, and an unknown code is ignored.
INSERT INTO accounts.account_menu (account_id, menu_item_id)
SELECT $1, m.id FROM accounts.menu_item m WHERE m.code = ANY($2::text[]) OR $2::text[] = '{*}'
ON CONFLICT DO NOTHING;
