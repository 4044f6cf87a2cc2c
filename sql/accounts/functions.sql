-- Functions of the accounts area. Applied whenever this file changes (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0003_accounts.sql.
--
-- Triggers on accounts.account
--   account_names                 before a write of name, first_name, last_name   keeps the one name and the two names in step
--   account_last_superadmin_kept  before the last SUPERADMIN would go             refuses it (constraint account_last_superadmin)
--   account_came, account_went    after an insert, a delete                       count the accounts
--   account_change_announced,     after a change of what requests rely on,        event accounts.changed: no process goes on with
--   account_end_announced         after a delete                                  what it remembers of the account
--   account_avatar_used           after a write of avatar                         register of media files
-- Triggers on accounts.session
--   session_change_announced,     after a revocation or renewal, after a delete   event accounts.changed, for the session
--   session_end_announced

-- The staff API has one name, the shop's two: whichever is written, the other follows.
CREATE OR REPLACE FUNCTION accounts.keep_names_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was_given boolean := TG_OP = 'INSERT';
BEGIN
    IF (was_given AND (NEW.first_name <> '' OR NEW.last_name <> ''))
       OR (NOT was_given AND (NEW.first_name, NEW.last_name) IS DISTINCT FROM (OLD.first_name, OLD.last_name)) THEN
        NEW.name := left(btrim(NEW.first_name || ' ' || NEW.last_name), 150);
    ELSIF was_given OR NEW.name IS DISTINCT FROM OLD.name THEN
        NEW.first_name := split_part(NEW.name, ' ', 1);
        NEW.last_name := btrim(substr(NEW.name, length(NEW.first_name) + 1));
    END IF;
    RETURN NEW;
END $$;

-- The last SUPERADMIN who can sign in stays one, whoever writes. The lock makes two that go at once follow each other; a
-- volatile function's second statement sees what the first one waited for.
CREATE OR REPLACE FUNCTION accounts.keep_a_superadmin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.role <> 'SUPERADMIN' OR NOT NEW.is_active OR NEW.password_hash IS NULL THEN
        PERFORM pg_advisory_xact_lock('accounts.account'::regclass::oid::bigint);
        PERFORM FROM accounts.account a
          WHERE a.role = 'SUPERADMIN' AND a.is_active AND a.password_hash IS NOT NULL AND a.id <> OLD.id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the last SUPERADMIN stays' USING ERRCODE = 'check_violation', CONSTRAINT = 'account_last_superadmin';
        END IF;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- Once a statement, not once a row: a transaction that updates one row a hundred thousand times walks over all its versions.
CREATE OR REPLACE FUNCTION accounts.count_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := (SELECT count(*) FROM changed_rows);
BEGIN
    IF changed > 0 THEN
        UPDATE accounts.account_tally SET n = n + CASE TG_OP WHEN 'INSERT' THEN changed ELSE -changed END;
    END IF;
    RETURN NULL;
END $$;

-- Tells every process which account or session changed (topic accounts.changed), so that none goes on with an old one.
CREATE OR REPLACE FUNCTION accounts.announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    VALUES ('accounts.changed', json_build_object(CASE TG_TABLE_NAME WHEN 'account' THEN 'account_id' ELSE 'session_id' END, OLD.id)::text);
    RETURN NULL;
END $$;

-- An account as /api/auth/users/ writes it: what seed 001 shows, and beside it what seed 004 does. `media:` before a
-- storage key is replaced by a link on the way out (handlers/api.py). Who is not of the firm isn't told its people's names.
CREATE OR REPLACE FUNCTION accounts.document(a accounts.account) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', a.public_id, 'user_id', a.id, 'email', a.email, 'username', a.username, 'name', a.name,
        'first_name', a.first_name, 'last_name', a.last_name, 'phone', a.phone, 'avatar', 'media:' || a.avatar, 'role', a.role,
        'department', (SELECT d.name FROM accounts.department d WHERE d.id = a.department_id), 'department_id', a.department_id,
        'job_title', a.job_title_id, 'job_title_name', (SELECT t.title FROM accounts.job_title t WHERE t.id = a.job_title_id),
        'company_name', a.company_name, 'company_address', a.company_address, 'company_logo', a.company_logo,
        'is_active', a.is_active, 'is_staff', a.is_staff, 'date_joined', core.iso(a.date_joined),
        'last_login', core.iso(a.last_login),
        'created_by_name', CASE WHEN a.role NOT IN ('SALESREP', 'VENDOR', 'MEMBER') THEN (SELECT coalesce(nullif(maker.name, ''), maker.email) FROM accounts.account maker WHERE maker.id = a.created_by) END)
$$;

-- An account as seed 004's client knows it.
CREATE OR REPLACE FUNCTION accounts.books_document(a accounts.account) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', a.id, 'email', a.email, 'username', a.username, 'first_name', a.first_name, 'last_name', a.last_name,
        'company_name', a.company_name, 'company_address', a.company_address, 'company_logo', a.company_logo,
        'is_active', a.is_active, 'is_staff', a.is_staff, 'date_joined', core.iso(a.date_joined),
        'last_login', core.iso(a.last_login))
$$;

-- What the audit keeps of an account: the row, but for what changes by itself.
CREATE OR REPLACE FUNCTION accounts.audited(a accounts.account) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_strip_nulls(to_jsonb(a)) - '{id,public_id,last_login,date_joined,updated_at}'::text[]
$$;

-- One person's tree: roots assigned to them, with those of their children that are too; two levels, active ones only.
CREATE OR REPLACE FUNCTION accounts.menu_tree(person bigint) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH own AS (
        SELECT m.id, m.name, m.code, m.icon, m.url, m.place AS "order", m.parent_id
          FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
         WHERE am.account_id = person AND am.is_active AND m.is_active
    )
    SELECT coalesce(json_agg(json_build_object(
               'id', root.id, 'name', root.name, 'code', root.code, 'icon', root.icon, 'url', root.url, 'order', root."order",
               'children', (SELECT coalesce(json_agg(json_build_object(
                                       'id', child.id, 'name', child.name, 'code', child.code, 'icon', child.icon,
                                       'url', child.url, 'order', child."order") ORDER BY child."order", child.code), '[]')
                              FROM own child WHERE child.parent_id = root.id)) ORDER BY root."order", root.code), '[]')
      FROM own root WHERE root.parent_id IS NULL
$$;

-- A person's name, or the e-mail of one who has none (contracts/sales.md, 1: "full name").
CREATE OR REPLACE FUNCTION accounts.full_name(a accounts.account) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(a.name, ''), a.email)
$$;
