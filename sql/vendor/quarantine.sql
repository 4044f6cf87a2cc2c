-- Bills in quarantine: those that could not be stored. docs/api/vendor.md#quarantine

-- name: list_quarantined(vendor_id, kind, is_resolved, before, most) -> rows
-- The newest first. kind: null lists both.
SELECT vendor.quarantined_document(q, false)::text AS document, q.seq AS key
  FROM vendor.bill_quarantine q
 WHERE q.vendor_id = $1::uuid AND ($2::text IS NULL OR q.kind = $2) AND (q.resolved_at IS NOT NULL) = $3::boolean AND q.seq < $4::bigint
 ORDER BY q.seq DESC LIMIT $5::bigint;

-- name: get_quarantined(vendor_id, id) -> value
SELECT vendor.quarantined_document(q, true)::text FROM vendor.bill_quarantine q WHERE q.vendor_id = $1::uuid AND q.id = $2::uuid;

-- name: get_sent(vendor_id, id) -> value
SELECT q.sent FROM vendor.bill_quarantine q WHERE q.vendor_id = $1::uuid AND q.id = $2::uuid;

-- name: resolve(vendor_id, id, bill_id, actor) -> row
-- No row: it is resolved already, or gone.
WITH resolved AS (
    UPDATE vendor.bill_quarantine q SET resolved_at = now(), bill_id = $3::uuid
     WHERE q.vendor_id = $1::uuid AND q.id = $2::uuid AND q.resolved_at IS NULL
    RETURNING q.id, q.bill_id, q.kind
)
SELECT r.id, operations.note($4::jsonb, 'quarantined-bill.retry', 'quarantined-bill', r.id::text, NULL,
                             jsonb_build_object('kind', r.kind, 'bill', r.bill_id))
  FROM resolved r;

-- name: delete_quarantined(vendor_id, id, actor) -> row
-- No row if the vendor has no such bill in quarantine.
WITH gone AS (
    DELETE FROM vendor.bill_quarantine q WHERE q.vendor_id = $1::uuid AND q.id = $2::uuid RETURNING q.id, q.kind, q.invoice_number, q.error
)
SELECT g.id, operations.note($3::jsonb, 'quarantined-bill.delete', 'quarantined-bill', g.id::text,
                             jsonb_build_object('kind', g.kind, 'invoice_number', g.invoice_number, 'error', g.error), NULL)
  FROM gone g;
