-- What the four APIs' accounts have beside what signing in needs; departments and job titles; and telling every process at
-- once when an account or session changes, so that each may keep what it knows of them in memory.
-- Safe beside a running release: new objects, and new columns with defaults (a brief lock, no rewrite).

CREATE TABLE accounts.department (
    id          uuid         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    name        varchar(150) NOT NULL,
    description text,
    is_active   boolean      NOT NULL DEFAULT true,
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT department_name_key UNIQUE (name)
);

CREATE TABLE accounts.job_title (
    id            uuid         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    title         varchar(150) NOT NULL,
    department_id uuid         CONSTRAINT job_title_department_id_exists REFERENCES accounts.department ON DELETE CASCADE,
    description   text,
    is_active     boolean      NOT NULL DEFAULT true,
    created_at    timestamptz  NOT NULL DEFAULT now(),
    updated_at    timestamptz  NOT NULL DEFAULT now()
);
-- Without a department too a title stands once. Postgres 14 knows no NULLS NOT DISTINCT, hence two indexes.
CREATE UNIQUE INDEX job_title_department_id_title_key ON accounts.job_title (department_id, title);
CREATE UNIQUE INDEX job_title_title_alone_key ON accounts.job_title (title) WHERE department_id IS NULL;

ALTER TABLE accounts.account
    ADD first_name      varchar(150) NOT NULL DEFAULT '',
    ADD last_name       varchar(150) NOT NULL DEFAULT '',
    ADD address         varchar(200) NOT NULL DEFAULT '',
    ADD company_name    varchar(255) NOT NULL DEFAULT '',
    ADD company_address text         NOT NULL DEFAULT '',
    ADD company_logo    varchar(255) NOT NULL DEFAULT '',
    ADD avatar          text         CONSTRAINT account_avatar_key_plain CHECK (avatar ~ '^[a-z0-9/._-]{1,200}$'),  -- key in the storage
    ADD department_id   uuid CONSTRAINT account_department_id_exists REFERENCES accounts.department ON DELETE SET NULL,
    ADD job_title_id    uuid CONSTRAINT account_job_title_exists REFERENCES accounts.job_title ON DELETE SET NULL;
CREATE INDEX account_department ON accounts.account (department_id) WHERE department_id IS NOT NULL;
CREATE INDEX account_job_title ON accounts.account (job_title_id) WHERE job_title_id IS NOT NULL;
-- Public sign-up promises a user name of one's own; the shop's accounts (seed 003) may share one.
CREATE UNIQUE INDEX account_member_username_key ON accounts.account (lower(username)) WHERE role = 'MEMBER' AND username <> '';

UPDATE accounts.account
   SET first_name = split_part(name, ' ', 1), last_name = btrim(substr(name, length(split_part(name, ' ', 1)) + 1))
 WHERE name <> '';

-- The staff API has one name, the shop's two: whichever is written, the other follows.
CREATE FUNCTION accounts.keep_names_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER account_names BEFORE INSERT OR UPDATE OF name, first_name, last_name ON accounts.account
    FOR EACH ROW EXECUTE FUNCTION accounts.keep_names_in_step();

-- The last SUPERADMIN who can sign in stays one, whoever writes. The lock makes two that go at once follow each other; a
-- volatile function's second statement sees what the first one waited for.
CREATE FUNCTION accounts.keep_a_superadmin() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER account_last_superadmin_kept BEFORE UPDATE OF role, is_active, password_hash OR DELETE ON accounts.account
    FOR EACH ROW WHEN (OLD.role = 'SUPERADMIN' AND OLD.is_active AND OLD.password_hash IS NOT NULL)
    EXECUTE FUNCTION accounts.keep_a_superadmin();

