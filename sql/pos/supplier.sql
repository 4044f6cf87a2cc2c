-- Suppliers of the shop. Lists are ordered by id. docs/api/pos.md#suppliers

-- name: list_suppliers(after, most) -> rows
SELECT pos.supplier_document(s)::text AS document, s.id AS key
  FROM pos.supplier s WHERE s.id > $1::bigint ORDER BY s.id LIMIT $2::bigint;

-- name: get_supplier(id) -> value
SELECT pos.supplier_document(s)::text FROM pos.supplier s WHERE s.id = $1;

-- name: create_supplier(body, actor) -> row
WITH made AS (
    INSERT INTO pos.supplier AS s (name, phone_number, contact_person, rfc, tax_address)
    SELECT core.trimmed(b.name), core.trimmed(b.phone_number), core.trimmed(b.contact_person), core.trimmed(b.rfc), core.trimmed(b.tax_address)
      FROM jsonb_to_record($1::jsonb) AS b (name text, phone_number text, contact_person text, rfc text, tax_address text)
    RETURNING s AS supplier
)
SELECT pos.supplier_document(supplier)::text AS document,
       operations.note($2::jsonb, 'supplier.create', 'supplier', (supplier).id::text, NULL, to_jsonb(supplier))
  FROM made;

-- name: update_supplier(id, body, actor) -> row
-- Members that the body omits stay. No row: the supplier does not exist.
WITH old AS MATERIALIZED (
    SELECT s.id, s AS supplier FROM pos.supplier s WHERE s.id = $1 FOR NO KEY UPDATE
), changed AS (
    UPDATE pos.supplier AS s
       SET name           = coalesce(core.trimmed(b.name), s.name),
           phone_number   = coalesce(core.trimmed(b.phone_number), s.phone_number),
           contact_person = coalesce(core.trimmed(b.contact_person), s.contact_person),
           rfc            = coalesce(core.trimmed(b.rfc), s.rfc),
           tax_address    = coalesce(core.trimmed(b.tax_address), s.tax_address)
      FROM old, jsonb_to_record($2::jsonb) AS b (name text, phone_number text, contact_person text, rfc text, tax_address text)
     WHERE s.id = old.id
    RETURNING s AS supplier
)
SELECT pos.supplier_document(changed.supplier)::text AS document,
       operations.note($3::jsonb, 'supplier.update', 'supplier', old.id::text, to_jsonb(old.supplier), to_jsonb(changed.supplier))
  FROM changed CROSS JOIN old;

-- name: delete_supplier(id, actor) -> row
-- No row: the supplier does not exist. product_supplier_exists refuses to delete one that has products, deleted ones included.
WITH gone AS (
    DELETE FROM pos.supplier AS s WHERE s.id = $1 RETURNING s.id, s AS supplier
)
SELECT gone.id, operations.note($2::jsonb, 'supplier.delete', 'supplier', gone.id::text, to_jsonb(gone.supplier), NULL) FROM gone;
