-- Lines of vendors' bills as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, bill_ids, places)
(l.vendor_id, l.bill_id, l.place) IN (
    SELECT k.vendor_id, k.bill_id, k.place FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS k (vendor_id, bill_id, place))

-- filter: vendor(vendor_id)
l.vendor_id = $1::uuid

-- filter: bill(vendor_id, bill_id)
l.vendor_id = $1::uuid AND l.bill_id = $2::uuid

-- name: list_rows(after, most) -> rows
SELECT l.vendor_id || '.' || l.bill_id || '.' || l.place AS key, l.item_name AS label, l.item_name,
       (SELECT b.invoice_number FROM vendor.bill b WHERE b.vendor_id = l.vendor_id AND b.id = l.bill_id) AS bill, l.vendor_id || '.' || l.bill_id AS bill_key,
       (SELECT v.business_name FROM vendor.vendor v WHERE v.id = l.vendor_id) AS vendor, l.vendor_id::text AS vendor_key,
       l.quantity, l.unit, l.price, l.gst_percentage, l.item_gst_amount, l.subtotal,
       (/* key */ jsonb_build_array(l.vendor_id, l.bill_id, l.place) /* or as asked */)::text AS place
  FROM vendor.bill_line l
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY l.vendor_id, l.bill_id, l.place /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, bill_id, place) -> value
SELECT json_build_object(
           'id', l.id, 'label', l.item_name, 'item_name', l.item_name, 'bill', b.invoice_number, 'bill_key', b.vendor_id || '.' || b.id,
           'vendor', v.business_name, 'vendor_key', v.id, 'place', l.place, 'original_item_id', l.original_item_id, 'item_description', l.item_description,
           'price', l.price::text, 'mrp_price', l.mrp_price::text, 'price_type', l.price_type, 'quantity', l.quantity::text, 'unit', l.unit,
           'subtotal', l.subtotal::text, 'gst_percentage', l.gst_percentage::text, 'item_gst_amount', l.item_gst_amount::text,
           'veg_nonveg', l.veg_nonveg, 'additional_discount', l.additional_discount::text, 'discount_amount', l.discount_amount::text,
           'batch_number', l.batch_number, 'expiry_date', l.expiry_date)::text
  FROM vendor.bill_line l
       JOIN vendor.bill b ON b.vendor_id = l.vendor_id AND b.id = l.bill_id
       JOIN vendor.vendor v ON v.id = l.vendor_id
 WHERE l.vendor_id = $1::uuid AND l.bill_id = $2::uuid AND l.place = $3::bigint;