-- How many accounts there are, without counting them. One row: accounts come no faster than passwords can be hashed.
CREATE TABLE accounts.account_tally (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    n        bigint  NOT NULL
);
INSERT INTO accounts.account_tally (n) SELECT count(*) FROM accounts.account;
-- Once a statement, not once a row: a transaction that updates one row a hundred thousand times walks over all its versions.
CREATE FUNCTION accounts.count_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := (SELECT count(*) FROM changed_rows);
BEGIN
    IF changed > 0 THEN
        UPDATE accounts.account_tally SET n = n + CASE TG_OP WHEN 'INSERT' THEN changed ELSE -changed END;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER account_came AFTER INSERT ON accounts.account REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION accounts.count_accounts();
CREATE TRIGGER account_went AFTER DELETE ON accounts.account REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION accounts.count_accounts();

-- Tells every process which account or session changed (topic accounts.changed), so that none goes on with an old one.
CREATE FUNCTION accounts.announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    VALUES ('accounts.changed', json_build_object(CASE TG_TABLE_NAME WHEN 'account' THEN 'account_id' ELSE 'session_id' END, OLD.id)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER account_change_announced AFTER UPDATE ON accounts.account
    FOR EACH ROW WHEN ((OLD.email, OLD.name, OLD.username, OLD.role, OLD.is_active, OLD.is_staff, OLD.is_superuser, OLD.password_hash)
        IS DISTINCT FROM (NEW.email, NEW.name, NEW.username, NEW.role, NEW.is_active, NEW.is_staff, NEW.is_superuser, NEW.password_hash))
    EXECUTE FUNCTION accounts.announce_change();
CREATE TRIGGER account_end_announced AFTER DELETE ON accounts.account
    FOR EACH ROW EXECUTE FUNCTION accounts.announce_change();
CREATE TRIGGER session_change_announced AFTER UPDATE ON accounts.session
    FOR EACH ROW WHEN ((OLD.revoked_at, OLD.expires_at) IS DISTINCT FROM (NEW.revoked_at, NEW.expires_at))
    EXECUTE FUNCTION accounts.announce_change();
CREATE TRIGGER session_end_announced AFTER DELETE ON accounts.session
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now())
    EXECUTE FUNCTION accounts.announce_change();

-- Substring search by index: every three letters of a text, for a GIN index and `@>`; the text itself is then compared.
CREATE FUNCTION operations.trigrams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(lower(value), i, 3)), '{}') FROM generate_series(1, length(value) - 2) AS i
$$;
CREATE FUNCTION accounts.searched(email text, name text, username text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(email || E'\n' || name || E'\n' || username)
$$;
CREATE INDEX account_searched ON accounts.account USING gin (operations.trigrams(accounts.searched(email, name, username)));

-- Orders of the staff list. Newest first is by id.
CREATE INDEX account_by_email ON accounts.account (email, id);
CREATE INDEX account_by_name ON accounts.account (name, id);
CREATE INDEX account_by_role ON accounts.account (role, id);
CREATE INDEX account_by_username ON accounts.account (username, id);
CREATE INDEX account_by_is_active ON accounts.account (is_active, id);
CREATE INDEX account_by_is_staff ON accounts.account (is_staff, id);
CREATE INDEX account_by_last_login ON accounts.account (last_login, id);

-- An account as /api/auth/users/ writes it: what seed 001 shows, and beside it what seed 004 does. `media:` before a
-- storage key is replaced by a link on the way out (handlers/api.py). Who is not of the firm isn't told its people's names.
CREATE FUNCTION accounts.document(a accounts.account) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
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
CREATE FUNCTION accounts.books_document(a accounts.account) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', a.id, 'email', a.email, 'username', a.username, 'first_name', a.first_name, 'last_name', a.last_name,
        'company_name', a.company_name, 'company_address', a.company_address, 'company_logo', a.company_logo,
        'is_active', a.is_active, 'is_staff', a.is_staff, 'date_joined', core.iso(a.date_joined),
        'last_login', core.iso(a.last_login))
$$;

-- What the audit keeps of an account: the row, but for what changes by itself.
CREATE FUNCTION accounts.audited(a accounts.account) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_strip_nulls(to_jsonb(a)) - '{id,public_id,last_login,date_joined,updated_at}'::text[]
$$;
