-- Settings of vendors' devices: one row for each device. docs/api/vendor.md#settings

-- name: push_settings(vendor_id, device_id, body) -> row
-- Replaces the device's settings as a whole. Without settings_data the whole body is stored.
WITH stored AS (
    INSERT INTO vendor.app_settings AS s (vendor_id, device_id, settings_data)
    SELECT $1::uuid, core.trimmed($2), coalesce($3::json -> 'settings_data', $3::json)
    ON CONFLICT (vendor_id, device_id) DO UPDATE SET settings_data = EXCLUDED.settings_data, last_updated = now()
    RETURNING s AS settings
)
SELECT vendor.settings_document(stored.settings, v.business_name)::text AS document,
       (stored.settings).created_at = (stored.settings).last_updated AS is_new
  FROM stored JOIN vendor.vendor v ON v.id = $1;

-- name: list_settings(vendor_id, device_id, after, most) -> rows
-- By device. device_id: null lists all devices.
SELECT vendor.settings_document(s, v.business_name)::text AS document, s.device_id AS key
  FROM vendor.app_settings s JOIN vendor.vendor v ON v.id = s.vendor_id
 WHERE s.vendor_id = $1::uuid AND ($2::text IS NULL OR s.device_id = core.trimmed($2)) AND s.device_id > $3::text
 ORDER BY s.device_id LIMIT $4::bigint;
