-- Accounts: people, their sessions, departments, job titles and menus. Functions: sql/accounts/functions.sql.
-- Safe beside a running release: creates new objects only.

CREATE SCHEMA accounts;

-- Each function that a trigger below calls is declared here, so that the trigger can name it; functions.sql, which is
-- applied in the same transaction, defines it.
CREATE FUNCTION accounts.keep_names_in_step() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION accounts.keep_a_superadmin() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION accounts.count_accounts() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION accounts.announce_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

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
    updated_at    timestamptz  NOT NULL DEFAULT now(),
    -- A title stands once in a department, and once among the titles without a department.
    CONSTRAINT job_title_department_id_title_key UNIQUE NULLS NOT DISTINCT (department_id, title)
);

-- One person is one row, whichever API the person uses.
CREATE TABLE accounts.account (
    id              bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id       uuid         NOT NULL DEFAULT gen_random_uuid(),   -- the id that the staff API shows
    email           varchar(255) NOT NULL,
    username        varchar(150) NOT NULL DEFAULT '',
    -- The staff API has one name, the shop API has two; the trigger account_names derives the one from the other.
    name            varchar(150) NOT NULL DEFAULT '',
    first_name      varchar(150) NOT NULL DEFAULT '',
    last_name       varchar(150) NOT NULL DEFAULT '',
    phone           varchar(20),
    address         varchar(200) NOT NULL DEFAULT '',
    company_name    varchar(255) NOT NULL DEFAULT '',
    company_address text         NOT NULL DEFAULT '',
    company_logo    varchar(255) NOT NULL DEFAULT '',
    -- The key of the picture in the storage of files.
    avatar          text         CONSTRAINT account_avatar_key_plain CHECK (avatar ~ '^[a-z0-9/._-]{1,200}$'),
    role            text         NOT NULL DEFAULT 'USER',
    department_id   uuid         CONSTRAINT account_department_id_exists REFERENCES accounts.department ON DELETE SET NULL,
    job_title_id    uuid         CONSTRAINT account_job_title_exists REFERENCES accounts.job_title ON DELETE SET NULL,
    password_hash   text,                                              -- null: nobody can sign in
    is_active       boolean      NOT NULL DEFAULT true,
    is_staff        boolean      NOT NULL DEFAULT false,
    is_superuser    boolean      NOT NULL DEFAULT false,
    created_by      bigint       REFERENCES accounts.account ON DELETE SET NULL,
    date_joined     timestamptz  NOT NULL DEFAULT now(),
    last_login      timestamptz,
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT account_public_id_key UNIQUE (public_id),
    CONSTRAINT account_role_known CHECK (role IN (
        'SUPERADMIN', 'ADMIN', 'OWNER', 'EMPLOYEE', 'USER', 'PICKER', 'PACKER', 'DRIVER', 'DELIVERY', 'BILLING', 'STORE',
        'SALESREP', 'VENDOR', 'MEMBER'))
);
CREATE UNIQUE INDEX account_email_key ON accounts.account (lower(email));
CREATE INDEX account_username ON accounts.account (lower(username)) WHERE username <> '';
-- Public sign-up promises a username of one's own; the shop's accounts may share one.
CREATE UNIQUE INDEX account_member_username_key ON accounts.account (lower(username)) WHERE role = 'MEMBER' AND username <> '';
-- Vendors sign in with their usernames.
CREATE UNIQUE INDEX account_vendor_username_key ON accounts.account (lower(username)) WHERE role = 'VENDOR' AND username <> '';
CREATE INDEX account_created_by ON accounts.account (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX account_department ON accounts.account (department_id) WHERE department_id IS NOT NULL;
CREATE INDEX account_job_title ON accounts.account (job_title_id) WHERE job_title_id IS NOT NULL;

-- The search compares with this text: e-mail, name and username in lower case. A trigram index finds any part of it.
CREATE FUNCTION accounts.searched(email text, name text, username text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(email || E'\n' || name || E'\n' || username)
$$;
CREATE INDEX account_searched ON accounts.account USING gin (accounts.searched(email, name, username) gin_trgm_ops);

-- Orders of the list of staff users; the default, newest first, uses the primary key. A cursor compares values, and a comparison with
-- null is null, so an account that has never signed in counts as infinity.
CREATE INDEX account_by_email ON accounts.account (email, id);
CREATE INDEX account_by_name ON accounts.account (name, id);
CREATE INDEX account_by_role ON accounts.account (role, id);
CREATE INDEX account_by_username ON accounts.account (username, id);
CREATE INDEX account_by_is_active ON accounts.account (is_active, id);
CREATE INDEX account_by_is_staff ON accounts.account (is_staff, id);
CREATE INDEX account_by_last_sign_in ON accounts.account (coalesce(last_login, 'infinity'), id);

-- The number of accounts, so that lists do not count them. One row is enough, because the hashing of passwords limits how fast
-- accounts are created.
CREATE TABLE accounts.account_tally (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    n        bigint  NOT NULL
);
INSERT INTO accounts.account_tally (n) VALUES (0);

-- One row for each sign-in. Both tokens hold its id, so the end of a session makes both invalid at once.
CREATE TABLE accounts.session (
    id         bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint       NOT NULL REFERENCES accounts.account ON DELETE CASCADE,
    user_agent varchar(255) NOT NULL DEFAULT '',
    address    text         NOT NULL DEFAULT '',
    refreshes  integer      NOT NULL DEFAULT 0,   -- the number of renewals, which is the claim `gen` of the newest refresh token
    renewed_at timestamptz,                       -- the last renewal; null: none yet
    created_at timestamptz  NOT NULL DEFAULT now(),
    expires_at timestamptz  NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX session_account ON accounts.session (account_id, id);
CREATE INDEX session_expiry ON accounts.session (expires_at);

-- Entries of the staff client's navigation. docs/api/accounts.md#menus
CREATE TABLE accounts.menu_item (
    id        uuid         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    name      varchar(100) NOT NULL,
    code      varchar(50)  NOT NULL,
    icon      varchar(50)  NOT NULL DEFAULT '',
    url       varchar(200) NOT NULL DEFAULT '',
    parent_id uuid         REFERENCES accounts.menu_item ON DELETE CASCADE,
    place     integer      NOT NULL DEFAULT 0,   -- position below its parent; `order` in the API
    is_active boolean      NOT NULL DEFAULT true,
    CONSTRAINT menu_item_code_key UNIQUE (code)
);
CREATE INDEX menu_item_parent ON accounts.menu_item (parent_id);

-- The entries that each account is shown.
CREATE TABLE accounts.account_menu (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),   -- of the assignment, as the API shows it
    account_id   bigint      NOT NULL REFERENCES accounts.account ON DELETE CASCADE,
    menu_item_id uuid        NOT NULL REFERENCES accounts.menu_item ON DELETE CASCADE,
    assigned_by  bigint      REFERENCES accounts.account ON DELETE SET NULL,
    assigned_at  timestamptz NOT NULL DEFAULT now(),
    is_active    boolean     NOT NULL DEFAULT true,
    PRIMARY KEY (account_id, menu_item_id)
);
CREATE INDEX account_menu_item ON accounts.account_menu (menu_item_id);
CREATE INDEX account_menu_assigned_by ON accounts.account_menu (assigned_by) WHERE assigned_by IS NOT NULL;

-- Triggers. The head of sql/accounts/functions.sql says what each one does.
CREATE TRIGGER account_names BEFORE INSERT OR UPDATE OF name, first_name, last_name ON accounts.account
    FOR EACH ROW EXECUTE FUNCTION accounts.keep_names_in_step();
CREATE TRIGGER account_last_superadmin_kept BEFORE UPDATE OF role, is_active, password_hash OR DELETE ON accounts.account
    FOR EACH ROW WHEN (OLD.role = 'SUPERADMIN' AND OLD.is_active AND OLD.password_hash IS NOT NULL)
    EXECUTE FUNCTION accounts.keep_a_superadmin();
CREATE TRIGGER account_came AFTER INSERT ON accounts.account REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION accounts.count_accounts();
CREATE TRIGGER account_went AFTER DELETE ON accounts.account REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION accounts.count_accounts();
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
CREATE TRIGGER account_avatar_used AFTER INSERT OR UPDATE OF avatar OR DELETE ON accounts.account
    FOR EACH ROW EXECUTE FUNCTION core.use_media_file('avatar');
