-- Bills, as vendors' devices send and download them. Money: numeric(12,2), sent as text. docs/api/vendor.md#bills

-- name: next_moment(vendor_id) -> value
-- When the bills of this transaction are stored. Other uploads of the vendor wait until it has ended, so the next statement sees all bills
-- before it.
SELECT changed_at FROM vendor.next_position($1::uuid, 'bills');

-- name: store_bills(vendor_id, rows, synced_at) -> rows
-- rows: an array of {place, sent, bill_date, sold_at, unread, warnings}; sent is the bill, or an object with the bill in bill_data; unread
-- is the text of the dates and times that can't be read, or null. It is used for the digest alone. Of several bills with one number only
-- the first is stored, and none if the number has been stored before. For each bill, by place: the stored bill with its number, and whether that
-- one is the same. The digest is made of what the device has sent, so neither of today's date nor of what the vendor's profile
-- supplies. The link to a logo is no part of the sale. A column that is added later may enter the digest only where it is not null, or
-- every bill that is sent again would be another one.
WITH sent AS MATERIALIZED (
    SELECT r.place, r.bill_date, r.sold_at, r.unread, r.warnings,
           coalesce(nullif(core.trimmed(r.sent ->> 'device_id'), ''), core.trimmed(r.sent -> 'bill_data' ->> 'device_id'), '') AS device_id,
           CASE WHEN r.sent ? 'bill_data' THEN r.sent -> 'bill_data' ELSE r.sent END AS bill
      FROM jsonb_to_recordset($2::jsonb) AS r (place integer, sent jsonb, bill_date date, sold_at timestamptz, unread text, warnings json)
), mapped AS MATERIALIZED (
    SELECT sent.place, sent.bill_date, sent.sold_at, sent.unread, sent.warnings, sent.bill, sent.device_id,
           coalesce(nullif(core.trimmed(b.invoice_number), ''), nullif(core.trimmed(b.bill_id), ''), gen_random_uuid()::text) AS invoice_number,
           nullif(core.trimmed(b.bill_number), '') AS bill_number, nullif(core.trimmed(b.restaurant_name), '') AS restaurant_name,
           nullif(core.trimmed(b.address), '') AS address, nullif(core.trimmed(b.gstin), '') AS gstin,
           nullif(core.trimmed(b.fssai_license), '') AS fssai_license, nullif(core.trimmed(b.logo_url), '') AS logo_url,
           nullif(core.trimmed(b.footer_note), '') AS footer_note, core.trimmed(b.customer_name) AS customer_name,
           core.trimmed(b.customer_phone) AS customer_phone, core.trimmed(b.customer_email) AS customer_email,
           core.trimmed(b.customer_address) AS customer_address, nullif(core.trimmed(b.billing_mode), '') AS billing_mode,
           coalesce(nullif(b.subtotal, ''), '0')::numeric(12,2) AS subtotal,
           coalesce(nullif(b.total, ''), nullif(b.total_amount, ''), '0')::numeric(12,2) AS total_amount,
           coalesce(nullif(b.total_tax, ''), '0')::numeric(12,2) AS total_tax,
           coalesce(nullif(b.cgst, ''), '0')::numeric(12,2) AS cgst_amount, coalesce(nullif(b.sgst, ''), '0')::numeric(12,2) AS sgst_amount,
           coalesce(nullif(b.igst, ''), '0')::numeric(12,2) AS igst_amount, nullif(core.trimmed(b.payment_mode), '') AS payment_mode,
           core.trimmed(b.payment_reference) AS payment_reference, nullif(nullif(b.amount_paid, '')::numeric(12,2), 0) AS amount_paid,
           coalesce(nullif(b.change_amount, ''), '0')::numeric(12,2) AS change_amount,
           coalesce(nullif(b.discount_amount, ''), '0')::numeric(12,2) AS discount_amount,
           coalesce(nullif(b.discount_percentage, ''), '0')::numeric(5,2) AS discount_percentage, core.trimmed(b.notes) AS notes,
           core.trimmed(b.table_number) AS table_number, core.trimmed(b.waiter_name) AS waiter_name
      FROM sent, jsonb_to_record(sent.bill) AS b (
           invoice_number text, bill_id text, bill_number text, restaurant_name text, address text, gstin text, fssai_license text,
           logo_url text, footer_note text, customer_name text, customer_phone text, customer_email text, customer_address text,
           billing_mode text, subtotal text, total text, total_amount text, total_tax text, cgst text, sgst text, igst text,
           payment_mode text, payment_reference text, amount_paid text, change_amount text, discount_amount text,
           discount_percentage text, notes text, table_number text, waiter_name text)
), priced AS MATERIALIZED (
    SELECT mapped.place AS bill, line.place, coalesce(nullif(core.trimmed(l.item_id), ''), nullif(core.trimmed(l.id), '')) AS original_item_id,
           coalesce(nullif(core.trimmed(l.name), ''), 'Unknown Item') AS item_name, core.trimmed(l.description) AS item_description,
           coalesce(nullif(l.price, ''), '0')::numeric(10,2) AS price,
           coalesce(nullif(l.mrp_price, ''), nullif(l.price, ''), '0')::numeric(10,2) AS mrp_price,
           coalesce(nullif(core.trimmed(l.price_type), ''), 'exclusive') AS price_type, coalesce(nullif(l.quantity, ''), '1')::numeric(10,3) AS quantity,
           nullif(l.subtotal, '')::numeric(12,2) AS sent_subtotal, coalesce(nullif(l.gst_percentage, ''), '0')::numeric(5,2) AS gst_percentage,
           coalesce(nullif(l.item_gst, ''), '0')::numeric(10,2) AS item_gst_amount, core.trimmed(l.veg_nonveg) AS veg_nonveg,
           coalesce(nullif(l.additional_discount, ''), '0')::numeric(5,2) AS additional_discount,
           coalesce(nullif(l.discount_amount, ''), '0')::numeric(10,2) AS discount_amount, core.trimmed(l.unit) AS unit,
           core.trimmed(l.batch_number) AS batch_number, nullif(l.expiry_date, '')::date AS expiry_date
      FROM mapped,
           jsonb_array_elements(CASE WHEN jsonb_typeof(mapped.bill -> 'items') = 'array' THEN mapped.bill -> 'items' END)
           WITH ORDINALITY AS line (item, place),
           jsonb_to_record(line.item) AS l (
           id text, item_id text, name text, description text, price text, mrp_price text, price_type text, quantity text, subtotal text,
           gst_percentage text, item_gst text, veg_nonveg text, additional_discount text, discount_amount text, unit text,
           batch_number text, expiry_date text)
), line AS MATERIALIZED (
    SELECT p.*, coalesce(p.sent_subtotal, round(p.price * p.quantity, 2)) AS subtotal FROM priced p
), digested AS MATERIALIZED (
    SELECT m.place, m.invoice_number,
           sha256(convert_to(concat(
               ROW(m.bill_date, m.device_id, m.invoice_number, m.bill_number, m.restaurant_name, m.address, m.gstin, m.fssai_license,
                   m.footer_note, m.customer_name, m.customer_phone, m.customer_email, m.customer_address, m.billing_mode, m.subtotal,
                   m.total_amount, m.total_tax, m.cgst_amount, m.sgst_amount, m.igst_amount, m.payment_mode, m.payment_reference,
                   m.amount_paid, m.change_amount, m.discount_amount, m.discount_percentage, m.notes, m.table_number, m.waiter_name,
                   core.iso(m.sold_at))::text,
               its.lines, m.unread), 'UTF8')) AS digest
      FROM mapped m
      LEFT JOIN (SELECT l.bill, string_agg(
                        ROW(l.original_item_id, l.item_name, l.item_description, l.price, l.mrp_price, l.price_type, l.quantity, l.subtotal,
                            l.gst_percentage, l.item_gst_amount, l.veg_nonveg, l.additional_discount, l.discount_amount, l.unit, l.batch_number,
                            l.expiry_date)::text, '' ORDER BY l.place) AS lines
                   FROM line l GROUP BY l.bill) its
        ON its.bill = m.place
), known AS MATERIALIZED (
    SELECT b.id, b.invoice_number, b.digest
      FROM (SELECT DISTINCT d.invoice_number FROM digested d) asked
      JOIN vendor.bill b ON b.vendor_id = $1::uuid AND b.invoice_number = asked.invoice_number
), fresh AS MATERIALIZED (
    SELECT DISTINCT ON (d.invoice_number) d.place, d.digest, gen_random_uuid() AS id
      FROM digested d
     WHERE NOT EXISTS (SELECT FROM known WHERE known.invoice_number = d.invoice_number)
     ORDER BY d.invoice_number, d.place
), made AS (
    INSERT INTO vendor.bill AS b (
           vendor_id, id, synced_at, created_at, bill_date, invoice_number, bill_number, device_id, billing_mode, restaurant_name, address, gstin,
           fssai_license, logo_url, footer_note, customer_name, customer_phone, customer_email, customer_address, subtotal, total_amount,
           total_tax, cgst_amount, sgst_amount, igst_amount, payment_mode, payment_reference, amount_paid, change_amount, discount_amount,
           discount_percentage, notes, table_number, waiter_name, digest, warnings)
    SELECT v.id, fresh.id, $3::timestamptz, coalesce(m.sold_at, $3), coalesce(m.bill_date, ($3 AT TIME ZONE 'UTC')::date), m.invoice_number,
           coalesce(m.bill_number, ''), m.device_id, coalesce(m.billing_mode, 'gst'), coalesce(m.restaurant_name, v.business_name),
           coalesce(m.address, v.address), coalesce(m.gstin, v.gst_no), coalesce(m.fssai_license, v.fssai_license), m.logo_url,
           coalesce(m.footer_note, v.footer_note), m.customer_name, m.customer_phone, m.customer_email, m.customer_address, m.subtotal,
           m.total_amount, m.total_tax, m.cgst_amount, m.sgst_amount, m.igst_amount, coalesce(m.payment_mode, 'cash'), m.payment_reference,
           m.amount_paid, m.change_amount, m.discount_amount, m.discount_percentage, m.notes, m.table_number, m.waiter_name, fresh.digest,
           m.warnings
      FROM fresh JOIN mapped m ON m.place = fresh.place JOIN vendor.vendor v ON v.id = $1
     ORDER BY fresh.place
    RETURNING b.id, b.invoice_number, b.digest
), lines_made AS (
    INSERT INTO vendor.bill_line (
           vendor_id, bill_id, place, original_item_id, item_name, item_description, price, mrp_price, price_type, quantity, subtotal,
           gst_percentage, item_gst_amount, veg_nonveg, additional_discount, discount_amount, unit, batch_number, expiry_date)
    SELECT $1, fresh.id, l.place, l.original_item_id, l.item_name, l.item_description, l.price, l.mrp_price, l.price_type, l.quantity, l.subtotal,
           l.gst_percentage, l.item_gst_amount, l.veg_nonveg, l.additional_discount, l.discount_amount, l.unit, l.batch_number, l.expiry_date
      FROM fresh JOIN line l ON l.bill = fresh.place
     ORDER BY fresh.place, l.place
)
SELECT d.place, d.invoice_number, d.digest, holder.id, holder.digest = d.digest AS is_same
  FROM digested d
  JOIN (SELECT known.* FROM known UNION ALL SELECT made.* FROM made) holder ON holder.invoice_number = d.invoice_number
 ORDER BY d.place;

