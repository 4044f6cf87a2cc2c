-- Reading one invoice, and changing it until its picking begins. docs/api/sales.md#changes
--
-- The statements of a change run in one transaction, in the order below. They are separate statements, because a single one would
-- still see the old items after it has waited for the lock of another change.

-- name: get_invoice(id) -> row
-- The document (JSON) and its ETag. The ETag contains a hash of the text beside the id and the version, because the text also changes
-- with the customer, and with a release that adds fields.
SELECT d.document, i.invoice_no, i.status, format('"%s-%s-%s"', i.id, i.version, left(md5(d.document), 8)) AS etag
  FROM sales.invoice i
 CROSS JOIN LATERAL (SELECT document::text FROM sales.invoice_document WHERE id = i.id OFFSET 0) d
 WHERE i.id = $1 AND i.is_active;

-- name: hold_tables() -> none
-- Locks the tables in the order in which an import locks them. So a change and a clearing of tables (developer options) wait for each
-- other here, before one of them holds a row that the other one needs.
LOCK TABLE sales.customer, sales.salesman, sales.invoice IN ROW EXCLUSIVE MODE;

-- name: lock_invoice(id) -> none
-- The steps of the warehouse take the same lock, so that the second transaction sees what the first one did.
SELECT FROM sales.invoice WHERE id = $1 FOR NO KEY UPDATE;

-- name: write_customer(body) -> value
-- Follows the rules of import_invoice: members that the body omits keep their values. Returns true if something was written.
-- The rules exist twice, because a function for both would make each import 10 % slower.
WITH sent AS MATERIALIZED (
    SELECT core.trimmed(s.code) AS code, core.trimmed(s.name) AS name, core.trimmed(s.area) AS area,
           core.trimmed(s.address1) AS address1, core.trimmed(s.address2) AS address2,
           core.trimmed(s.phone1) AS phone1, core.trimmed(s.phone2) AS phone2,
           core.trimmed(s.email) AS email
      FROM jsonb_to_record($1::jsonb -> 'customer') AS s (
           code text, name text, area text, address1 text, address2 text, phone1 text, phone2 text, email text)
)
INSERT INTO sales.customer AS c (code, name, area, address1, address2, phone1, phone2, email)
SELECT code, name, coalesce(area, ''), coalesce(address1, ''), coalesce(address2, ''), coalesce(phone1, ''),
       coalesce(phone2, ''), coalesce(email, '')
  FROM sent
ON CONFLICT (code) DO UPDATE
   SET (name, area, address1, address2, phone1, phone2, email) = (
       SELECT sent.name, coalesce(sent.area, c.area), coalesce(sent.address1, c.address1), coalesce(sent.address2, c.address2),
              coalesce(sent.phone1, c.phone1), coalesce(sent.phone2, c.phone2), coalesce(sent.email, c.email)
         FROM sent)
 WHERE EXISTS (
       SELECT FROM sent
        WHERE (c.name, c.area, c.address1, c.address2, c.phone1, c.phone2, c.email) <> (
               sent.name, coalesce(sent.area, c.area), coalesce(sent.address1, c.address1), coalesce(sent.address2, c.address2),
               coalesce(sent.phone1, c.phone1), coalesce(sent.phone2, c.phone2), coalesce(sent.email, c.email)))
RETURNING true;

-- name: write_salesman(body) -> none
INSERT INTO sales.salesman (name) VALUES (core.trimmed($1::jsonb ->> 'salesman')) ON CONFLICT (name) DO NOTHING;

-- name: change_invoice(id, body, is_whole, is_touched) -> none
-- Writes the columns of the invoice, after its customer and salesman exist. is_whole: fields that the body omits become empty;
-- otherwise they keep their values. is_touched: the customer or the items change too, so the version has to increase.
UPDATE sales.invoice i
   SET invoice_date = coalesce(b.invoice_date, i.invoice_date),
       customer_id  = coalesce((SELECT id FROM sales.customer WHERE code = core.trimmed(b.customer ->> 'code')), i.customer_id),
       salesman_id  = coalesce((SELECT id FROM sales.salesman WHERE name = core.trimmed(b.salesman)), i.salesman_id),
       created_by   = CASE WHEN $3::boolean OR $2::jsonb ? 'created_by' THEN core.trimmed(b.created_by) ELSE i.created_by END,
       remarks      = CASE WHEN $3::boolean OR $2::jsonb ? 'remarks' THEN core.trimmed(b.remarks) ELSE i.remarks END,
       version      = i.version + ($4::boolean)::integer
  FROM jsonb_to_record($2::jsonb) AS b (invoice_date date, salesman text, created_by text, remarks text, customer jsonb)
 WHERE i.id = $1;

-- name: touch_invoice(id) -> none
UPDATE sales.invoice SET version = version + 1 WHERE id = $1;

-- name: count_items(id) -> value
SELECT count(*) FROM sales.invoice_item WHERE invoice_id = $1;

-- name: clear_items(id) -> none
DELETE FROM sales.invoice_item WHERE invoice_id = $1;

-- name: add_items(id, body) -> none
-- Adds the items in the order of the body, after the existing ones. The rules are those of import_invoice.
INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp, company_name, packing, shelf_location, remarks,
                                batch_no, expiry_date)
SELECT $1, core.trimmed(t.name), core.trimmed(t.item_code), t.quantity::integer,
       CASE WHEN scale(t.mrp) > 6 THEN round(t.mrp, 6) ELSE t.mrp END,
       coalesce(core.trimmed(t.company_name), ''), coalesce(core.trimmed(t.packing), ''),
       core.trimmed(t.shelf_location), core.trimmed(t.remarks), core.trimmed(t.batch_no), t.expiry_date
  FROM ROWS FROM (jsonb_to_recordset($2::jsonb -> 'items') AS (
            name text, item_code text, quantity numeric, mrp numeric, company_name text, packing text, shelf_location text,
            remarks text, batch_no text, expiry_date date)) WITH ORDINALITY AS t
 ORDER BY t.ordinality;

-- name: delete_invoice(id) -> none
-- Hides the invoice. The row stays, for the audit and the sessions; its number is free again.
UPDATE sales.invoice SET is_active = false WHERE id = $1;

-- name: note_change(actor, action, id, before, after) -> value
-- before, after: the documents of the invoice.
SELECT operations.note($1::jsonb, $2, 'invoice', ($3::bigint)::text, $4::jsonb, $5::jsonb);
