-- What the papers of the warehouse show. docs/api/sales.md#papers

-- name: list_papers(ids, most) -> row
-- The invoices in the order of their ids, each `{invoice, work}`, as JSON; null if they have more than `most` items together. `work`:
-- by kind, the session that was not cancelled. `numbers`: those of the invoices that there are, in the same order.
WITH asked AS MATERIALIZED (
    SELECT i.id, i.invoice_no, a.place
      FROM (SELECT id, min(place) AS place FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, place) GROUP BY id) a
      JOIN sales.invoice i ON i.id = a.id AND i.is_active
), size AS MATERIALIZED (
    SELECT count(*) AS items
      FROM (SELECT FROM asked JOIN sales.invoice_item t ON t.invoice_id = asked.id LIMIT $2::bigint + 1) items
)
SELECT size.items,
       (SELECT coalesce(array_agg(id ORDER BY place), '{}') FROM asked) AS ids,
       (SELECT coalesce(array_agg(invoice_no ORDER BY place), '{}') FROM asked) AS numbers,
       (SELECT json_agg(json_build_object('invoice', d.document, 'work', coalesce(w.work, '{}')) ORDER BY asked.place)::text
          FROM asked
         CROSS JOIN LATERAL (SELECT document FROM sales.invoice_document WHERE id = asked.id OFFSET 0) d
         CROSS JOIN LATERAL (
               SELECT json_object_agg(s.kind, json_build_object(
                          'worker', coalesce(nullif(a.name, ''), a.email), 'start_time', core.iso(s.start_time),
                          'delivery_type', s.delivery_type, 'courier_name', s.courier_name, 'tracking_no', s.tracking_no)) AS work
                 FROM sales.session s LEFT JOIN accounts.account a ON a.id = s.worker_id
                WHERE s.invoice_id = asked.id AND s.status <> 'CANCELLED') w
         WHERE size.items <= $2) AS documents
  FROM size;