-- name: quarantine_bills(vendor_id, kinds, digests, sents, errors, fields, invoice_numbers, device_ids) -> rows
-- Keeps bills that can't be stored. For each, in the order given: its id; the same one for a bill that is there already.
WITH sent AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
           WITH ORDINALITY AS s (kind, digest, sent, error, fields, invoice_number, device_id, place)
), kept AS (
    INSERT INTO vendor.bill_quarantine AS q (vendor_id, kind, digest, sent, error, fields, invoice_number, device_id)
    SELECT $1::uuid, first.kind, first.digest, first.sent, first.error, first.fields::json, first.invoice_number, first.device_id
      FROM (SELECT DISTINCT ON (s.kind, s.digest) s.* FROM sent s ORDER BY s.kind, s.digest, s.place) first
     ORDER BY first.place
        ON CONFLICT (vendor_id, kind, digest) DO UPDATE SET digest = EXCLUDED.digest
    RETURNING q.id, q.kind, q.digest
)
SELECT kept.id FROM sent JOIN kept ON kept.kind = sent.kind AND kept.digest = sent.digest ORDER BY sent.place;

-- name: get_vendor(vendor_id) -> row
-- What all bills of a vendor show of it.
SELECT v.business_name, v.logo FROM vendor.vendor v WHERE v.id = $1::uuid;

