-- Sign-ins and the sessions they open. A session's id is in both of its tokens.

-- name: find_sign_in(login) -> row
-- By e-mail, ignoring case; else by username, when exactly one account has it.
SELECT id, email, password_hash, is_active
  FROM accounts.account
 WHERE lower(email) = lower($1)
    OR (lower(username) = lower($1) AND username <> ''
        AND NOT EXISTS (SELECT FROM accounts.account other WHERE lower(other.email) = lower($1))
        AND 1 = (SELECT count(*) FROM accounts.account other WHERE lower(other.username) = lower($1) AND other.username <> ''));

-- name: open_session(account_id, user_agent, address, days) -> row
-- Null unless the account is still active: it may have been closed while its password was being checked.
WITH account AS (
    UPDATE accounts.account SET last_login = now() WHERE id = $1 AND is_active
    RETURNING id, public_id, email, username, name, role, is_staff, is_superuser
), session AS (
    INSERT INTO accounts.session (account_id, user_agent, address, expires_at)
    SELECT id, $2, $3, now() + make_interval(secs => $4::double precision * 86400) FROM account
    RETURNING id, expires_at
)
SELECT account.id AS account_id, session.id AS session_id, extract(epoch FROM session.expires_at)::bigint AS expires_at,
       account.email, coalesce(nullif(account.username, ''), account.email) AS username, account.role,
       row_to_json(shown)::text AS account
  FROM account CROSS JOIN session CROSS JOIN LATERAL (
       SELECT account.public_id AS id, account.email, account.name, NULL::text AS avatar, account.role,
              NULL::text AS department, NULL::uuid AS department_id, NULL::json AS job_title,
              account.is_staff, account.is_superuser, '[]'::json AS groups) shown;

-- name: get_caller(session_id) -> row
-- Of an inactive account also with its sessions revoked, so that its caller is told why.
SELECT a.id AS account_id, a.public_id::text AS public_id, s.id AS session_id, a.email, a.name, a.role, a.is_active, a.is_staff,
       a.is_superuser, s.revoked_at IS NOT NULL AS is_revoked, extract(epoch FROM s.expires_at)::bigint AS expires_at
  FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
 WHERE s.id = $1 AND s.expires_at > now();

-- name: get_refreshable(session_id) -> row
SELECT a.id AS account_id, a.email, coalesce(nullif(a.username, ''), a.email) AS username, a.role, a.company_name, a.is_active,
       s.id AS session_id, extract(epoch FROM s.expires_at)::bigint AS expires_at
  FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
 WHERE s.id = $1 AND s.expires_at > now() AND (s.revoked_at IS NULL OR NOT a.is_active);

-- name: list_ended(session_ids) -> rows
-- Those of the given sessions that no longer let anyone in.
SELECT given.id AS session_id
  FROM unnest($1::bigint[]) AS given (id)
 WHERE NOT EXISTS (
       SELECT FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
        WHERE s.id = given.id AND s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active);
