-- Raw materials of vendors, and the ledger of their quantities. docs/api/vendor.md#inventory
--
-- Each write locks the material and then takes the vendor's next position, which it holds until the commit; so writes of one vendor wait
-- for each other, always in this order. Quantities: three decimals.

-- name: get_unit_types() -> value
SELECT json_agg(json_build_object('value', u.key, 'label', u.value))::text FROM json_each_text(vendor.unit_names()) u;

-- name: get_state(vendor_id) -> value
-- Another text after each change of what the list shows: the last change of the materials, and the vendor's name. The time is part of it
-- because positions may begin again, in a database that was restored.
SELECT concat_ws(' ', h.position, core.microseconds(h.changed_at), v.business_name)
  FROM vendor.vendor v LEFT JOIN vendor.head h ON h.vendor_id = v.id AND h.kind = 'inventory'
 WHERE v.id = $1::uuid;

-- filter: low_stock()
vendor.is_low(i)

-- filter: unit_type(unit_type)
i.unit_type = $1::text

-- The text occurs in the name, description, SKU, barcode or supplier's name, ignoring case.
-- filter: search(part)
lower(i.name) LIKE core.containing($1::text) OR lower(i.description) LIKE core.containing($1::text)
OR lower(i.sku) LIKE core.containing($1::text) OR lower(i.barcode) LIKE core.containing($1::text)
OR lower(i.supplier_name) LIKE core.containing($1::text)

-- name: list_items(vendor_id, is_active, after, most) -> rows
-- By name, which is unique. The vendor's materials are read in this order until there are enough that the filters let through.
SELECT vendor.inventory_document(i, (SELECT v.business_name FROM vendor.vendor v WHERE v.id = $1::uuid))::text AS document, i.name AS key
  FROM vendor.inventory_item i
 WHERE i.vendor_id = $1 AND i.is_active = $2::boolean AND i.name > $3::text /* filters */
 ORDER BY i.name LIMIT $4::bigint;

-- name: get_item(vendor_id, id) -> value
SELECT vendor.inventory_document(i, v.business_name)::text
  FROM vendor.inventory_item i JOIN vendor.vendor v ON v.id = i.vendor_id
 WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid;

-- name: has_item(vendor_id, id) -> value
SELECT true FROM vendor.inventory_item i WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid;

-- name: create_item(vendor_id, body, actor) -> row
-- The ledger begins with the quantity, unless it is 0.
WITH head AS MATERIALIZED (
    SELECT h.position, h.changed_at FROM vendor.next_position($1::uuid, 'inventory') h
), made AS (
    INSERT INTO vendor.inventory_item AS i (
        vendor_id, name, description, quantity, unit_type, sku, barcode, supplier_name, supplier_contact, min_stock_level, reorder_quantity,
        is_active, created_at, updated_at)
    SELECT $1, core.trimmed(b.name), core.trimmed(b.description), coalesce(b.quantity, 0), coalesce(core.trimmed(b.unit_type), 'kg'),
           core.trimmed(b.sku), core.trimmed(b.barcode), core.trimmed(b.supplier_name), core.trimmed(b.supplier_contact),
           coalesce(b.min_stock_level, 0), coalesce(b.reorder_quantity, 0), coalesce(b.is_active, true), head.changed_at, head.changed_at
      FROM head CROSS JOIN jsonb_to_record($2::jsonb) AS b (
           name text, description text, quantity numeric, unit_type text, sku text, barcode text, supplier_name text, supplier_contact text,
           min_stock_level numeric, reorder_quantity numeric, is_active boolean)
    RETURNING i.id, i.quantity, i AS item
), moved AS (
    INSERT INTO vendor.inventory_movement (
        vendor_id, item_id, position, action, quantity, quantity_before, quantity_after, notes, account_id, created_at)
    SELECT $1, made.id, head.position, 'create', made.quantity, 0, made.quantity, '', ($3::jsonb ->> 'account_id')::bigint, head.changed_at
      FROM made CROSS JOIN head WHERE made.quantity <> 0
)
SELECT made.id::text AS id, vendor.inventory_document(made.item, v.business_name)::text AS document,
       operations.note($3, 'inventory.create', 'inventory', made.id::text, NULL, to_jsonb(made.item))
  FROM made JOIN vendor.vendor v ON v.id = $1;

