-- Functions of the vendor area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/*_vendor*.sql.
--
-- Triggers on vendor.vendor
--   vendor_announced,   after each change              writes an event of accounts.changed, so that every process reads the vendor again, and
--                                                      one of vendor.vendor, for the pages of sales reps
--   vendor_approved,    after an approval              activates the account
--   vendor_logo_used,   after a change of the logo     keeps the register of files in step

CREATE OR REPLACE FUNCTION vendor.announce_vendor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    VALUES ('accounts.changed', json_build_object('account_id', CASE TG_OP WHEN 'DELETE' THEN OLD.account_id ELSE NEW.account_id END)::text),
           ('vendor.vendor', json_build_object('id', CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END)::text);
    RETURN NULL;
END $$;

-- However a vendor is approved, the account becomes active, unless it has got another role since.
CREATE OR REPLACE FUNCTION vendor.activate_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts.account a SET is_active = true, updated_at = now()
     WHERE a.id = NEW.account_id AND a.role = 'VENDOR' AND NOT a.is_active;
    RETURN NULL;
END $$;

-- Settings of a vendor's devices. docs/api/vendor.md#settings
CREATE OR REPLACE FUNCTION vendor.settings_document(s vendor.app_settings, vendor_name text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', s.id, 'vendor', s.vendor_id, 'vendor_name', vendor_name, 'device_id', s.device_id, 'settings_data', s.settings_data,
        'last_updated', core.iso(s.last_updated), 'created_at', core.iso(s.created_at))
$$;

-- Takes the next position of a kind of a vendor's rows (vendor.head). changed_at is later than that of every position before.
CREATE OR REPLACE FUNCTION vendor.next_position(its_vendor uuid, its_kind text, OUT "position" bigint, OUT changed_at timestamptz)
LANGUAGE sql AS $$
    INSERT INTO vendor.head AS h (vendor_id, kind, position, changed_at) VALUES (its_vendor, its_kind, 1, clock_timestamp())
    ON CONFLICT (vendor_id, kind)
        DO UPDATE SET position = h.position + 1, changed_at = greatest(clock_timestamp(), h.changed_at + interval '1 microsecond')
    RETURNING h.position, h.changed_at
$$;
