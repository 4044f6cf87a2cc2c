-- Items of a vendor, and the categories that they are in. docs/api/vendor.md#catalogue

-- filter: search(search) in list_items, list_ids_of_category
lower(i.name) LIKE core.containing($1) OR lower(i.description) LIKE core.containing($1) OR lower(i.sku) LIKE core.containing($1)
    OR lower(i.barcode) LIKE core.containing($1)

-- name: list_items(vendor_id, after, most) -> rows
-- The active ones, by sort_order, name and id. after: those three of the last row of the page before, as a JSON array. A search reads the
-- vendor's items in this order until the page is full.
SELECT document::text AS document, json_build_array((listed.item).sort_order, (listed.item).name, (listed.item).id)::text AS key
  FROM (SELECT i AS item, i.vendor_id
          FROM vendor.item i
         WHERE i.vendor_id = $1::uuid AND i.is_active
           AND (i.sort_order, i.name, i.id) > (($2::jsonb ->> 0)::bigint, $2::jsonb ->> 1, ($2::jsonb ->> 2)::uuid)
           /* filters */
         ORDER BY i.sort_order, i.name, i.id LIMIT $3::bigint) listed
       JOIN vendor.vendor v ON v.id = listed.vendor_id
       CROSS JOIN LATERAL vendor.item_json(listed.item, v.business_name) AS document
 ORDER BY (listed.item).sort_order, (listed.item).name, (listed.item).id;

-- name: list_ids_of_category(vendor_id, category_id, after) -> rows
-- All active items of a category in the order of list_items. The links lead to them, so that a small category of a large catalogue costs
-- little; therefore they are found once for the whole list, and not again for each batch.
SELECT i.id::text AS id
  FROM (SELECT l.item_id FROM vendor.item_category l WHERE l.vendor_id = $1::uuid AND l.category_id = $2::uuid
        UNION ALL
        SELECT l.item_id FROM vendor.item_global_category l WHERE l.vendor_id = $1 AND l.category_id = $2) linked
       JOIN vendor.item i ON i.vendor_id = $1 AND i.id = linked.item_id
 WHERE i.is_active AND (i.sort_order, i.name, i.id) > (($3::jsonb ->> 0)::bigint, $3::jsonb ->> 1, ($3::jsonb ->> 2)::uuid)
       /* filters */
 ORDER BY i.sort_order, i.name, i.id;

-- name: list_by_id(vendor_id, ids) -> rows
-- In the order of the ids.
SELECT i.id::text AS id, document::text AS document, json_build_array(i.sort_order, i.name, i.id)::text AS key
  FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
       JOIN vendor.item i ON i.vendor_id = $1::uuid AND i.id = asked.id
       JOIN vendor.vendor v ON v.id = i.vendor_id
       CROSS JOIN LATERAL vendor.item_json(i, v.business_name) AS document
 ORDER BY asked.place;

-- name: get_item(vendor_id, id) -> value
SELECT document::text
  FROM vendor.item i JOIN vendor.vendor v ON v.id = i.vendor_id CROSS JOIN LATERAL vendor.item_json(i, v.business_name) AS document
 WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid;

-- name: list_known_categories(vendor_id, ids) -> rows
-- Those of the categories that exist and are the vendor's or global. A global one can't be deleted before the end of the transaction.
SELECT c.id::text AS id, false AS is_global FROM vendor.category c WHERE c.vendor_id = $1::uuid AND c.id = ANY ($2::uuid[])
UNION ALL
SELECT g.id, true FROM (SELECT g.id::text AS id FROM vendor.global_category g WHERE g.id = ANY ($2) ORDER BY g.id FOR KEY SHARE) g;

-- name: create_item(vendor_id, id, body, image, thumbnail, position, changed_at, actor) -> row
WITH made AS (
    INSERT INTO vendor.item AS i (
        vendor_id, id, name, description, price, mrp_price, price_type, additional_discount, gst_percentage, veg_nonveg, stock_quantity, sku,
        barcode, is_active, sort_order, image, thumbnail, last_updated, created_at, client_time, position)
    SELECT $1::uuid, $2::uuid, core.trimmed(b.name), core.trimmed(b.description),
           coalesce(b.price, b.mrp_price::numeric), nullif(b.mrp_price, '')::numeric, coalesce(core.trimmed(b.price_type), 'exclusive'),
           coalesce(b.additional_discount, 0), coalesce(b.gst_percentage, 0), nullif(core.trimmed(b.veg_nonveg), ''),
           coalesce(b.stock_quantity, 0)::integer, core.trimmed(b.sku), core.trimmed(b.barcode), coalesce(b.is_active, true),
           coalesce(b.sort_order, 0)::integer, $4, $5, $7::timestamptz, $7, $7, $6::bigint
      FROM jsonb_to_record($3::jsonb) AS b (
           name text, description text, price numeric, mrp_price text, price_type text, additional_discount numeric,
           gst_percentage numeric, veg_nonveg text, stock_quantity numeric, sku text, barcode text, is_active boolean, sort_order numeric)
    RETURNING i.id, i AS item
)
SELECT made.id, operations.note($8::jsonb, 'item.create', 'item', made.id::text, NULL, vendor.audited(to_jsonb(made.item)))
  FROM made;

