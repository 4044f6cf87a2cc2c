-- A vendor's own categories, and the global ones. docs/api/vendor.md#catalogue

-- name: list_categories(vendor_id, after, most) -> rows
-- The active ones, own and global, by sort_order, name and id. after: those three of the last row of the page before, as a JSON array.
SELECT c.document::text AS document, json_build_array(c.sort_order, c.name, c.id)::text AS key
  FROM ((SELECT vendor.category_document(c) AS document, c.sort_order, c.name, c.id
           FROM vendor.category c
          WHERE c.vendor_id = $1::uuid AND c.is_active
            AND (c.sort_order, c.name, c.id) > (($2::jsonb ->> 0)::bigint, $2::jsonb ->> 1, ($2::jsonb ->> 2)::uuid)
          ORDER BY c.sort_order, c.name, c.id LIMIT $3::bigint)
        UNION ALL
        (SELECT vendor.global_category_document(g, $1), g.sort_order, g.name, g.id
           FROM vendor.global_category g
          WHERE g.is_active AND (g.sort_order, g.name, g.id) > (($2::jsonb ->> 0)::bigint, $2::jsonb ->> 1, ($2::jsonb ->> 2)::uuid)
          ORDER BY g.sort_order, g.name, g.id LIMIT $3)) c
 ORDER BY c.sort_order, c.name, c.id LIMIT $3;

-- name: get_category(vendor_id, id) -> value
-- An own or a global one, active or not.
SELECT vendor.category_document(c)::text FROM vendor.category c WHERE c.vendor_id = $1::uuid AND c.id = $2::uuid
UNION ALL
SELECT vendor.global_category_document(g, $1)::text FROM vendor.global_category g WHERE g.id = $2;

-- name: is_global(id) -> value
SELECT EXISTS (SELECT FROM vendor.global_category g WHERE g.id = $1::uuid);

-- name: create_category(vendor_id, body, position, changed_at, actor) -> row
-- No row: the id is that of a global category.
WITH sent AS MATERIALIZED (
    SELECT coalesce(nullif(core.trimmed(b.id), '')::uuid, gen_random_uuid()) AS id, core.trimmed(b.name) AS name,
           core.trimmed(b.description) AS description, coalesce(b.is_active, true) AS is_active,
           coalesce(b.sort_order, 0)::integer AS sort_order
      FROM jsonb_to_record($2::jsonb) AS b (id text, name text, description text, is_active boolean, sort_order numeric)
), made AS (
    INSERT INTO vendor.category AS c (vendor_id, id, name, description, is_active, sort_order, created_at, updated_at, client_time, position)
    SELECT $1::uuid, sent.id, sent.name, sent.description, sent.is_active, sent.sort_order, $4::timestamptz, $4, $4, $3::bigint
      FROM sent WHERE NOT EXISTS (SELECT FROM vendor.global_category g WHERE g.id = sent.id)
    RETURNING c AS category, c.id
)
SELECT made.id::text AS id, vendor.category_document(made.category)::text AS document,
       operations.note($5::jsonb, 'category.create', 'category', made.id::text, NULL, vendor.audited(to_jsonb(made.category)))
  FROM made;

-- name: update_category(vendor_id, id, body, position, changed_at, actor) -> row
-- Members that the body omits stay. No row: the vendor has no such category.
WITH old AS MATERIALIZED (
    SELECT c.id, c AS category FROM vendor.category c WHERE c.vendor_id = $1::uuid AND c.id = $2::uuid
), changed AS (
    UPDATE vendor.category AS c
       SET name        = coalesce(core.trimmed(b.name), c.name),
           description = CASE WHEN $3::jsonb ? 'description' THEN core.trimmed(b.description) ELSE c.description END,
           is_active   = coalesce(b.is_active, c.is_active),
           sort_order  = coalesce(b.sort_order::integer, c.sort_order),
           updated_at  = $5::timestamptz, client_time = $5, position = $4::bigint
      FROM old, jsonb_to_record($3) AS b (name text, description text, is_active boolean, sort_order numeric)
     WHERE c.vendor_id = $1 AND c.id = old.id
    RETURNING c AS category
)
SELECT vendor.category_document(changed.category)::text AS document,
       operations.note($6::jsonb, 'category.update', 'category', old.id::text, vendor.audited(to_jsonb(old.category)),
                       vendor.audited(to_jsonb(changed.category)))
  FROM changed CROSS JOIN old;

