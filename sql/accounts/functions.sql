-- Functions and documents of the accounts area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0003_accounts.sql.
--
-- Triggers on accounts.account
--   account_names                 before a write of name, first_name, last_name   keeps the one name and the two names in step
--   account_last_superadmin_kept  before a change or deletion of a SUPERADMIN     refuses it for the last one (account_last_superadmin)
--   account_came, account_went    after an insert, a delete                       count the accounts
--   account_change_announced,     after a change of what requests rely on,        write the event accounts.changed, so that no process
--   account_end_announced         after a delete                                  goes on with the account as it remembers it
--   account_avatar_used           after a write of avatar                         keeps the register of media files
-- Triggers on accounts.session
--   session_change_announced,     after a revocation or renewal, after a delete   write the event accounts.changed, for the session
--   session_end_announced
--
-- Documents: each JSON shape that several statements answer with is composed by one function below. Postgres inlines a function
-- that is one expression, and a function in FROM that RETURNS SETOF; it calls any other function once per row. A document that
-- reads further tables therefore RETURNS SETOF json with exactly one row, and a query writes
--   FROM accounts.department d CROSS JOIN LATERAL accounts.department_document(d) AS document

-- The staff API has one name, the shop API has two. The trigger derives the one from the other, whichever is written.
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

-- The last SUPERADMIN who can sign in keeps the role, whichever program writes. The lock serializes two changes at the same time.
-- The function is volatile, so its second statement sees what the first one waited for.
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

-- The trigger counts once per statement and not once per row: a transaction that updates one row a hundred thousand times reads
-- all versions of that row.
CREATE OR REPLACE FUNCTION accounts.count_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := (SELECT count(*) FROM changed_rows);
BEGIN
    IF changed > 0 THEN
        UPDATE accounts.account_tally SET n = n + CASE TG_OP WHEN 'INSERT' THEN changed ELSE -changed END;
    END IF;
    RETURN NULL;
END $$;

-- The event accounts.changed names the changed account or session, so that every process forgets it.
CREATE OR REPLACE FUNCTION accounts.announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    VALUES ('accounts.changed', json_build_object(CASE TG_TABLE_NAME WHEN 'account' THEN 'account_id' ELSE 'session_id' END, OLD.id)::text);
    RETURN NULL;
END $$;

-- The name of a person; the e-mail if the person has no name.
CREATE OR REPLACE FUNCTION accounts.full_name(a accounts.account) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(a.name, ''), a.email)
$$;

-- What the audit keeps of an account: the row without the columns that change by themselves.
CREATE OR REPLACE FUNCTION accounts.audited(a accounts.account) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_strip_nulls(to_jsonb(a)) - '{id,public_id,last_login,date_joined,updated_at}'::text[]
$$;

-- An account as the staff API writes it. docs/api/accounts.md#staff-users. ApiHandler.linked (handlers/api/handler.py) replaces
-- the `media:KEY` of avatar by a link. People outside the firm do not see the name of the maker, who belongs to the firm.
CREATE OR REPLACE FUNCTION accounts.account_document(a accounts.account) RETURNS SETOF json
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', a.public_id, 'user_id', a.id, 'email', a.email, 'username', a.username, 'name', a.name,
        'first_name', a.first_name, 'last_name', a.last_name, 'phone', a.phone, 'avatar', 'media:' || a.avatar, 'role', a.role,
        'department', (SELECT d.name FROM accounts.department d WHERE d.id = a.department_id), 'department_id', a.department_id,
        'job_title', a.job_title_id, 'job_title_name', (SELECT t.title FROM accounts.job_title t WHERE t.id = a.job_title_id),
        'company_name', a.company_name, 'company_address', a.company_address, 'company_logo', a.company_logo,
        'is_active', a.is_active, 'is_staff', a.is_staff, 'date_joined', core.iso(a.date_joined),
        'last_login', core.iso(a.last_login),
        'created_by_name', CASE WHEN a.role NOT IN ('SALESREP', 'VENDOR', 'MEMBER')
                                THEN (SELECT accounts.full_name(maker) FROM accounts.account maker WHERE maker.id = a.created_by) END)