-- name: update_item(vendor_id, id, body, is_pictured, image, thumbnail, position, changed_at, actor) -> row
-- Members that the body omits stay; the pictures too, unless is_pictured. No row: the vendor has no such item.
WITH old AS MATERIALIZED (
    SELECT i.id, i AS item FROM vendor.item i WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid
), changed AS (
    UPDATE vendor.item AS i
       SET name                = coalesce(core.trimmed(b.name), i.name),
           description         = CASE WHEN $3::jsonb ? 'description' THEN core.trimmed(b.description) ELSE i.description END,
           price               = coalesce(b.price, i.price),
           mrp_price           = CASE WHEN $3 ? 'mrp_price' THEN nullif(b.mrp_price, '')::numeric ELSE i.mrp_price END,
           price_type          = coalesce(core.trimmed(b.price_type), i.price_type),
           additional_discount = coalesce(b.additional_discount, i.additional_discount),
           gst_percentage      = coalesce(b.gst_percentage, i.gst_percentage),
           veg_nonveg          = CASE WHEN $3 ? 'veg_nonveg' THEN nullif(core.trimmed(b.veg_nonveg), '') ELSE i.veg_nonveg END,
           stock_quantity      = coalesce(b.stock_quantity::integer, i.stock_quantity),
           sku                 = CASE WHEN $3 ? 'sku' THEN core.trimmed(b.sku) ELSE i.sku END,
           barcode             = CASE WHEN $3 ? 'barcode' THEN core.trimmed(b.barcode) ELSE i.barcode END,
           is_active           = coalesce(b.is_active, i.is_active),
           sort_order          = coalesce(b.sort_order::integer, i.sort_order),
           image               = CASE WHEN $4::boolean THEN $5 ELSE i.image END,
           thumbnail           = CASE WHEN $4 THEN $6 ELSE i.thumbnail END,
           last_updated        = $8::timestamptz, client_time = $8, position = $7::bigint
      FROM old, jsonb_to_record($3) AS b (
           name text, description text, price numeric, mrp_price text, price_type text, additional_discount numeric, gst_percentage numeric,
           veg_nonveg text, stock_quantity numeric, sku text, barcode text, is_active boolean, sort_order numeric)
     WHERE i.vendor_id = $1 AND i.id = old.id
    RETURNING i AS item
)
SELECT (old.item).image, (old.item).thumbnail,
       operations.note($9::jsonb, 'item.update', 'item', old.id::text, vendor.audited(to_jsonb(old.item)), vendor.audited(to_jsonb(changed.item)))
  FROM changed CROSS JOIN old;

-- name: delete_item(vendor_id, id, actor) -> row
-- No row: the vendor has no such item.
WITH gone AS (
    DELETE FROM vendor.item i WHERE i.vendor_id = $1::uuid AND i.id = $2::uuid RETURNING i.id, i.image, i.thumbnail, i AS item
)
SELECT gone.image, gone.thumbnail,
       operations.note($3::jsonb, 'item.delete', 'item', gone.id::text, vendor.audited(to_jsonb(gone.item)), NULL)
  FROM gone;

-- name: link(vendor_id, links) -> none
-- links: a JSON array of {item_id, own, global}: all categories that the item is in from now on. Those of a kind that is null stay.
WITH sent AS MATERIALIZED (
    SELECT s.item_id, s.own, s.global FROM jsonb_to_recordset($2::jsonb) AS s (item_id uuid, own uuid[], global uuid[])
), unlinked AS (
    DELETE FROM vendor.item_category l USING sent WHERE l.vendor_id = $1::uuid AND l.item_id = sent.item_id AND l.category_id <> ALL (sent.own)
), unlinked_global AS (
    DELETE FROM vendor.item_global_category l USING sent WHERE l.vendor_id = $1 AND l.item_id = sent.item_id AND l.category_id <> ALL (sent.global)
), linked AS (
    INSERT INTO vendor.item_category (vendor_id, item_id, category_id)
    SELECT $1, sent.item_id, c.id FROM sent CROSS JOIN LATERAL unnest(sent.own) AS c (id) ON CONFLICT DO NOTHING
)
INSERT INTO vendor.item_global_category (vendor_id, item_id, category_id)
SELECT $1, sent.item_id, c.id FROM sent CROSS JOIN LATERAL unnest(sent.global) AS c (id) ON CONFLICT DO NOTHING;

