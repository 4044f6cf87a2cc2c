-- Bills in quarantine as the administration shows them. docs/api/vendor.md#administration

-- filter: keys(vendor_ids, ids)
(q.vendor_id, q.id) IN (SELECT k.vendor_id, k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (vendor_id, id))

-- filter: vendor(vendor_id)
q.vendor_id = $1::uuid

-- filter: waiting(is_waiting)
(q.resolved_at IS NULL)::integer = $1::boolean::integer

-- filter: kind(kind)
q.kind = $1::text

-- name: list_rows(after, most) -> rows
SELECT q.vendor_id || '.' || q.id AS key, coalesce(q.invoice_number, 'Without number') AS label, coalesce(q.invoice_number, 'Without number') AS invoice_number,
       (SELECT v.business_name FROM vendor.vendor v WHERE v.id = q.vendor_id) AS vendor, q.vendor_id::text AS vendor_key,
       CASE WHEN q.resolved_at IS NOT NULL THEN 'Stored later' WHEN q.kind = 'conflict' THEN 'In conflict' ELSE 'Refused' END AS state,
       q.error, q.device_id, q.received_at, (/* key */ jsonb_build_array(q.seq) /* or as asked */)::text AS place
  FROM vendor.bill_quarantine q
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY q.seq /* or as asked */ LIMIT $2::bigint;

-- name: get_row(vendor_id, id) -> value
-- sent: the first 100,000 characters; a bill may have 40 MB.
SELECT json_build_object(
           'id', q.id, 'label', coalesce(q.invoice_number, 'Without number'), 'number_sent', q.invoice_number, 'vendor', v.business_name, 'vendor_key', v.id,
           'state', CASE WHEN q.resolved_at IS NOT NULL THEN 'Stored later' WHEN q.kind = 'conflict' THEN 'In conflict' ELSE 'Refused' END,
           'error', q.error, 'fields', q.fields::text, 'device_id', q.device_id, 'received_at', core.iso(q.received_at),
           'resolved_at', core.iso(q.resolved_at), 'bill', b.invoice_number, 'bill_key', b.vendor_id || '.' || b.id,
           'bytes', octet_length(q.sent), 'sent', left(q.sent, 100000))::text
  FROM vendor.bill_quarantine q JOIN vendor.vendor v ON v.id = q.vendor_id
       LEFT JOIN vendor.bill b ON b.vendor_id = q.vendor_id AND b.id = q.bill_id
 WHERE q.vendor_id = $1::uuid AND q.id = $2::uuid;
