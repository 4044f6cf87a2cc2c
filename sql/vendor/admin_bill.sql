-- Vendors' bills as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, ids)
(b.vendor_id, b.id) IN (SELECT k.vendor_id, k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (vendor_id, id))

-- filter: vendor(vendor_id)
b.vendor_id = $1::uuid

-- filter: since(day)
b.bill_date >= $1::date

-- filter: until(day)
b.bill_date <= $1::date

-- filter: invoice_number(number)
b.invoice_number = $1::text

-- name: list_rows(after, most) -> rows
SELECT b.vendor_id || '.' || b.id AS key, b.invoice_number AS label, b.invoice_number, b.bill_date,
       (SELECT v.business_name FROM vendor.vendor v WHERE v.id = b.vendor_id) AS vendor, b.vendor_id::text AS vendor_key,
       b.billing_mode, b.total_amount, b.total_tax, b.payment_mode, b.customer_name, b.device_id, b.synced_at,
       (/* key */ jsonb_build_array(b.vendor_id, b.id) /* or as asked */)::text AS place
  FROM vendor.bill b
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY b.vendor_id, b.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, id) -> value
-- lines: the first 300; the table of lines has all.
SELECT json_build_object(
           'id', b.id, 'label', b.invoice_number, 'invoice_number', b.invoice_number, 'bill_number', b.bill_number, 'bill_date', b.bill_date,
           'vendor', v.business_name, 'vendor_key', v.id,
           'device_id', b.device_id, 'billing_mode', b.billing_mode, 'restaurant_name', b.restaurant_name, 'address', b.address, 'gstin', b.gstin,
           'fssai_license', b.fssai_license, 'logo_url', b.logo_url, 'footer_note', b.footer_note, 'customer_name', b.customer_name,
           'customer_phone', b.customer_phone, 'customer_email', b.customer_email, 'customer_address', b.customer_address,
           'subtotal', b.subtotal::text, 'discount_percentage', b.discount_percentage::text, 'discount_amount', b.discount_amount::text,
           'cgst_amount', b.cgst_amount::text, 'sgst_amount', b.sgst_amount::text, 'igst_amount', b.igst_amount::text, 'total_tax', b.total_tax::text,
           'total_amount', b.total_amount::text, 'payment_mode', b.payment_mode, 'payment_reference', b.payment_reference,
           'amount_paid', b.amount_paid::text, 'change_amount', b.change_amount::text, 'table_number', b.table_number, 'waiter_name', b.waiter_name,
           'notes', b.notes, 'warnings', b.warnings::text, 'created_at', core.iso(b.created_at), 'synced_at', core.iso(b.synced_at),
           'lines', (SELECT json_agg(json_build_object(
                                'item', l.item_name, 'quantity', l.quantity::text, 'unit', l.unit, 'price', l.price::text, 'MRP', l.mrp_price::text,
                                'price type', l.price_type, 'discount', l.discount_amount::text, 'GST %', l.gst_percentage::text,
                                'GST', l.item_gst_amount::text, 'subtotal', l.subtotal::text, 'batch', l.batch_number, 'expiry', l.expiry_date)
                                ORDER BY l.place)
                       FROM (SELECT l.* FROM vendor.bill_line l WHERE l.vendor_id = b.vendor_id AND l.bill_id = b.id ORDER BY l.place LIMIT 300) l))::text
  FROM vendor.bill b JOIN vendor.vendor v ON v.id = b.vendor_id
 WHERE b.vendor_id = $1::uuid AND b.id = $2::uuid;
