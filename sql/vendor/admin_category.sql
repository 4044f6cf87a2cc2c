-- Vendors' own categories as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, ids)
(c.vendor_id, c.id) IN (SELECT k.vendor_id, k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (vendor_id, id))

-- filter: vendor(vendor_id)
c.vendor_id = $1::uuid

-- A search looks at all categories of one vendor.
-- filter: search(longest, words)
lower(c.name) LIKE core.containing($1::text) AND lower(c.name) LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: is_active(is_active)
c.is_active = $1::boolean

-- name: list_rows(after, most) -> rows
SELECT c.vendor_id || '.' || c.id AS key, c.name AS label, c.name, (SELECT v.business_name FROM vendor.vendor v WHERE v.id = c.vendor_id) AS vendor,
       c.vendor_id::text AS vendor_key, c.sort_order, c.is_active, vendor.item_count(c.vendor_id, c.id) AS items, c.updated_at,
       (/* key */ jsonb_build_array(c.vendor_id, c.id) /* or as asked */)::text AS place
  FROM vendor.category c
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY c.vendor_id, c.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, id) -> value
SELECT json_build_object(
           'id', c.id, 'name', c.name, 'description', c.description, 'is_active', c.is_active, 'sort_order', c.sort_order, 'vendor', v.business_name,
           'vendor_key', v.id, 'items', vendor.item_count(c.vendor_id, c.id), 'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at))::text
  FROM vendor.category c JOIN vendor.vendor v ON v.id = c.vendor_id
 WHERE c.vendor_id = $1::uuid AND c.id = $2::uuid;
