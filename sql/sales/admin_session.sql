-- Sessions of the warehouse as the administration shows them (handlers/api/admin.py). docs/api/sales.md#administration

-- filter: keys(ids)
s.id = ANY ($1::bigint[])

-- Sessions of the invoices that are found, and deliveries by a courier or tracking number. Workers have a filter of their own.
-- filter: search(longest, words)
s.id = ANY (ARRAY(
    (SELECT f.id FROM sales.session f WHERE f.invoice_id = ANY (ARRAY(SELECT n.id FROM sales.find_invoices($1::text, $2::text[]) AS n (id))))
    UNION ALL
    (SELECT found.id
       FROM (SELECT f.id, sales.searched(f.courier_name, f.tracking_no) AS words FROM sales.session f
              WHERE f.kind = 'delivery' AND sales.searched(f.courier_name, f.tracking_no) LIKE core.containing($1) LIMIT 10000) found
      WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2) AS word)) LIMIT 1000)))

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: kind(kind)
s.kind = $1::text AND s.kind BETWEEN $1::text AND $1::text

-- filter: state(kind_and_status)
s.kind = split_part($1::text, ' ', 1) AND s.status = split_part($1::text, ' ', 2)
AND s.status BETWEEN split_part($1::text, ' ', 2) AND split_part($1::text, ' ', 2)

-- filter: worker(public_id)
s.worker_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)
AND s.worker_id BETWEEN (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)
    AND (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)

-- filter: invoice(id)
s.invoice_id = $1::bigint AND s.invoice_id BETWEEN $1::bigint AND $1::bigint

-- filter: since(first_day, zone)
s.created_at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(last_day, zone)
s.created_at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- name: list_rows(after, most) -> rows
-- Postgres computes the subselects after the LIMIT, so only for the rows of the page.
SELECT s.id::text AS key, initcap(s.kind) || ' of ' || (SELECT i.invoice_no FROM sales.invoice i WHERE i.id = s.invoice_id) AS label,
       initcap(s.kind) AS kind, s.status, (SELECT i.invoice_no FROM sales.invoice i WHERE i.id = s.invoice_id) AS invoice,
       s.invoice_id::text AS invoice_key,
       coalesce((SELECT accounts.full_name(a) FROM accounts.account a WHERE a.id = s.worker_id), s.courier_name) AS worker,
       (SELECT a.public_id::text FROM accounts.account a WHERE a.id = s.worker_id) AS worker_key, s.start_time, s.end_time,
       sales.minutes(s.start_time, s.end_time) AS minutes,
       (/* key */ jsonb_build_array(s.created_at, s.id) /* or as asked */)::text AS place
  FROM sales.session s
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY s.created_at, s.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'label', initcap(s.kind) || ' of ' || i.invoice_no, 'kind', initcap(s.kind), 'status', s.status, 'invoice', i.invoice_no,
           'invoice_key', i.id::text, 'invoice_status', CASE WHEN i.is_active THEN i.status ELSE 'DELETED' END,
           'worker', accounts.full_name(worker), 'worker_key', worker.public_id::text, 'delivery_type', s.delivery_type,
           'courier_name', s.courier_name, 'tracking_no', s.tracking_no, 'start_time', core.iso(s.start_time),
           'end_time', core.iso(s.end_time), 'minutes', sales.minutes(s.start_time, s.end_time), 'notes', s.notes,
           'cancel_reason', s.cancel_reason, 'started_by', accounts.full_name(starter), 'started_by_key', starter.public_id::text,
           'ended_by', accounts.full_name(ender), 'ended_by_key', ender.public_id::text)::text
  FROM sales.session s
  JOIN sales.invoice i ON i.id = s.invoice_id
  LEFT JOIN accounts.account worker ON worker.id = s.worker_id
  LEFT JOIN accounts.account starter ON starter.id = s.started_by
  LEFT JOIN accounts.account ender ON ender.id = s.ended_by
 WHERE s.id = $1::bigint;

-- name: get_named(id) -> row
-- What names the session in a request to cancel it.
SELECT s.kind, i.invoice_no FROM sales.session s JOIN sales.invoice i ON i.id = s.invoice_id WHERE s.id = $1::bigint;
