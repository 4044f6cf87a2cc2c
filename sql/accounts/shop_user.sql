-- Accounts as the shop API manages them: active accounts only, and `phone_number` for the phone. docs/api/accounts.md#shop-users

-- name: list_people(roles) -> value
-- The index on the role finds the accounts of these roles: members of the public may be many times as many.
SELECT coalesce(json_agg(accounts.shop_document(a) ORDER BY a.id), '[]')::text
  FROM accounts.account a WHERE a.is_active AND a.role = ANY ($1::text[]);

-- name: get_person(id, roles) -> value
-- roles null: an account of any role.
SELECT accounts.shop_document(a)::text
  FROM accounts.account a WHERE a.id = $1 AND a.is_active AND ($2::text[] IS NULL OR a.role = ANY ($2));

-- name: create_person(body, password_hash, maker_id, actor) -> row
-- The maker's account may be deleted at the same time. Its lock makes the deletion wait; if it is already deleted, created_by is
-- null. In both cases the foreign key holds.
WITH maker AS (
    SELECT id FROM accounts.account WHERE id = $3 FOR KEY SHARE
), made AS (
    INSERT INTO accounts.account AS a (
           username, email, first_name, last_name, phone, address, role, is_superuser, is_staff, password_hash,
           created_by)
    SELECT core.trimmed(b.username), core.trimmed(b.email), core.trimmed(b.first_name),
           core.trimmed(b.last_name), nullif(core.trimmed(b.phone_number), ''),
           coalesce(core.trimmed(b.address), ''), coalesce(b.role, 'EMPLOYEE'), coalesce(b.role = 'SUPERADMIN', false),
           coalesce(b.role IN ('SUPERADMIN', 'ADMIN', 'OWNER'), false), $2,
           (SELECT id FROM maker)
      FROM jsonb_to_record($1::jsonb) AS b (
           username text, email text, first_name text, last_name text, phone_number text, address text, role text)
    RETURNING a AS account
)
SELECT accounts.shop_document(account)::text AS person,
       operations.note($4::jsonb, 'account.create', 'account', (account).public_id::text, NULL, accounts.audited(account))
  FROM made;

-- name: lock_person(id, roles) -> row
-- Locks the account before the caller's permission is checked, so that its role cannot change and nobody signs in until the
-- transaction ends.
SELECT id, role FROM accounts.account
 WHERE id = $1 AND is_active AND ($2::text[] IS NULL OR role = ANY ($2))
   FOR NO KEY UPDATE;

-- name: change_person(id, body, role, keeps_staff, password_hash, keep_session, actor) -> row
-- Members that the body omits stay. role is a parameter of its own, because people cannot change their own role. keeps_staff: the
-- new role administers; otherwise the account loses is_staff. A new password ends the sessions except keep_session.
WITH old AS (
    SELECT accounts.audited(a) AS audited FROM accounts.account a WHERE a.id = $1
), changed AS (
    UPDATE accounts.account AS a
       SET username      = coalesce(core.trimmed(b.username), a.username),
           email         = coalesce(core.trimmed(b.email), a.email),
           first_name    = coalesce(core.trimmed(b.first_name), a.first_name),
           last_name     = coalesce(core.trimmed(b.last_name), a.last_name),
           phone         = CASE WHEN b.phone_number IS NULL THEN a.phone ELSE nullif(core.trimmed(b.phone_number), '') END,
           address       = coalesce(core.trimmed(b.address), a.address),
           role          = coalesce($3, a.role),
           is_superuser  = coalesce($3 = 'SUPERADMIN', a.is_superuser),
           is_staff      = a.is_staff AND (coalesce($3 = a.role, true) OR $4::boolean),
           password_hash = coalesce($5, a.password_hash),
           updated_at    = now()
      FROM jsonb_to_record($2::jsonb) AS b (
           username text, email text, first_name text, last_name text, phone_number text, address text)
     WHERE a.id = $1
    RETURNING a AS account
), ended AS (
    UPDATE accounts.session SET revoked_at = now()
     WHERE account_id = $1 AND $5::text IS NOT NULL AND revoked_at IS NULL AND expires_at > now() AND id IS DISTINCT FROM $6
)
SELECT accounts.shop_document(account)::text AS person,
       operations.note($7::jsonb, 'account.update', 'account', (account).public_id::text, old.audited, accounts.audited(account))
  FROM old CROSS JOIN changed;

-- name: deactivate_person(id, actor) -> row
-- The row stays, so its e-mail remains taken. The sessions end.
WITH old AS (
    SELECT accounts.audited(a) AS audited FROM accounts.account a WHERE a.id = $1
), changed AS (
    UPDATE accounts.account AS a SET is_active = false, updated_at = now() WHERE a.id = $1
    RETURNING a AS account
), ended AS (
    UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()
)
SELECT (account).id,
       operations.note($2::jsonb, 'account.deactivate', 'account', (account).public_id::text, old.audited, accounts.audited(account))
  FROM old CROSS JOIN changed;