-- name: update_item(vendor_id, id, body, actor) -> row
-- Members that the body omits stay. Another quantity enters the ledger: the app's form sends the same one with every change. No row: the
-- material does not exist.
WITH held AS MATERIALIZED (
    SELECT i.vendor_id, i.id, i.quantity, i AS item
      FROM vendor.inventory_item i WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid FOR NO KEY UPDATE
), head AS MATERIALIZED (
    SELECT h.position, h.changed_at FROM held CROSS JOIN LATERAL vendor.next_position(held.vendor_id, 'inventory') h
), changed AS (
    UPDATE vendor.inventory_item AS i
       SET name             = coalesce(core.trimmed(b.name), i.name),
           description      = CASE WHEN $3::jsonb ? 'description' THEN core.trimmed(b.description) ELSE i.description END,
           quantity         = coalesce(b.quantity, i.quantity),
           unit_type        = coalesce(core.trimmed(b.unit_type), i.unit_type),
           sku              = CASE WHEN $3 ? 'sku' THEN core.trimmed(b.sku) ELSE i.sku END,
           barcode          = CASE WHEN $3 ? 'barcode' THEN core.trimmed(b.barcode) ELSE i.barcode END,
           supplier_name    = CASE WHEN $3 ? 'supplier_name' THEN core.trimmed(b.supplier_name) ELSE i.supplier_name END,
           supplier_contact = CASE WHEN $3 ? 'supplier_contact' THEN core.trimmed(b.supplier_contact) ELSE i.supplier_contact END,
           min_stock_level  = coalesce(b.min_stock_level, i.min_stock_level),
           reorder_quantity = coalesce(b.reorder_quantity, i.reorder_quantity),
           is_active        = coalesce(b.is_active, i.is_active),
           updated_at       = head.changed_at
      FROM held CROSS JOIN head CROSS JOIN jsonb_to_record($3) AS b (
           name text, description text, quantity numeric, unit_type text, sku text, barcode text, supplier_name text, supplier_contact text,
           min_stock_level numeric, reorder_quantity numeric, is_active boolean)
     WHERE i.vendor_id = held.vendor_id AND i.id = held.id
    RETURNING i.id, i.quantity, i AS item
), moved AS (
    INSERT INTO vendor.inventory_movement (
        vendor_id, item_id, position, action, quantity, quantity_before, quantity_after, notes, account_id, created_at)
    SELECT $1, held.id, head.position, 'edit', changed.quantity, held.quantity, changed.quantity, '',
           ($4::jsonb ->> 'account_id')::bigint, head.changed_at
      FROM held CROSS JOIN changed CROSS JOIN head WHERE changed.quantity <> held.quantity
)
SELECT vendor.inventory_document(changed.item, v.business_name)::text AS document,
       operations.note($4, 'inventory.update', 'inventory', held.id::text, to_jsonb(held.item), to_jsonb(changed.item))
  FROM held CROSS JOIN changed JOIN vendor.vendor v ON v.id = $1;

-- name: change_stock(vendor_id, id, body, most, actor) -> row
-- after: the quantity that was asked for; document is null if that is less than 0 or more than `most`, and then nothing has changed. Only
-- what is added counts as restocking. No row: the material does not exist.
WITH held AS MATERIALIZED (
    SELECT i.vendor_id, i.id, i.quantity AS before, b.action, b.quantity, coalesce(core.trimmed(b.notes), '') AS notes,
           CASE b.action WHEN 'add' THEN i.quantity + b.quantity WHEN 'subtract' THEN i.quantity - b.quantity ELSE b.quantity END AS after
      FROM vendor.inventory_item i
           CROSS JOIN (SELECT coalesce(core.trimmed(s.action), 'set') AS action, s.quantity, s.notes
                         FROM jsonb_to_record($3::jsonb) AS s (action text, quantity numeric, notes text)) b
     WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid FOR NO KEY UPDATE OF i
), head AS MATERIALIZED (
    SELECT h.position, h.changed_at
      FROM held CROSS JOIN LATERAL vendor.next_position(held.vendor_id, 'inventory') h
     WHERE held.after BETWEEN 0 AND $4::numeric
), changed AS (
    UPDATE vendor.inventory_item AS i
       SET quantity = held.after, updated_at = head.changed_at,
           last_restocked_at = CASE WHEN held.action = 'add' AND held.quantity > 0 THEN head.changed_at ELSE i.last_restocked_at END
      FROM held CROSS JOIN head
     WHERE i.vendor_id = held.vendor_id AND i.id = held.id
    RETURNING i.id, i AS item
), moved AS (
    INSERT INTO vendor.inventory_movement (
        vendor_id, item_id, position, action, quantity, quantity_before, quantity_after, notes, account_id, created_at)
    SELECT held.vendor_id, held.id, head.position, held.action, held.quantity, held.before, held.after, held.notes,
           ($5::jsonb ->> 'account_id')::bigint, head.changed_at
      FROM held CROSS JOIN head
)
SELECT held.after,
       CASE WHEN changed.id IS NOT NULL THEN vendor.inventory_document(changed.item, v.business_name)::text END AS document,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $5, 'inventory.stock', 'inventory', held.id::text, jsonb_build_object('quantity', held.before),
           jsonb_build_object('quantity', held.after, 'action', held.action, 'notes', held.notes)) END AS noted
  FROM held JOIN vendor.vendor v ON v.id = held.vendor_id LEFT JOIN changed ON changed.id = held.id;

-- name: delete_item(vendor_id, id, actor) -> row
-- Deletes the ledger too. No row: the material does not exist.
WITH held AS MATERIALIZED (
    SELECT i.vendor_id, i.id FROM vendor.inventory_item i WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid FOR UPDATE
), head AS MATERIALIZED (
    SELECT h.position FROM held CROSS JOIN LATERAL vendor.next_position(held.vendor_id, 'inventory') h
), gone AS (
    DELETE FROM vendor.inventory_item i USING held CROSS JOIN head WHERE i.vendor_id = held.vendor_id AND i.id = held.id
    RETURNING i.id, i AS item
)
SELECT gone.id, operations.note($3::jsonb, 'inventory.delete', 'inventory', gone.id::text, to_jsonb(gone.item), NULL) FROM gone;

-- name: list_movements(vendor_id, id, before, most) -> rows
-- Newest first.
SELECT vendor.movement_document(m)::text AS document, m.position AS key
  FROM vendor.inventory_movement m
 WHERE m.vendor_id = $1::uuid AND m.item_id = $2::uuid AND m.position < $3::bigint
 ORDER BY m.position DESC LIMIT $4::bigint;