-- name: list_documents(vendor_id, ids, vendor_name, logo_url) -> rows
-- The documents of these bills, in the order given.
SELECT document::text AS document
  FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
  JOIN vendor.bill b ON b.vendor_id = $1::uuid AND b.id = asked.id
 CROSS JOIN LATERAL vendor.bill_json(b, $3::text, $4::text) AS document
 ORDER BY asked.place;

-- filter: since(moment)
b.synced_at >= $1::timestamptz

-- filter: billing_mode(mode)
b.billing_mode = $1::text

-- name: list_ids(vendor_id, most) -> rows
-- Those stored last first.
SELECT b.id FROM vendor.bill b
 WHERE b.vendor_id = $1::uuid /* filters */
 ORDER BY b.synced_at DESC, b.created_at DESC, b.id DESC LIMIT $2::bigint;

-- name: list_ids_of_days(vendor_id, start_date, end_date, most) -> rows
-- The same, of a period. OFFSET 0 makes Postgres read the period; otherwise it might read all bills in the order of the list, in search of it.
SELECT found.id
  FROM (SELECT b.synced_at, b.created_at, b.id FROM vendor.bill b
         WHERE b.vendor_id = $1::uuid AND b.bill_date BETWEEN $2::date AND $3::date /* filters */
        OFFSET 0) found
 ORDER BY found.synced_at DESC, found.created_at DESC, found.id DESC LIMIT $4::bigint;
