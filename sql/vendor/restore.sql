-- What server.py restore changes of vendors (sql/core/restore.sql). Devices have positions that were given out after the backup. So all positions
-- move on, further than any vendor ever came, and every device that asks with an older one begins from the start (docs/api/vendor.md).

-- name: move_heads() -> none
UPDATE vendor.head SET position = position + 1000000000;

-- name: make_heads() -> none
INSERT INTO vendor.head (vendor_id, kind, position, changed_at)
SELECT v.id, 'catalogue', 1000000000, now() FROM vendor.vendor v ON CONFLICT (vendor_id, kind) DO NOTHING;

-- name: forget_positions() -> none
INSERT INTO vendor.forgotten AS f (vendor_id, position)
SELECT h.vendor_id, h.position FROM vendor.head h WHERE h.kind = 'catalogue'
    ON CONFLICT (vendor_id) DO UPDATE SET position = excluded.position;

-- name: move_global_head() -> none
UPDATE vendor.global_head SET position = position + 1000000000, forgotten = position + 1000000000;
