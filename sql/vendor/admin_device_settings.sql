-- Settings of vendors' devices as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, ids)
(s.vendor_id, s.id) IN (SELECT k.vendor_id, k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (vendor_id, id))

-- filter: vendor(vendor_id)
s.vendor_id = $1::uuid

-- name: list_rows(after, most) -> rows
SELECT s.vendor_id || '.' || s.id AS key, s.device_id AS label, s.device_id, (SELECT v.business_name FROM vendor.vendor v WHERE v.id = s.vendor_id) AS vendor,
       s.vendor_id::text AS vendor_key, s.created_at, s.last_updated, (/* key */ jsonb_build_array(s.vendor_id, s.device_id) /* or as asked */)::text AS place
  FROM vendor.app_settings s
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY s.vendor_id, s.device_id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, id) -> value
-- The settings are a text, because a number in them may have any size.
SELECT json_build_object(
           'label', s.device_id, 'device_id', s.device_id, 'vendor', v.business_name, 'vendor_key', v.id, 'created_at', core.iso(s.created_at),
           'last_updated', core.iso(s.last_updated), 'settings_data', s.settings_data::text)::text
  FROM vendor.app_settings s JOIN vendor.vendor v ON v.id = s.vendor_id
 WHERE s.vendor_id = $1::uuid AND s.id = $2::uuid;