-- name: delete_category(vendor_id, id, actor) -> row
-- Its items stay. No row: the vendor has no such category.
WITH gone AS (
    DELETE FROM vendor.category c WHERE c.vendor_id = $1::uuid AND c.id = $2::uuid RETURNING c.id, c AS category
)
SELECT gone.id, operations.note($3::jsonb, 'category.delete', 'category', gone.id::text,
                                vendor.audited(to_jsonb(gone.category)), NULL)
  FROM gone;

-- name: read_for_sync(vendor_id, ids, names) -> rows
-- What decides on a batch: the rows and tombstones of its ids, the rows that have its names, and which of its ids are global.
SELECT 'own' AS state, c.id::text AS id, c.name, c.client_time
  FROM vendor.category c WHERE c.vendor_id = $1::uuid AND c.id = ANY ($2::uuid[])
UNION ALL
SELECT 'own', c.id::text, c.name, c.client_time
  FROM vendor.category c WHERE c.vendor_id = $1 AND c.name = ANY ($3::text[]) AND c.id <> ALL ($2)
UNION ALL
SELECT 'deleted', t.id::text, NULL, t.client_time
  FROM vendor.tombstone t WHERE t.vendor_id = $1 AND t.kind = 'category' AND t.id = ANY ($2)
UNION ALL
SELECT 'global', g.id::text, NULL, NULL FROM vendor.global_category g WHERE g.id = ANY ($2);

-- name: sync_delete(vendor_id, ids) -> none
DELETE FROM vendor.category c WHERE c.vendor_id = $1::uuid AND c.id = ANY ($2::uuid[]);

-- name: sync_update(vendor_id, rows, position, changed_at) -> none
-- rows: a JSON array of objects: id, client_time, and the members that change.
UPDATE vendor.category AS c
   SET name        = coalesce(core.trimmed(b.name), c.name),
       description = CASE WHEN sent.row ? 'description' THEN core.trimmed(b.description) ELSE c.description END,
       is_active   = coalesce(b.is_active, c.is_active),
       sort_order  = coalesce(b.sort_order::integer, c.sort_order),
       updated_at  = $4::timestamptz, client_time = b.client_time, position = $3::bigint
  FROM jsonb_array_elements($2::jsonb) AS sent (row)
       CROSS JOIN LATERAL jsonb_to_record(sent.row) AS b (
           id uuid, client_time timestamptz, name text, description text, is_active boolean, sort_order numeric)
 WHERE c.vendor_id = $1::uuid AND c.id = b.id;

-- name: sync_insert(vendor_id, rows, position, changed_at) -> none
-- rows: as for sync_update.
INSERT INTO vendor.category (vendor_id, id, name, description, is_active, sort_order, created_at, updated_at, client_time, position)
SELECT $1::uuid, b.id, core.trimmed(b.name), core.trimmed(b.description), coalesce(b.is_active, true),
       coalesce(b.sort_order, 0)::integer, $4::timestamptz, $4, b.client_time, $3::bigint
  FROM jsonb_to_recordset($2::jsonb) AS b (
       id uuid, client_time timestamptz, name text, description text, is_active boolean, sort_order numeric);

-- name: list_by_id(vendor_id, ids) -> rows
SELECT c.id::text AS id, vendor.category_document(c)::text AS document
  FROM vendor.category c WHERE c.vendor_id = $1::uuid AND c.id = ANY ($2::uuid[]);
