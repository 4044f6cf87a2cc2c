-- Sales reps, who approve vendors, and what an approval does. Functions: sql/vendor/functions.sql.
-- Safe beside a running release: it creates new objects only. The index is built while registrations wait for it, on a table of some
-- thousand rows at most. The trigger does for every release what the documents promise of an approval.

CREATE FUNCTION vendor.activate_approved() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- The profile of an account of the role SALESREP. Without one such an account counts as an active sales rep.
CREATE TABLE vendor.sales_rep (
    account_id bigint       NOT NULL PRIMARY KEY REFERENCES accounts.account ON DELETE CASCADE,
    name       varchar(255) NOT NULL,
    phone      varchar(20)  NOT NULL DEFAULT '',
    is_active  boolean      NOT NULL DEFAULT true,
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now()
);

-- The list of vendors, newest first.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX vendor_created_at ON vendor.vendor (created_at, id);

CREATE TRIGGER vendor_approved AFTER UPDATE OF is_approved ON vendor.vendor
    FOR EACH ROW WHEN (NEW.is_approved AND NOT OLD.is_approved) EXECUTE FUNCTION vendor.activate_approved();
