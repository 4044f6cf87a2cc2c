-- Accounts and their sessions. One person is one row, whichever API they sign in through.
-- Safe beside a running release: creates new objects only.

CREATE SCHEMA accounts;

CREATE TABLE accounts.account (
    id            bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id     uuid         NOT NULL DEFAULT gen_random_uuid(),   -- the id that the staff API shows (seed 001)
    email         varchar(255) NOT NULL,
    username      varchar(150) NOT NULL DEFAULT '',
    name          varchar(150) NOT NULL DEFAULT '',
    phone         varchar(20),
    role          text         NOT NULL DEFAULT 'USER',
    password_hash text,                                              -- null: cannot sign in
    is_active     boolean      NOT NULL DEFAULT true,
    is_staff      boolean      NOT NULL DEFAULT false,
    is_superuser  boolean      NOT NULL DEFAULT false,
    created_by    bigint       REFERENCES accounts.account ON DELETE SET NULL,
    date_joined   timestamptz  NOT NULL DEFAULT now(),
    last_login    timestamptz,
    updated_at    timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT account_public_id_key UNIQUE (public_id),
    CONSTRAINT account_role_known CHECK (role IN (
        'SUPERADMIN', 'ADMIN', 'OWNER', 'EMPLOYEE', 'USER', 'PICKER', 'PACKER', 'DRIVER', 'DELIVERY', 'BILLING', 'STORE',
        'SALESREP', 'VENDOR', 'MEMBER'))
);
CREATE UNIQUE INDEX account_email_key ON accounts.account (lower(email));
CREATE INDEX account_username ON accounts.account (lower(username)) WHERE username <> '';
CREATE INDEX account_created_by ON accounts.account (created_by) WHERE created_by IS NOT NULL;

-- One sign-in. Both tokens carry its id, so ending the session ends both at once.
CREATE TABLE accounts.session (
    id         bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint       NOT NULL REFERENCES accounts.account ON DELETE CASCADE,
    user_agent varchar(255) NOT NULL DEFAULT '',
    address    text         NOT NULL DEFAULT '',
    created_at timestamptz  NOT NULL DEFAULT now(),
    expires_at timestamptz  NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX session_account ON accounts.session (account_id, id);
CREATE INDEX session_expiry ON accounts.session (expires_at);
