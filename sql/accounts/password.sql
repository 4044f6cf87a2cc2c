-- How people change their own password. docs/api/accounts.md#passwords

-- name: get_password(account_id) -> row
-- The hash, and the texts to which a new password must not be similar. No row: the account is inactive or does not exist.
SELECT password_hash, email, username, name, company_name
  FROM accounts.account WHERE id = $1 AND is_active;

-- name: lock_password(account_id) -> value
-- This is a statement of its own, so that the snapshot of the next one contains every session that the old password opened.
SELECT id FROM accounts.account WHERE id = $1 FOR NO KEY UPDATE;

-- name: change_password(account_id, old_hash, new_hash, keep_session, actor) -> row
-- No row: the password is no longer old_hash, so of two changes at the same time one is refused. All sessions except keep_session
-- end.
WITH old AS (
    SELECT accounts.audited(a) AS audited FROM accounts.account a WHERE a.id = $1
), changed AS (
    UPDATE accounts.account AS a SET password_hash = $3, updated_at = now()
     WHERE a.id = $1 AND a.is_active AND a.password_hash = $2
    RETURNING a AS account
), ended AS (
    UPDATE accounts.session s SET revoked_at = now() FROM changed
     WHERE s.account_id = (changed.account).id AND s.id <> $4 AND s.revoked_at IS NULL AND s.expires_at > now()
)
SELECT (changed.account).id AS account_id, (changed.account).email, (changed.account).username, (changed.account).company_name,
       operations.note($5::jsonb, 'account.password', 'account', (changed.account).public_id::text, old.audited,
                       accounts.audited(changed.account))
  FROM old CROSS JOIN changed;
