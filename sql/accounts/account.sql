-- Accounts: one person, one row.

-- name: get_own(account_id) -> value
-- The staff API's user object (contracts/sales.md, 3). job_title_name is left out where there is no job title.
SELECT row_to_json(shown)::text
  FROM (SELECT a.public_id AS id, a.email, a.name, a.phone, NULL::text AS avatar, a.role, NULL::text AS department,
               NULL::uuid AS department_id, NULL::uuid AS job_title, a.is_active, a.is_staff,
               operations.iso(a.date_joined) AS date_joined, operations.iso(a.last_login) AS last_login,
               (SELECT coalesce(nullif(maker.name, ''), maker.email)
                  FROM accounts.account maker WHERE maker.id = a.created_by) AS created_by_name
          FROM accounts.account a WHERE a.id = $1) shown;

-- name: create_account(email, username, name, role, password_hash, is_staff, is_superuser) -> value
-- For commands: null when the e-mail is taken, so that running them twice changes nothing.
INSERT INTO accounts.account (email, username, name, role, password_hash, is_staff, is_superuser)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (lower(email)) DO NOTHING
RETURNING id;
