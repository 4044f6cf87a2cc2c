-- Changing one's own password.

-- name: get_password(account_id) -> row
-- The hash, and what a new password must not be like.
SELECT password_hash, email, username, name, company_name
  FROM accounts.account WHERE id = $1 AND is_active;

-- name: lock_password(account_id) -> value
-- A statement of its own: the next one's snapshot then has every session that was opened with the old password.
SELECT id FROM accounts.account WHERE id = $1 FOR NO KEY UPDATE;

-- name: change_password(account_id, old_hash, new_hash, keep_session, actor) -> row
-- Null when the password was changed meanwhile: of two that go at once, one wins. The other sessions end with the old password.
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
SELECT json_build_object(
           'id', (changed.account).id, 'email', (changed.account).email, 'username', (changed.account).username,
           'company_name', (changed.account).company_name)::text AS account,
       operations.note($5::jsonb, 'account.password', 'account', (changed.account).public_id::text, old.audited,
                       accounts.audited(changed.account))
  FROM old CROSS JOIN changed;
