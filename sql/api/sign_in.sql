-- Who signs in, in whichever API.

-- name: find_sign_in(login) -> row
-- The account with this e-mail, ignoring case; otherwise the one with this username, if exactly one account that may sign in has it.
-- A vendor who waits for approval counts among these, because their API tells them so. `name` is the key by which attempts are
-- counted. Always one row: if no account is found, all columns except `name` are null.
WITH named AS (
    SELECT a.id, a.password_hash, a.is_active, a.role, a.email
      FROM accounts.account a
     WHERE lower(a.username) = lower($1) AND a.username <> '' AND (a.is_active OR a.role = 'VENDOR')
     LIMIT 2
), found AS (
    SELECT a.id, a.password_hash, a.is_active, a.role FROM accounts.account a WHERE lower(a.email) = lower($1)
     UNION ALL
    SELECT named.id, named.password_hash, named.is_active, named.role
      FROM named
     WHERE 1 = (SELECT count(*) FROM named) AND NOT EXISTS (SELECT FROM accounts.account a WHERE lower(a.email) = lower($1))
)
SELECT lower($1) AS name, found.id, found.password_hash, found.is_active, found.role
  FROM (VALUES (1)) AS always LEFT JOIN found ON true;

-- name: note_refused_sign_ins(login, account_id, address, request_id) -> value
-- Called once each time that the limit of failed sign-ins is reached.
SELECT operations.note(operations.actor(a.id, a.email, $3, $4),
                       'account.sign-in-refused', 'sign-in', left($1, 255), NULL, NULL)
  FROM (VALUES (1)) AS always LEFT JOIN accounts.account a ON a.id = $2;
