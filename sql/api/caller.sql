-- Who calls: the account behind a session.

-- name: get_caller(session_id) -> row
-- The account of a session that has not expired; null: there is no such session. The session of an inactive account is returned even
-- if it was revoked, so that its caller learns that the account is inactive. expires_at: epoch seconds, rounded down, so never too late.
SELECT a.id AS account_id, a.public_id::text AS public_id, s.id AS session_id, a.email, a.name, a.role, a.is_active, a.is_staff,
       a.is_superuser, s.revoked_at IS NOT NULL AS is_revoked, floor(extract(epoch FROM s.expires_at))::bigint AS expires_at
  FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
 WHERE s.id = $1 AND s.expires_at > now();

-- name: has_account(account_id) -> value
SELECT EXISTS (SELECT FROM accounts.account WHERE id = $1::bigint);

-- name: list_ended(session_ids) -> rows
-- Those of the given sessions that admit nobody any more: revoked, expired, gone, or of an inactive account.
SELECT given.id AS session_id
  FROM unnest($1::bigint[]) AS given (id)
 WHERE NOT EXISTS (
       SELECT FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
        WHERE s.id = given.id AND s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active);
