-- Functions of the vendor area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/*_vendor*.sql.
--
-- Triggers on vendor.vendor
--   vendor_announced,   after each change              writes an event of accounts.changed, so that every process reads the vendor again, and
--                                                      one of vendor.vendor, for the pages of sales reps
--   vendor_approved,    after an approval              activates the account
--   vendor_logo_used,   after a change of the logo     keeps the register of files in step
-- Triggers on vendor.global_category
--   global_category_numbered,  before each write       gives the row the next position of global categories
--   global_category_announced, after each change       writes an event of vendor.catalogue for all vendors; of a deleted row a tombstone
-- Triggers on vendor.item_category and vendor.item_global_category
--   …_tallied, …_untallied, after each statement       keep vendor.category_tally
-- Triggers on vendor.item
--   item_image_…, item_thumbnail_…                     keep the register of files in step
-- Triggers on vendor.bill
--   bill_counted,       after a statement that adds    keeps vendor.bill_tally
--   bill_uncounted,     after a statement that deletes keeps vendor.bill_tally

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

-- The catalogue. docs/api/vendor.md#catalogue

-- The event of a change: the rows of one kind that it made or changed, and those that it deleted. is_global: its position is one of
-- vendor.global_head.
CREATE OR REPLACE FUNCTION vendor.catalogue_changed(kind text, changed uuid[], deleted uuid[], "position" bigint, is_global boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_build_object('kind', kind, 'changed', changed, 'deleted', deleted, 'position', "position", 'is_global', is_global)::text
$$;

CREATE OR REPLACE FUNCTION vendor.next_global_position() RETURNS bigint LANGUAGE sql AS $$
    UPDATE vendor.global_head SET position = position + 1, changed_at = greatest(clock_timestamp(), changed_at + interval '1 microsecond')
    RETURNING position
$$;

CREATE OR REPLACE FUNCTION vendor.number_global_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.position := vendor.next_global_position();
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION vendor.announce_global_category() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        changed := vendor.next_global_position();
        INSERT INTO vendor.global_tombstone (id, position, deleted_at) VALUES (OLD.id, changed, now())
            ON CONFLICT (id) DO UPDATE SET position = EXCLUDED.position, deleted_at = EXCLUDED.deleted_at;
        INSERT INTO core.event (topic, payload)
        VALUES ('vendor.catalogue', vendor.catalogue_changed('category', '{}', ARRAY[OLD.id], changed, true));
    ELSE
        DELETE FROM vendor.global_tombstone t WHERE t.id = NEW.id;
        INSERT INTO core.event (topic, payload)
        VALUES ('vendor.catalogue', vendor.catalogue_changed('category', ARRAY[NEW.id], '{}', NEW.position, true));
    END IF;
    RETURN NULL;
END $$;

-- `links`: what the statement has inserted or deleted, which is nothing where a deleted row cascades and had no links.
CREATE OR REPLACE FUNCTION vendor.tally_links() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM links) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO vendor.category_tally AS t (vendor_id, category_id, items)
        SELECT l.vendor_id, l.category_id, count(*) FROM links l GROUP BY l.vendor_id, l.category_id ORDER BY l.vendor_id, l.category_id
        ON CONFLICT (vendor_id, category_id) DO UPDATE SET items = t.items + EXCLUDED.items;
    ELSE
        UPDATE vendor.category_tally t SET items = t.items - gone.items
          FROM (SELECT l.vendor_id, l.category_id, count(*) AS items FROM links l GROUP BY l.vendor_id, l.category_id) gone
         WHERE t.vendor_id = gone.vendor_id AND t.category_id = gone.category_id;
        DELETE FROM vendor.category_tally t USING (SELECT DISTINCT l.vendor_id, l.category_id FROM links l) gone
         WHERE t.vendor_id = gone.vendor_id AND t.category_id = gone.category_id AND t.items = 0;
    END IF;
    RETURN NULL;
END $$;

-- The number of the vendor's items in a category, own or global.
CREATE OR REPLACE FUNCTION vendor.item_count(its_vendor uuid, category uuid) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT t.items FROM vendor.category_tally t WHERE t.vendor_id = its_vendor AND t.category_id = category), 0)
$$;

-- A vendor's own category.
CREATE OR REPLACE FUNCTION vendor.category_document(c vendor.category) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', c.id, 'name', c.name, 'description', c.description, 'is_active', c.is_active, 'sort_order', c.sort_order,
        'item_count', vendor.item_count(c.vendor_id, c.id), 'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at))
$$;

-- A global category as a vendor sees it.
CREATE OR REPLACE FUNCTION vendor.global_category_document(g vendor.global_category, its_vendor uuid) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', g.id, 'name', g.name, 'description', g.description, 'is_active', g.is_active, 'sort_order', g.sort_order,
        'item_count', vendor.item_count(its_vendor, g.id), 'created_at', core.iso(g.created_at), 'updated_at', core.iso(g.updated_at))
$$;

-- An item. Its pictures are keys: handlers/vendor/picture.py puts links in their place.
CREATE OR REPLACE FUNCTION vendor.item_json(i vendor.item, vendor_name text) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', i.id, 'vendor', i.vendor_id, 'categories', its.ids, 'category_ids', its.ids, 'categories_list', its.names,
        'name', i.name, 'description', i.description, 'price', i.price::text, 'mrp_price', i.mrp_price::text, 'price_type', i.price_type,
        'additional_discount', i.additional_discount::text, 'gst_percentage', i.gst_percentage::text, 'veg_nonveg', i.veg_nonveg,
        'stock_quantity', i.stock_quantity, 'sku', i.sku, 'barcode', i.barcode, 'is_active', i.is_active, 'sort_order', i.sort_order,
        'vendor_name', vendor_name, 'image', i.image, 'image_url', 'media:' || i.image, 'thumbnail_url', 'media:' || i.thumbnail,
        'last_updated', core.iso(i.last_updated), 'created_at', core.iso(i.created_at))
      FROM (SELECT coalesce(json_agg(c.id ORDER BY c.sort_order, c.name, c.id), '[]') AS ids,
                   coalesce(json_agg(json_build_object('id', c.id, 'name', c.name) ORDER BY c.sort_order, c.name, c.id), '[]') AS names
              FROM (SELECT c.id, c.name, c.sort_order
                      FROM vendor.item_category l JOIN vendor.category c ON c.vendor_id = l.vendor_id AND c.id = l.category_id
                     WHERE l.vendor_id = i.vendor_id AND l.item_id = i.id
                    UNION ALL
                    SELECT g.id, g.name, g.sort_order
                      FROM vendor.item_global_category l JOIN vendor.global_category g ON g.id = l.category_id
                     WHERE l.vendor_id = i.vendor_id AND l.item_id = i.id) c) its
$$;

-- What the audit keeps of a row: without what each write changes by itself.
CREATE OR REPLACE FUNCTION vendor.audited(catalogue_row jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT catalogue_row - '{vendor_id,position,client_time,updated_at,last_updated,created_at}'::text[]
$$;

-- Bills. docs/api/vendor.md#bills

CREATE OR REPLACE FUNCTION vendor.count_bills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO vendor.bill_tally AS t (vendor_id, bills)
        SELECT made.vendor_id, count(*) FROM made GROUP BY made.vendor_id ORDER BY made.vendor_id
            ON CONFLICT (vendor_id) DO UPDATE SET bills = t.bills + EXCLUDED.bills;
    ELSE
        -- Where the vendor is deleted too, its row is gone already.
        UPDATE vendor.bill_tally t SET bills = t.bills - g.bills
          FROM (SELECT gone.vendor_id, count(*) AS bills FROM gone GROUP BY gone.vendor_id) g WHERE t.vendor_id = g.vendor_id;
    END IF;
    RETURN NULL;
END $$;

-- A function that returns SETOF json stands in a CROSS JOIN LATERAL. Postgres then plans it once, as a part of the statement.
--
-- logo_url: the link to the vendor's logo; null: the bill's own, as it was sent. The item of a line is looked for when the document is
-- composed: of an item that was deleted it is null, and the id that was sent stays. The last six members are names by which the app reads
-- what has another name in the document of the API.
CREATE OR REPLACE FUNCTION vendor.bill_json(b vendor.bill, vendor_name text, logo_url text) RETURNS SETOF json
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', b.id, 'vendor', b.vendor_id, 'vendor_name', vendor_name, 'device_id', b.device_id, 'invoice_number', b.invoice_number,
        'bill_number', b.bill_number, 'bill_date', b.bill_date, 'restaurant_name', b.restaurant_name, 'address', b.address,
        'gstin', b.gstin, 'fssai_license', b.fssai_license, 'logo_url', coalesce(logo_url, b.logo_url), 'footer_note', b.footer_note,
        'customer_name', b.customer_name, 'customer_phone', b.customer_phone, 'customer_email', b.customer_email,
        'customer_address', b.customer_address, 'billing_mode', b.billing_mode,
        'subtotal', b.subtotal::text, 'total_amount', b.total_amount::text, 'total_tax', b.total_tax::text,
        'cgst_amount', b.cgst_amount::text, 'sgst_amount', b.sgst_amount::text, 'igst_amount', b.igst_amount::text,
        'payment_mode', b.payment_mode, 'payment_reference', b.payment_reference, 'amount_paid', b.amount_paid::text,
        'change_amount', b.change_amount::text, 'discount_amount', b.discount_amount::text,
        'discount_percentage', b.discount_percentage::text, 'notes', b.notes, 'table_number', b.table_number, 'waiter_name', b.waiter_name,
        'items', coalesce(lines.documents, '[]'), 'item_count', lines.number, 'total_quantity', coalesce(lines.quantity, 0),
        'created_at', at.made, 'synced_at', at.synced, 'updated_at', at.synced,
        'warnings', coalesce(b.warnings, '{}'),
        'vendor_id', b.vendor_id, 'timestamp', at.made, 'total', b.total_amount::text,
        'cgst', b.cgst_amount::text, 'sgst', b.sgst_amount::text, 'igst', b.igst_amount::text)
      -- OFFSET 0: each is written out once.
      FROM (SELECT core.iso(b.created_at) AS made, core.iso(b.synced_at) AS synced OFFSET 0) at
     CROSS JOIN LATERAL (
           SELECT json_agg(json_build_object(
                      'id', l.id, 'bill', l.bill_id, 'item', i.id, 'original_item_id', l.original_item_id, 'item_id', l.original_item_id,
                      'item_name', l.item_name, 'item_description', l.item_description, 'price', l.price::text,
                      'mrp_price', l.mrp_price::text, 'price_type', l.price_type, 'quantity', l.quantity::text,
                      'subtotal', l.subtotal::text, 'gst_percentage', l.gst_percentage::text, 'item_gst_amount', l.item_gst_amount::text,
                      'veg_nonveg', l.veg_nonveg, 'additional_discount', l.additional_discount::text,
                      'discount_amount', l.discount_amount::text, 'unit', l.unit, 'batch_number', l.batch_number,
                      'expiry_date', l.expiry_date, 'created_at', at.made) ORDER BY l.place) AS documents,
                  count(*) AS number, sum(l.quantity) AS quantity
             FROM vendor.bill_line l
             LEFT JOIN vendor.item i
               ON i.vendor_id = l.vendor_id
              AND i.id = CASE WHEN l.original_item_id ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' THEN l.original_item_id::uuid END
            WHERE l.vendor_id = b.vendor_id AND l.bill_id = b.id) lines
$$;

-- A bill in quarantine; whole: with the text that was sent.
CREATE OR REPLACE FUNCTION vendor.quarantined_document(q vendor.bill_quarantine, whole boolean) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN whole THEN
        json_build_object(
            'id', q.id, 'kind', q.kind, 'invoice_number', q.invoice_number, 'device_id', q.device_id, 'error', q.error,
            'fields', coalesce(q.fields, '{}'), 'received_at', core.iso(q.received_at), 'resolved_at', core.iso(q.resolved_at),
            'bill', q.bill_id, 'bytes', octet_length(q.sent), 'sent', q.sent)
    ELSE
        json_build_object(
            'id', q.id, 'kind', q.kind, 'invoice_number', q.invoice_number, 'device_id', q.device_id, 'error', q.error,
            'fields', coalesce(q.fields, '{}'), 'received_at', core.iso(q.received_at), 'resolved_at', core.iso(q.resolved_at),
            'bill', q.bill_id, 'bytes', octet_length(q.sent))
    END
$$;
