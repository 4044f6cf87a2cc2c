-- Vendors' raw materials as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, ids)
(i.vendor_id, i.id) IN (SELECT k.vendor_id, k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (vendor_id, id))

-- filter: vendor(vendor_id)
i.vendor_id = $1::uuid

-- A search looks at all materials of one vendor.
-- filter: search(longest, words)
lower(concat_ws(E'\n', i.name, i.description, i.sku, i.barcode, i.supplier_name)) LIKE core.containing($1::text)
AND lower(concat_ws(E'\n', i.name, i.description, i.sku, i.barcode, i.supplier_name))
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: is_active(is_active)
i.is_active = $1::boolean

-- filter: low_stock(is_low)
vendor.is_low(i) = $1::boolean

-- filter: unit_type(unit_type)
i.unit_type = $1::text

-- name: list_rows(after, most) -> rows
SELECT i.vendor_id || '.' || i.id AS key, i.name AS label, i.name, (SELECT v.business_name FROM vendor.vendor v WHERE v.id = i.vendor_id) AS vendor,
       i.vendor_id::text AS vendor_key, i.quantity, i.unit_type, i.min_stock_level, vendor.is_low(i) AS is_low_stock, i.supplier_name, i.is_active,
       i.updated_at,
       (/* key */ jsonb_build_array(i.vendor_id, i.id) /* or as asked */)::text AS place
  FROM vendor.inventory_item i
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY i.vendor_id, i.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, id) -> value
-- in_stock: the form's `quantity` is that of a change. last_movements: the newest twenty.
SELECT json_build_object(
           'id', i.id, 'name', i.name, 'description', i.description, 'in_stock', i.quantity::text, 'unit_type', i.unit_type, 'sku', i.sku, 'barcode', i.barcode,
           'supplier_name', i.supplier_name, 'supplier_contact', i.supplier_contact, 'min_stock_level', i.min_stock_level::text,
           'reorder_quantity', i.reorder_quantity::text, 'is_active', i.is_active, 'is_low_stock', vendor.is_low(i), 'vendor', v.business_name,
           'vendor_key', v.id, 'last_restocked_at', core.iso(i.last_restocked_at), 'created_at', core.iso(i.created_at), 'updated_at', core.iso(i.updated_at),
           'last_movements', (SELECT json_agg(json_build_object('action', m.action, 'quantity', m.quantity::text, 'before', m.quantity_before::text,
                                                                'after', m.quantity_after::text, 'notes', m.notes,
                                                                'when (UTC)', to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
                                              ORDER BY m.position DESC)
                                FROM (SELECT m.* FROM vendor.inventory_movement m WHERE m.vendor_id = i.vendor_id AND m.item_id = i.id
                                       ORDER BY m.position DESC LIMIT 20) m))::text
  FROM vendor.inventory_item i JOIN vendor.vendor v ON v.id = i.vendor_id
 WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid;
