-- Vendors, who bill with the mobile app: who they are, and the tokens by which their devices sign in.
-- Safe beside a running release: creates new objects only.
--
-- The tables of the vendor area lead every key with the vendor, so that they can be distributed by it; no foreign key crosses vendors.

CREATE SCHEMA vendor;

-- A vendor may work while is_approved is true and the account is active.
CREATE TABLE vendor.vendor (
    id            uuid         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    account_id    bigint       NOT NULL CONSTRAINT vendor_account_id_key UNIQUE REFERENCES accounts.account ON DELETE CASCADE,
    business_name varchar(255) NOT NULL,
    phone         varchar(20)  NOT NULL,
    address       text         NOT NULL,
    gst_no        varchar(50)  CONSTRAINT vendor_gst_no_key UNIQUE,
    fssai_license varchar(50),
    -- The key of the picture in the storage of files.
    logo          text         CONSTRAINT vendor_logo_key_plain CHECK (logo ~ '^[a-z0-9/._-]{1,200}$'),
    footer_note   text         NOT NULL DEFAULT '',
    is_approved   boolean      NOT NULL DEFAULT false,
    created_at    timestamptz  NOT NULL DEFAULT now(),
    updated_at    timestamptz  NOT NULL DEFAULT now()
);

-- The one token of an account, which all of its devices share. It is computed from the session and a secret of the server, so that each
-- sign-in gives the same one; the table has only its SHA-256. The session ends it: by logout, or by a new password.
CREATE TABLE vendor.token (
    account_id bigint NOT NULL PRIMARY KEY REFERENCES accounts.account ON DELETE CASCADE,
    session_id bigint NOT NULL CONSTRAINT token_session_id_key UNIQUE REFERENCES accounts.session ON DELETE CASCADE,
    digest     bytea  NOT NULL CONSTRAINT token_digest_key UNIQUE CHECK (length(digest) = 32)
);

-- Keeps the register of files in step (sql/core/functions.sql).
CREATE TRIGGER vendor_logo_used AFTER INSERT OR UPDATE OF logo OR DELETE ON vendor.vendor
    FOR EACH ROW EXECUTE FUNCTION core.use_media_file('logo');
