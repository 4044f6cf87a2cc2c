-- The shop's people as seed 003 shows them: active accounts, an account's phone as phone_number, "" where there is none.

-- name: list_people(roles) -> value
-- Of the firm's roles only, by the index on them: members of the public may be many times as many.
SELECT coalesce(json_agg(json_build_object(
           'id', id, 'username', username, 'first_name', first_name, 'last_name', last_name, 'email', email,
           'phone_number', coalesce(phone, ''), 'address', address, 'role', role, 'is_active', is_active) ORDER BY id), '[]')::text
  FROM accounts.account WHERE is_active AND role = ANY ($1::text[]);

-- name: get_person(id, roles) -> value
-- roles null: whichever they have.
SELECT json_build_object(
           'id', id, 'username', username, 'first_name', first_name, 'last_name', last_name, 'email', email,
           'phone_number', coalesce(phone, ''), 'address', address, 'role', role, 'is_active', is_active)::text
  FROM accounts.account WHERE id = $1 AND is_active AND ($2::text[] IS NULL OR role = ANY ($2));

-- name: create_person(body, password_hash, maker_id, actor) -> row
-- The maker may be deleted at this very moment; held, or not there any more, it breaks no foreign key.
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
SELECT json_build_object(
           'id', a.id, 'username', a.username, 'first_name', a.first_name, 'last_name', a.last_name, 'email', a.email,
           'phone_number', coalesce(a.phone, ''), 'address', a.address, 'role', a.role, 'is_active', a.is_active)::text AS person,
       operations.note($4::jsonb, 'account.create', 'account', a.public_id::text, NULL, accounts.audited(made.account))
  FROM made CROSS JOIN LATERAL (SELECT (made.account).*) a;

-- name: lock_person(id, roles) -> row
-- Before it is decided whether the caller may change them: the role stays until the transaction ends, and nobody signs in.
SELECT id, role FROM accounts.account
 WHERE id = $1 AND is_active AND ($2::text[] IS NULL OR role = ANY ($2))
   FOR NO KEY UPDATE;

-- name: change_person(id, body, role, keeps_staff, password_hash, keep_session, actor) -> row
-- What the body doesn't name stays. role is apart because nobody sets their own; whoever leaves the roles that administer
-- leaves is_staff with it (keeps_staff: the new role administers). A new password ends the sessions but for keep_session.
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
SELECT json_build_object(
           'id', a.id, 'username', a.username, 'first_name', a.first_name, 'last_name', a.last_name, 'email', a.email,
           'phone_number', coalesce(a.phone, ''), 'address', a.address, 'role', a.role, 'is_active', a.is_active)::text AS person,
       operations.note($7::jsonb, 'account.update', 'account', a.public_id::text, old.audited, accounts.audited(changed.account))
  FROM old CROSS JOIN changed CROSS JOIN LATERAL (SELECT (changed.account).*) a;

-- name: deactivate_person(id, actor) -> row
-- The row stays, and its e-mail taken; its sessions end.
WITH old AS (
    SELECT accounts.audited(a) AS audited FROM accounts.account a WHERE a.id = $1
), changed AS (
    UPDATE accounts.account AS a SET is_active = false, updated_at = now() WHERE a.id = $1
    RETURNING a AS account
), ended AS (
    UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()
)
SELECT (changed.account).id,
       operations.note($2::jsonb, 'account.deactivate', 'account', (changed.account).public_id::text, old.audited,
                       accounts.audited(changed.account))
  FROM old CROSS JOIN changed;
