-- The import of invoices, and the duty that keeps the counts of the lists. docs/api/sales.md#import
-- Amounts are numeric and are sent as JSON numbers. The lists are in sql/sales/invoice_list.sql.

-- name: import_invoice(account_id, body) -> value
-- This is one statement, and so one transaction. If the invoice_no exists already, invoice_invoice_no_key undoes the whole statement.
-- A customer or salesman that already has the values of the body is only read. Writing the row would make imports with the same
-- customer wait for each other's commit. Fields of the customer that the body omits keep their values.
-- Triggers of sales.invoice write the event, the counts and the name in sales.creator in the same transaction
-- (sql/sales/functions.sql).
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
-- The invoice that already has the number, for the refusal of an import.
SELECT row_to_json(data)::text
  FROM (SELECT id, invoice_no FROM sales.invoice WHERE invoice_no = core.trimmed($1) AND is_active) data;

-- name: fold_deltas() -> value
-- Returns the number of changes that were added to the counts.
SELECT sales.fold_invoice_deltas();

-- name: vacuum_deltas() -> none
VACUUM (SKIP_LOCKED, INDEX_CLEANUP OFF, TRUNCATE OFF) sales.invoice_delta;
