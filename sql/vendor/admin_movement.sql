-- Movements of vendors' raw materials as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, item_ids, positions)
(m.vendor_id, m.item_id, m.position) IN (
    SELECT k.vendor_id, k.item_id, k.position FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS k (vendor_id, item_id, position))

-- filter: vendor(vendor_id)
m.vendor_id = $1::uuid

-- filter: item(vendor_id, item_id)
m.vendor_id = $1::uuid AND m.item_id = $2::uuid

-- name: list_rows(after, most) -> rows
SELECT m.vendor_id || '.' || m.item_id || '.' || m.position AS key, its.name || ': ' || m.action || ' ' || m.quantity AS label, m.created_at,
       its.name AS item, m.vendor_id || '.' || m.item_id AS item_key,
       (SELECT v.business_name FROM vendor.vendor v WHERE v.id = m.vendor_id) AS vendor, m.vendor_id::text AS vendor_key,
       m.action, m.quantity, m.quantity_before, m.quantity_after, m.notes, who.email AS who, who.key AS who_key,
       (/* key */ jsonb_build_array(m.vendor_id, m.item_id, m.position) /* or as asked */)::text AS place
  FROM vendor.inventory_movement m
       LEFT JOIN LATERAL (SELECT i.name FROM vendor.inventory_item i WHERE i.vendor_id = m.vendor_id AND i.id = m.item_id OFFSET 0) its ON true
       LEFT JOIN LATERAL (SELECT a.email, a.public_id::text AS key FROM accounts.account a WHERE a.id = m.account_id OFFSET 0) who ON true
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY m.vendor_id, m.item_id, m.position /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, item_id, position) -> value
SELECT json_build_object(
           'label', i.name || ': ' || m.action || ' ' || m.quantity, 'item', i.name, 'item_key', i.vendor_id || '.' || i.id, 'vendor', v.business_name,
           'vendor_key', v.id, 'action', m.action, 'quantity', m.quantity::text, 'quantity_before', m.quantity_before::text,
           'quantity_after', m.quantity_after::text, 'unit_type', i.unit_type, 'notes', m.notes, 'who', a.email, 'who_key', a.public_id,
           'created_at', core.iso(m.created_at))::text
  FROM vendor.inventory_movement m
       JOIN vendor.inventory_item i ON i.vendor_id = m.vendor_id AND i.id = m.item_id
       JOIN vendor.vendor v ON v.id = m.vendor_id
       LEFT JOIN accounts.account a ON a.id = m.account_id
 WHERE m.vendor_id = $1::uuid AND m.item_id = $2::uuid AND m.position = $3::bigint;
