-- Accounts as server.py user shows them. It changes them by the statements of user.sql.

-- filter: role(role)
a.role = $1::text

-- filter: active(is_active)
a.is_active = $1::boolean

-- Each of the words occurs in the e-mail, name or username. The index finds the longest one.
-- filter: search(longest, words)
accounts.searched(a.email, a.name, a.username) LIKE core.containing($1::text)
AND accounts.searched(a.email, a.name, a.username) LIKE ALL (ARRAY(SELECT core.containing(w.word) FROM unnest($2::text[]) AS w (word)))

-- name: list_accounts(most) -> rows
-- Newest first.
SELECT a.email, a.username, a.name, a.role, a.is_active, a.is_staff, a.password_hash IS NOT NULL AS has_password, a.last_login
  FROM accounts.account a
 WHERE true /* filters */
 ORDER BY a.id DESC LIMIT $1::bigint;

-- name: find_accounts(who) -> rows
-- The account with this e-mail, or else those with this username.
SELECT a.id AS account_id, a.public_id::text AS public_id, a.email, a.username, a.name, a.role, a.phone, a.is_active, a.is_staff, a.is_superuser,
       a.password_hash IS NOT NULL AS has_password, a.last_login, a.date_joined,
       (SELECT count(*) FROM accounts.session s WHERE s.account_id = a.id AND s.revoked_at IS NULL AND s.expires_at > now()) AS sessions
  FROM accounts.account a
 WHERE lower(a.email) = lower($1::text)
    OR (lower(a.username) = lower($1) AND a.username <> ''
        AND NOT EXISTS (SELECT FROM accounts.account o WHERE lower(o.email) = lower($1)))
 ORDER BY a.id LIMIT 2;
