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

-- The units of raw materials and their names, in the order in which a person chooses one. inventory_item_unit_type_known and the
-- schemas of the bodies have the same units.
CREATE OR REPLACE FUNCTION vendor.unit_names() RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '{"kg": "Kilogram (kg)", "g": "Gram (g)", "L": "Liter (L)", "mL": "Milliliter (mL)", "pcs": "Piece (pcs)", "pkt": "Packet (pkt)",
             "box": "Box (box)", "carton": "Carton (carton)", "bag": "Bag (bag)", "bottle": "Bottle (bottle)", "can": "Can (can)",
             "dozen": "Dozen (dozen)", "m": "Meter (m)", "cm": "Centimeter (cm)", "sqm": "Square Meter (sqm)",
             "cum": "Cubic Meter (cum)"}'::json
$$;

-- Whether a raw material is low. A level of 0 asks for no alert.
CREATE OR REPLACE FUNCTION vendor.is_low(i vendor.inventory_item) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT i.min_stock_level > 0 AND i.quantity < i.min_stock_level
$$;

-- A raw material. docs/api/vendor.md#inventory
CREATE OR REPLACE FUNCTION vendor.inventory_document(i vendor.inventory_item, vendor_name text) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', i.id, 'vendor', i.vendor_id, 'vendor_name', vendor_name, 'name', i.name, 'description', i.description,
        'quantity', i.quantity::text, 'unit_type', i.unit_type, 'unit_type_display', vendor.unit_names() ->> i.unit_type::text,
        'sku', i.sku, 'barcode', i.barcode, 'supplier_name', i.supplier_name, 'supplier_contact', i.supplier_contact,
        'min_stock_level', i.min_stock_level::text, 'reorder_quantity', i.reorder_quantity::text, 'is_active', i.is_active,
        'is_low_stock', vendor.is_low(i), 'needs_reorder', vendor.is_low(i) AND i.reorder_quantity > 0,
        'created_at', core.iso(i.created_at), 'updated_at', core.iso(i.updated_at), 'last_restocked_at', core.iso(i.last_restocked_at))
$$;

CREATE OR REPLACE FUNCTION vendor.movement_document(m vendor.inventory_movement) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', m.position, 'action', m.action, 'quantity', m.quantity::text, 'quantity_before', m.quantity_before::text,
        'quantity_after', m.quantity_after::text, 'notes', m.notes, 'user_id', m.account_id, 'created_at', core.iso(m.created_at))
$$;