$$;

-- An account as the books API writes it. docs/api/accounts.md#books-profile
CREATE OR REPLACE FUNCTION accounts.books_document(a accounts.account) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', a.id, 'email', a.email, 'username', a.username, 'first_name', a.first_name, 'last_name', a.last_name,
        'company_name', a.company_name, 'company_address', a.company_address, 'company_logo', a.company_logo,
        'is_active', a.is_active, 'is_staff', a.is_staff, 'date_joined', core.iso(a.date_joined),
        'last_login', core.iso(a.last_login))
$$;

-- An account as the shop API writes it. docs/api/accounts.md#shop-users
CREATE OR REPLACE FUNCTION accounts.shop_document(a accounts.account) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', a.id, 'username', a.username, 'first_name', a.first_name, 'last_name', a.last_name, 'email', a.email,
        'phone_number', coalesce(a.phone, ''), 'address', a.address, 'role', a.role, 'is_active', a.is_active)
$$;

-- An account as the answers about menus name it: `user`. docs/api/accounts.md#menus
CREATE OR REPLACE FUNCTION accounts.menu_user_document(a accounts.account) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('id', a.public_id, 'email', a.email, 'full_name', accounts.full_name(a))
$$;

-- A session. docs/api/accounts.md#sessions
CREATE OR REPLACE FUNCTION accounts.session_document(s accounts.session) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', s.id, 'user_agent', s.user_agent, 'ip_address', s.address, 'created_at', core.iso(s.created_at),
        'expires_at', core.iso(s.expires_at), 'is_revoked', s.revoked_at IS NOT NULL)
$$;

-- A job title. department: the name of its department, or null. docs/api/accounts.md#departments-and-job-titles
CREATE OR REPLACE FUNCTION accounts.job_title_document(t accounts.job_title, department text) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', t.id, 'title', t.title, 'description', t.description, 'is_active', t.is_active,
        'department_id', t.department_id, 'department', department,
        'created_at', core.iso(t.created_at), 'updated_at', core.iso(t.updated_at))
$$;

-- A department with its job titles. docs/api/accounts.md#departments-and-job-titles
CREATE OR REPLACE FUNCTION accounts.department_document(d accounts.department) RETURNS SETOF json
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', d.id, 'name', d.name, 'description', d.description, 'is_active', d.is_active,
        'job_titles', (SELECT coalesce(json_agg(accounts.job_title_document(t, d.name) ORDER BY t.title, t.id), '[]')
                         FROM accounts.job_title t WHERE t.department_id = d.id),
        'created_at', core.iso(d.created_at), 'updated_at', core.iso(d.updated_at))
$$;

-- An entry of a menu tree. children: an array of the entries below it. docs/api/accounts.md#menus
CREATE OR REPLACE FUNCTION accounts.menu_document(m accounts.menu_item, children json) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', m.id, 'name', m.name, 'code', m.code, 'icon', m.icon, 'url', m.url, 'order', m.place, 'children', children)
$$;

-- The menu tree of one person, in two levels: the assigned roots, and those of their children that are assigned too. Inactive
-- entries and assignments are left out. An entry of the second level has no member `children`.
CREATE OR REPLACE FUNCTION accounts.menu_tree(person bigint) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH own AS (
        SELECT m AS item, m.id, m.parent_id, m.place, m.code
          FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
         WHERE am.account_id = person AND am.is_active AND m.is_active
    )
    SELECT coalesce(json_agg(accounts.menu_document(root.item, below.children) ORDER BY root.place, root.code), '[]')
      FROM own root CROSS JOIN LATERAL (
           SELECT coalesce(json_agg(json_build_object(
                      'id', child.id, 'name', (child.item).name, 'code', child.code, 'icon', (child.item).icon,
                      'url', (child.item).url, 'order', child.place) ORDER BY child.place, child.code), '[]') AS children
             FROM own child WHERE child.parent_id = root.id) below
     WHERE root.parent_id IS NULL
$$;
