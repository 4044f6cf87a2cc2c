-- Functions of the vendor area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0006_vendor.sql.
--
-- Triggers on vendor.vendor
--   vendor_announced,   after each change              writes an event of accounts.changed, so that every process reads the vendor again
--   vendor_logo_used,   after a change of the logo     keeps the register of files in step

CREATE OR REPLACE FUNCTION vendor.announce_vendor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    VALUES ('accounts.changed', json_build_object('account_id', CASE TG_OP WHEN 'DELETE' THEN OLD.account_id ELSE NEW.account_id END)::text);
    RETURN NULL;
END $$;
