-- Invoices of the sales area. Money: numeric, sent as JSON numbers (seed 000); shapes: the view sales.invoice_document.

-- name: import_invoice(account_id, body) -> value
-- One statement, so one transaction: an invoice_no that is taken breaks invoice_invoice_no_key, which undoes it all.
-- A customer or salesman that is already as the body says is only read: writing the row would make imports that name
-- the same customer wait for one another's commit. Fields that the body leaves out keep their value.
WITH body AS MATERIALIZED (
    SELECT core.trimmed(b.invoice_no) AS invoice_no, b.invoice_date, core.trimmed(b.salesman) AS salesman,
           core.trimmed(b.created_by) AS created_by, core.trimmed(b.remarks) AS remarks, b.customer, b.items
      FROM jsonb_to_record($2::jsonb) AS b (
           invoice_no text, invoice_date date, salesman text, created_by text, remarks text, customer jsonb, items jsonb)
), sent AS MATERIALIZED (
    SELECT core.trimmed(s.code) AS code, core.trimmed(s.name) AS name, core.trimmed(s.area) AS area,
           core.trimmed(s.address1) AS address1, core.trimmed(s.address2) AS address2,
           core.trimmed(s.phone1) AS phone1, core.trimmed(s.phone2) AS phone2,
           core.trimmed(s.email) AS email
      FROM body, jsonb_to_record(body.customer) AS s (
           code text, name text, area text, address1 text, address2 text, phone1 text, phone2 text, email text)
), known_customer AS MATERIALIZED (
    SELECT c.id
      FROM sent JOIN sales.customer c ON c.code = sent.code
     WHERE c.name = sent.name
       AND c.area = coalesce(sent.area, c.area)
       AND c.address1 = coalesce(sent.address1, c.address1)
       AND c.address2 = coalesce(sent.address2, c.address2)
       AND c.phone1 = coalesce(sent.phone1, c.phone1)
       AND c.phone2 = coalesce(sent.phone2, c.phone2)
       AND c.email = coalesce(sent.email, c.email)
), written_customer AS (
    INSERT INTO sales.customer AS c (code, name, area, address1, address2, phone1, phone2, email)
    SELECT code, name, coalesce(area, ''), coalesce(address1, ''), coalesce(address2, ''), coalesce(phone1, ''),
           coalesce(phone2, ''), coalesce(email, '')
      FROM sent WHERE NOT EXISTS (SELECT FROM known_customer)
    ON CONFLICT (code) DO UPDATE
       SET name     = EXCLUDED.name,
           area     = coalesce((SELECT area     FROM sent), c.area),
           address1 = coalesce((SELECT address1 FROM sent), c.address1),
           address2 = coalesce((SELECT address2 FROM sent), c.address2),
           phone1   = coalesce((SELECT phone1   FROM sent), c.phone1),
           phone2   = coalesce((SELECT phone2   FROM sent), c.phone2),
           email    = coalesce((SELECT email    FROM sent), c.email)
    RETURNING c.id
), known_salesman AS MATERIALIZED (
    SELECT s.id FROM body JOIN sales.salesman s ON s.name = body.salesman
), written_salesman AS (
    INSERT INTO sales.salesman AS s (name)
    SELECT salesman FROM body WHERE NOT EXISTS (SELECT FROM known_salesman)
    ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
    RETURNING s.id
), invoice AS (
    INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, salesman_id, created_by, created_user_id, remarks)
    SELECT invoice_no, invoice_date,
           coalesce((SELECT id FROM known_customer), (SELECT id FROM written_customer)),
           coalesce((SELECT id FROM known_salesman), (SELECT id FROM written_salesman)),
           created_by, $1, remarks
      FROM body
    RETURNING id, invoice_no
), item AS (
    INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp, company_name, packing, shelf_location,
                                    remarks, batch_no, expiry_date)
    SELECT invoice.id, core.trimmed(t.name), core.trimmed(t.item_code), t.quantity::integer,
           CASE WHEN scale(t.mrp) > 6 THEN round(t.mrp, 6) ELSE t.mrp END,
           coalesce(core.trimmed(t.company_name), ''), coalesce(core.trimmed(t.packing), ''),
           core.trimmed(t.shelf_location), core.trimmed(t.remarks), core.trimmed(t.batch_no),
           t.expiry_date
      FROM invoice, body,
           ROWS FROM (jsonb_to_recordset(body.items) AS (
                name text, item_code text, quantity numeric, mrp numeric, company_name text, packing text,
                shelf_location text, remarks text, batch_no text, expiry_date date)) WITH ORDINALITY AS t
     ORDER BY t.ordinality
    RETURNING quantity, mrp
)
SELECT row_to_json(data)::text
  FROM (SELECT invoice.id, invoice.invoice_no,
               (SELECT round(coalesce(sum(quantity * mrp), 0), 2) FROM item) AS total_amount
          FROM invoice) data;

-- name: find_invoice_no(invoice_no) -> value
-- What a refused import is told of the invoice that has the number.
SELECT row_to_json(data)::text
  FROM (SELECT id, invoice_no FROM sales.invoice WHERE invoice_no = core.trimmed($1)) data;

