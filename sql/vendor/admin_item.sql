-- Vendors' items as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, ids)
(i.vendor_id, i.id) IN (SELECT k.vendor_id, k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (vendor_id, id))

-- filter: vendor(vendor_id)
i.vendor_id = $1::uuid

-- filter: category(vendor_id, category_id)
i.vendor_id = $1::uuid AND i.id IN (SELECT l.item_id FROM vendor.item_category l WHERE l.vendor_id = $1 AND l.category_id = $2::uuid)

-- A search looks at all items of one vendor.
-- filter: search(longest, words)
lower(concat_ws(E'\n', i.name, i.description, i.sku, i.barcode)) LIKE core.containing($1::text)
AND lower(concat_ws(E'\n', i.name, i.description, i.sku, i.barcode)) LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: is_active(is_active)
i.is_active = $1::boolean

-- filter: veg_nonveg(kind)
i.veg_nonveg = $1::text

-- filter: pictured(is_pictured)
(i.image IS NOT NULL) = $1::boolean

-- name: list_rows(after, most) -> rows
SELECT i.vendor_id || '.' || i.id AS key, i.name AS label, i.name, (SELECT v.business_name FROM vendor.vendor v WHERE v.id = i.vendor_id) AS vendor,
       i.vendor_id::text AS vendor_key, i.price, i.mrp_price, i.gst_percentage, i.stock_quantity, i.sku, i.is_active, i.last_updated,
       (/* key */ jsonb_build_array(i.vendor_id, i.id) /* or as asked */)::text AS place
  FROM vendor.item i
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY i.vendor_id, i.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, id) -> value
-- own_categories, global_categories: keys of the administration's tables.
SELECT json_build_object(
           'id', i.id, 'name', i.name, 'description', i.description, 'price', i.price::text, 'mrp_price', i.mrp_price::text, 'price_type', i.price_type,
           'additional_discount', i.additional_discount::text, 'gst_percentage', i.gst_percentage::text, 'veg_nonveg', i.veg_nonveg,
           'stock_quantity', i.stock_quantity, 'sku', i.sku, 'barcode', i.barcode, 'is_active', i.is_active, 'sort_order', i.sort_order,
           'image', i.image, 'vendor', v.business_name, 'vendor_key', v.id,
           'own_categories', (SELECT coalesce(json_agg(l.vendor_id || '.' || l.category_id ORDER BY l.category_id), '[]')
                                FROM vendor.item_category l WHERE l.vendor_id = i.vendor_id AND l.item_id = i.id),
           'global_categories', (SELECT coalesce(json_agg(l.category_id ORDER BY l.category_id), '[]')
                                   FROM vendor.item_global_category l WHERE l.vendor_id = i.vendor_id AND l.item_id = i.id),
           'last_updated', core.iso(i.last_updated), 'created_at', core.iso(i.created_at))::text
  FROM vendor.item i JOIN vendor.vendor v ON v.id = i.vendor_id
 WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid;
