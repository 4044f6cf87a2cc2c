-- Products of the shop. A deleted product stays for the orders that name it, and is found by none of these. docs/api/pos.md#products

-- name: list_products(after, most, zone) -> rows
-- What the products of a batch have sold is added up once for all of them.
WITH listed AS MATERIALIZED (
    SELECT p AS product, p.id FROM pos.product p WHERE p.id > $1::bigint AND p.is_active ORDER BY p.id LIMIT $2::bigint
), sold AS MATERIALIZED (
    SELECT s.product_id, s.units FROM pos.sold_month_before(ARRAY(SELECT listed.id FROM listed), pos.today($3::text)) s
)
SELECT pos.product_document(listed.product, sold.units, pos.today($3::text))::text AS document, listed.id AS key
  FROM listed LEFT JOIN sold ON sold.product_id = listed.id
 ORDER BY listed.id;

-- name: get_product(id, zone) -> value
SELECT pos.product_document(
           p, (SELECT s.units FROM pos.sold_month_before(ARRAY[p.id], pos.today($2::text)) s), pos.today($2::text))::text
  FROM pos.product p WHERE p.id = $1 AND p.is_active;

-- name: create_product(body, zone, actor) -> row
WITH made AS (
    INSERT INTO pos.product AS p (name, sku, price, tax_rate, current_stock, supplier_id)
    SELECT core.trimmed(b.name), core.trimmed(b.sku), coalesce(b.price, 0), coalesce(core.trimmed(b.tax_rate), '16.00'),
           coalesce(b.current_stock, 0)::integer, b.supplier::bigint
      FROM jsonb_to_record($1::jsonb) AS b (name text, sku text, price numeric, tax_rate text, current_stock numeric, supplier numeric)
    RETURNING p AS product
)
SELECT pos.product_document(product, 0, pos.today($2::text))::text AS document,
       operations.note($3::jsonb, 'product.create', 'product', (product).id::text, NULL, to_jsonb(product))
  FROM made;

-- name: update_product(id, body, zone, actor) -> row
-- Members that the body omits stay. The row is locked first, and each value that stays is that of the locked row, so no sale is lost.
-- No row: the product does not exist.
WITH old AS MATERIALIZED (
    SELECT p.id, p AS product FROM pos.product p WHERE p.id = $1 AND p.is_active FOR NO KEY UPDATE
), changed AS (
    UPDATE pos.product AS p
       SET name          = coalesce(core.trimmed(b.name), p.name),
           sku           = coalesce(core.trimmed(b.sku), p.sku),
           price         = coalesce(b.price, p.price),
           tax_rate      = coalesce(core.trimmed(b.tax_rate), p.tax_rate),
           current_stock = coalesce(b.current_stock::integer, p.current_stock),
           supplier_id   = coalesce(b.supplier::bigint, p.supplier_id),
           updated_at    = now()
      FROM old, jsonb_to_record($2::jsonb) AS b (
           name text, sku text, price numeric, tax_rate text, current_stock numeric, supplier numeric)
     WHERE p.id = old.id
    RETURNING p AS product
), sold AS MATERIALIZED (
    SELECT s.units FROM old CROSS JOIN LATERAL pos.sold_month_before(ARRAY[old.id], pos.today($3::text)) s
), announced AS (
    INSERT INTO core.event (topic, payload)
    SELECT 'pos.stock', pos.low_stock_event(changed.product, sold.units)::text
      FROM changed CROSS JOIN old CROSS JOIN sold
     WHERE (old.product).current_stock >= sold.units AND (changed.product).current_stock < sold.units
)
SELECT pos.product_document(changed.product, (SELECT units FROM sold), pos.today($3::text))::text AS document,
       operations.note($4::jsonb, 'product.update', 'product', old.id::text, to_jsonb(old.product) - 'updated_at',
                       to_jsonb(changed.product) - 'updated_at')
  FROM changed CROSS JOIN old;

-- name: delete_product(id, actor) -> row
-- No row: the product does not exist.
WITH gone AS (
    UPDATE pos.product AS p SET is_active = false, updated_at = now() WHERE p.id = $1 AND p.is_active RETURNING p.id, p AS product
)
SELECT gone.id, operations.note($2::jsonb, 'product.delete', 'product', gone.id::text, to_jsonb(gone.product) - '{is_active,updated_at}'::text[],
                                NULL)
  FROM gone;

-- name: reserve_product(id, amount, actor) -> row
-- amount: negative: releases. No row: the product does not exist. is_done false: it is refused, and the quantities are as they were.
-- A release is possible whatever the stock is, because orders take stock without regard to reservations.
WITH old AS MATERIALIZED (
    SELECT p.id, p.name, p.current_stock, p.reserved_quantity FROM pos.product p WHERE p.id = $1 AND p.is_active FOR NO KEY UPDATE
), changed AS (
    UPDATE pos.product AS p SET reserved_quantity = (old.reserved_quantity + $2::bigint)::integer, updated_at = now()
      FROM old
     WHERE p.id = old.id AND old.reserved_quantity + $2 >= 0 AND ($2 <= 0 OR old.reserved_quantity + $2 <= old.current_stock)
    RETURNING p.id, p.reserved_quantity
)
SELECT old.name, changed.id IS NOT NULL AS is_done, coalesce(changed.reserved_quantity, old.reserved_quantity) AS reserved,
       old.current_stock - coalesce(changed.reserved_quantity, old.reserved_quantity) AS available,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $3::jsonb, 'product.reserve', 'product', old.id::text, jsonb_build_object('reserved_quantity', old.reserved_quantity),
           jsonb_build_object('reserved_quantity', changed.reserved_quantity)) END AS noted
  FROM old LEFT JOIN changed ON changed.id = old.id;