-- name: read_for_sync(vendor_id, ids) -> rows
-- What decides on a batch: the rows and tombstones of its ids.
SELECT 'own' AS state, i.id::text AS id, NULL AS name, i.client_time
  FROM vendor.item i WHERE i.vendor_id = $1::uuid AND i.id = ANY ($2::uuid[])
UNION ALL
SELECT 'deleted', t.id::text, NULL, t.client_time
  FROM vendor.tombstone t WHERE t.vendor_id = $1 AND t.kind = 'item' AND t.id = ANY ($2);

-- name: sync_delete(vendor_id, ids) -> none
-- The links go first, all at once; otherwise each item's would by a statement of their own.
WITH unlinked AS (
    DELETE FROM vendor.item_category l WHERE l.vendor_id = $1::uuid AND l.item_id = ANY ($2::uuid[])
), unlinked_global AS (
    DELETE FROM vendor.item_global_category l WHERE l.vendor_id = $1 AND l.item_id = ANY ($2)
)
DELETE FROM vendor.item i WHERE i.vendor_id = $1 AND i.id = ANY ($2);

-- name: sync_update(vendor_id, rows, position, changed_at) -> none
-- rows: a JSON array of objects: id, client_time, and the members that change.
UPDATE vendor.item AS i
   SET name                = coalesce(core.trimmed(b.name), i.name),
       description         = CASE WHEN sent.row ? 'description' THEN core.trimmed(b.description) ELSE i.description END,
       price               = coalesce(b.price, i.price),
       mrp_price           = CASE WHEN sent.row ? 'mrp_price' THEN nullif(b.mrp_price, '')::numeric ELSE i.mrp_price END,
       price_type          = coalesce(core.trimmed(b.price_type), i.price_type),
       additional_discount = coalesce(b.additional_discount, i.additional_discount),
       gst_percentage      = coalesce(b.gst_percentage, i.gst_percentage),
       veg_nonveg          = CASE WHEN sent.row ? 'veg_nonveg' THEN nullif(core.trimmed(b.veg_nonveg), '') ELSE i.veg_nonveg END,
       stock_quantity      = coalesce(b.stock_quantity::integer, i.stock_quantity),
       sku                 = CASE WHEN sent.row ? 'sku' THEN core.trimmed(b.sku) ELSE i.sku END,
       barcode             = CASE WHEN sent.row ? 'barcode' THEN core.trimmed(b.barcode) ELSE i.barcode END,
       is_active           = coalesce(b.is_active, i.is_active),
       sort_order          = coalesce(b.sort_order::integer, i.sort_order),
       last_updated        = $4::timestamptz, client_time = b.client_time, position = $3::bigint
  FROM jsonb_array_elements($2::jsonb) AS sent (row)
       CROSS JOIN LATERAL jsonb_to_record(sent.row) AS b (
           id uuid, client_time timestamptz, name text, description text, price numeric, mrp_price text, price_type text,
           additional_discount numeric, gst_percentage numeric, veg_nonveg text, stock_quantity numeric, sku text, barcode text,
           is_active boolean, sort_order numeric)
 WHERE i.vendor_id = $1::uuid AND i.id = b.id;

-- name: sync_insert(vendor_id, rows, position, changed_at) -> none
-- rows: as for sync_update.
INSERT INTO vendor.item (
    vendor_id, id, name, description, price, mrp_price, price_type, additional_discount, gst_percentage, veg_nonveg, stock_quantity, sku, barcode,
    is_active, sort_order, last_updated, created_at, client_time, position)
SELECT $1::uuid, b.id, core.trimmed(b.name), core.trimmed(b.description), coalesce(b.price, b.mrp_price::numeric), nullif(b.mrp_price, '')::numeric,
       coalesce(core.trimmed(b.price_type), 'exclusive'), coalesce(b.additional_discount, 0), coalesce(b.gst_percentage, 0),
       nullif(core.trimmed(b.veg_nonveg), ''), coalesce(b.stock_quantity, 0)::integer, core.trimmed(b.sku), core.trimmed(b.barcode),
       coalesce(b.is_active, true), coalesce(b.sort_order, 0)::integer, $4::timestamptz, $4, b.client_time, $3::bigint
  FROM jsonb_to_recordset($2::jsonb) AS b (
       id uuid, client_time timestamptz, name text, description text, price numeric, mrp_price text, price_type text, additional_discount numeric,
       gst_percentage numeric, veg_nonveg text, stock_quantity numeric, sku text, barcode text, is_active boolean, sort_order numeric);