-- name: list_invoices(statuses, page, page_size) -> row
-- count, the page served (1-based; null asks for the last one) and its invoices, newest first; results is null for a
-- page that isn't there. Null statuses: all. A page near the front is walked to; a deep one is found by the tally:
-- the hall of 16,384 ids it begins in, the shelf of 1,024 in that hall, the box of 64 in that shelf, the rest by
-- walking at most one box.
-- The constant limits (1, 100, 1100) never cut: they tell the planner, which can't see the parameters, what to expect.
WITH change AS MATERIALIZED (
    SELECT bucket, status, sum(n)::integer AS n
      FROM sales.invoice_change WHERE $1::text[] IS NULL OR status = ANY ($1::text[])
     GROUP BY bucket, status
), place AS MATERIALIZED (
    SELECT count, page, (page - 1) * $3::bigint AS skip
      FROM (SELECT count, coalesce($2::bigint, greatest(1, ceil(count / $3::numeric)::bigint)) AS page
              FROM (SELECT coalesce(sum(n), 0)::bigint AS count
                      FROM (SELECT n FROM sales.invoice_tally
                             WHERE level = 0 AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                             UNION ALL
                            SELECT n FROM change) counts) total) paged
), hall AS MATERIALIZED (
    SELECT found.bucket, place.skip - found.before AS skip
      FROM place CROSS JOIN LATERAL (
           SELECT bucket, sum(n) AS n, sum(sum(n)::integer) OVER (ORDER BY bucket DESC) - sum(n) AS before
             FROM (SELECT bucket, n FROM sales.invoice_tally
                    WHERE level = 3 AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                    UNION ALL
                   SELECT bucket >> 8, n FROM change) counts
            WHERE place.skip BETWEEN 1000 AND place.count - 1
            GROUP BY bucket) found
     WHERE place.skip >= found.before AND place.skip < found.before + found.n
), shelf AS MATERIALIZED (
    SELECT found.bucket, hall.skip - found.before AS skip
      FROM hall CROSS JOIN LATERAL (
           SELECT bucket, sum(n) AS n, sum(sum(n)::integer) OVER (ORDER BY bucket DESC) - sum(n) AS before
             FROM (SELECT bucket, n FROM sales.invoice_tally
                    WHERE level = 2 AND bucket BETWEEN hall.bucket << 4 AND (hall.bucket << 4) + 15
                      AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                    UNION ALL
                   SELECT bucket >> 4, n FROM change WHERE bucket >> 8 = hall.bucket) counts
            GROUP BY bucket) found
     WHERE hall.skip >= found.before AND hall.skip < found.before + found.n
), box AS MATERIALIZED (
    SELECT found.bucket, shelf.skip - found.before AS skip
      FROM shelf CROSS JOIN LATERAL (
           SELECT bucket, sum(n) AS n, sum(sum(n)::integer) OVER (ORDER BY bucket DESC) - sum(n) AS before
             FROM (SELECT bucket, n FROM sales.invoice_tally
                    WHERE level = 1 AND bucket BETWEEN shelf.bucket << 4 AND (shelf.bucket << 4) + 15
                      AND ($1::text[] IS NULL OR status = ANY ($1::text[]))
                    UNION ALL
                   SELECT bucket, n FROM change WHERE bucket >> 4 = shelf.bucket) counts
            GROUP BY bucket) found
     WHERE shelf.skip >= found.before AND shelf.skip < found.before + found.n
), start AS MATERIALIZED (
    SELECT place.count, place.page, place.skip = 0 OR place.skip < place.count AS there,
           coalesce((box.bucket + 1) << 6, 9223372036854775807) AS below,
           coalesce(box.skip, place.skip)::bigint AS skip
      FROM place LEFT JOIN box ON true LIMIT 1
)
SELECT start.count, start.page,
       CASE WHEN start.there THEN coalesce((
            SELECT json_agg(one.document ORDER BY page.id DESC)
              FROM (SELECT id FROM (
                           (SELECT i.id FROM sales.invoice i
                             WHERE $1::text[] IS NULL AND i.id < start.below AND i.is_active
                             ORDER BY i.id DESC OFFSET start.skip LIMIT $3::bigint)
                           UNION ALL
                           (SELECT i.id
                              FROM unnest($1::text[]) AS wanted (status) CROSS JOIN LATERAL (
                                   SELECT id FROM (
                                          SELECT i.id FROM sales.invoice i
                                           WHERE i.status = wanted.status AND i.id < start.below AND i.is_active
                                           ORDER BY i.id DESC LIMIT start.skip + $3::bigint) walk
                                    LIMIT 1100) i
                             ORDER BY i.id DESC OFFSET start.skip LIMIT $3::bigint)) ids
                     LIMIT 100) page
             CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = page.id OFFSET 0) one
            ), '[]')::text END AS results
  FROM start;

-- name: find_invoices(statuses, start_date, end_date, customer, salesman, user, created_by, worker, search, ordering, descending, page, page_size, keyset, after_key, after_id) -> row
-- The invoices that every given filter (not null) lets through: count and page as list_invoices has them, and whether that is exact; or
-- with `keyset` those after (after_key, after_id), and the key of the last one when more follow. See sales.filter_invoices (migration 0016).
SELECT found.count, found.exact, found.page,
       CASE WHEN found.ids IS NOT NULL THEN coalesce((
            SELECT json_agg(one.document ORDER BY listed.n)
              FROM unnest(found.ids[1:$13::integer]) WITH ORDINALITY AS listed (id, n)
             CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = listed.id OFFSET 0) one
            ), '[]')::text END AS results,
       cardinality(found.ids) > $13::integer AS more, found.keys[$13::integer] AS last_key, found.ids[$13::integer] AS last_id
  FROM sales.filter_invoices($1::text[], ($2::text)::date, ($3::text)::date, $4, $5, ($6::text)::uuid, $7, $8, $9, $10, $11, $12,
                           $13::integer, $14, $15, $16) found;

-- name: fold_invoice_changes() -> value
-- Returns how many changes went into the tally.
SELECT sales.fold_invoice_changes();

-- name: vacuum_invoice_changes() -> none
VACUUM (SKIP_LOCKED, INDEX_CLEANUP OFF, TRUNCATE OFF) sales.invoice_change;
