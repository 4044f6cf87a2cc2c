-- Indexes by which the administration lists and finds vendors, sales reps, bills and bills in quarantine. docs/api/vendor.md#administration
-- Safe beside a running release: creates new objects only. Vendors, sales reps and bills in quarantine are few; uploads of bills wait while
-- the two indexes on bills are built, some 4 s for 1,000,000 bills.

-- The search compares with this text. A trigram index finds any part of it.
CREATE FUNCTION vendor.searched(name text, phone text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(name || E'\n' || phone)
$$;

-- Vendors that wait for approval first, then the newest first. Numbers, because Postgres rewrites conditions on booleans, and then finds no index.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX vendor_listed ON vendor.vendor (((NOT is_approved)::integer), created_at, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX vendor_searched ON vendor.vendor USING gin (vendor.searched(business_name, phone) gin_trgm_ops);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sales_rep_searched ON vendor.sales_rep USING gin (vendor.searched(name, phone) gin_trgm_ops);
-- The active ones first.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sales_rep_listed ON vendor.sales_rep ((is_active::integer), account_id);

-- The bills of all vendors by their days, and those with one number.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX bill_days ON vendor.bill (bill_date, vendor_id, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX bill_numbers ON vendor.bill (invoice_number, bill_date, vendor_id, id);

-- The bills in quarantine of all vendors, those that are not stored yet first, and those of one kind.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX bill_quarantine_listed ON vendor.bill_quarantine (((resolved_at IS NULL)::integer), seq);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX bill_quarantine_kinds ON vendor.bill_quarantine (kind, ((resolved_at IS NULL)::integer), seq);
