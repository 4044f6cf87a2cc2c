-- Functions of the vendor area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/*_vendor*.sql.
--
-- Triggers on vendor.vendor
--   vendor_announced,   after each change              writes an event of accounts.changed, so that every process reads the vendor again
--   vendor_logo_used,   after a change of the logo     keeps the register of files in step
-- Triggers on vendor.bill
--   bill_counted,       after a statement that adds    keeps vendor.bill_tally
--   bill_uncounted,     after a statement that deletes keeps vendor.bill_tally

CREATE OR REPLACE FUNCTION vendor.announce_vendor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    VALUES ('accounts.changed', json_build_object('account_id', CASE TG_OP WHEN 'DELETE' THEN OLD.account_id ELSE NEW.account_id END)::text);
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

-- The vendor's own item with this id; null: there is none. The catalogue's functions replace this body once vendor.item exists.
CREATE OR REPLACE FUNCTION vendor.own_item(its_vendor uuid, its_id uuid) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT NULL::uuid
$$;

-- The item is looked for when the document is composed: of an item that was deleted it is null, and the id that was sent stays.
CREATE OR REPLACE FUNCTION vendor.bill_line_document(l vendor.bill_line, made_at text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', l.id, 'bill', l.bill_id,
        'item', CASE WHEN l.original_item_id ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
                     THEN vendor.own_item(l.vendor_id, l.original_item_id::uuid) END,
        'original_item_id', l.original_item_id, 'item_id', l.original_item_id,
        'item_name', l.item_name, 'item_description', l.item_description, 'price', l.price::text, 'mrp_price', l.mrp_price::text,
        'price_type', l.price_type, 'quantity', l.quantity::text, 'subtotal', l.subtotal::text, 'gst_percentage', l.gst_percentage::text,
        'item_gst_amount', l.item_gst_amount::text, 'veg_nonveg', l.veg_nonveg, 'additional_discount', l.additional_discount::text,
        'discount_amount', l.discount_amount::text, 'unit', l.unit, 'batch_number', l.batch_number, 'expiry_date', l.expiry_date,
        'created_at', made_at)
$$;

-- logo_url: the link to the vendor's logo; null: the bill's own, as it was sent. The last six members are names by which the app reads
-- what has another name in the document of the API.
CREATE OR REPLACE FUNCTION vendor.bill_document(b vendor.bill, vendor_name text, logo_url text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
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
           SELECT json_agg(vendor.bill_line_document(l, at.made) ORDER BY l.place) AS documents, count(*) AS number, sum(l.quantity) AS quantity
             FROM vendor.bill_line l WHERE l.vendor_id = b.vendor_id AND l.bill_id = b.id) lines
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
