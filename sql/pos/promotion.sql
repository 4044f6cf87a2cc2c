-- Promotions of products. Those of a deleted product are found by none of these. Whoever writes a promotion locks its product, so that
-- of two that overlap the second one meets the first as it is committed. docs/api/pos.md#promotions

-- filter: product(product_id)
pr.product_id = $1::bigint

-- name: list_promotions(after, most) -> rows
SELECT pos.promotion_document(pr)::text AS document, pr.id AS key
  FROM pos.promotion pr JOIN pos.product p ON p.id = pr.product_id AND p.is_active
 WHERE pr.id > $1::bigint /* filters */
 ORDER BY pr.id LIMIT $2::bigint;

-- name: has_product(id) -> value
SELECT EXISTS (SELECT FROM pos.product p WHERE p.id = $1 AND p.is_active);

-- name: get_promotion(id) -> value
SELECT pos.promotion_document(pr)::text FROM pos.promotion pr JOIN pos.product p ON p.id = pr.product_id AND p.is_active WHERE pr.id = $1;

-- name: create_promotion(body, actor) -> row
-- No row: the product does not exist.
WITH sent AS MATERIALIZED (
    SELECT p.id AS product_id, core.trimmed(b.name) AS name, core.trimmed(b.description) AS description, b.discount_percent, b.start_date,
           b.end_date, core.trimmed(b.target_audience) AS target_audience, coalesce(b.is_active, true) AS is_active
      FROM jsonb_to_record($1::jsonb) AS b (product numeric, name text, description text, discount_percent numeric, start_date date,
                                            end_date date, target_audience text, is_active boolean)
      JOIN pos.product p ON p.id = b.product::bigint AND p.is_active
       FOR NO KEY UPDATE OF p
), made AS (
    INSERT INTO pos.promotion AS pr (product_id, name, description, discount_percent, start_date, end_date, target_audience, is_active)
    SELECT s.product_id, s.name, s.description, s.discount_percent, s.start_date, s.end_date, s.target_audience, s.is_active FROM sent s
    RETURNING pr AS promotion
)
SELECT pos.promotion_document(promotion)::text AS document,
       operations.note($2::jsonb, 'promotion.create', 'promotion', (promotion).id::text, NULL, to_jsonb(promotion))
  FROM made;

-- name: update_promotion(id, body, actor) -> row
-- Members that the body omits stay. No row: the promotion does not exist. document null: the product that the body names does not exist.
WITH old AS MATERIALIZED (
    SELECT pr.id, pr.product_id, pr AS promotion
      FROM pos.promotion pr JOIN pos.product p ON p.id = pr.product_id AND p.is_active WHERE pr.id = $1 FOR UPDATE OF pr
), sent AS MATERIALIZED (
    SELECT p.id AS product_id, core.trimmed(b.name) AS name, core.trimmed(b.description) AS description, b.discount_percent, b.start_date,
           b.end_date, core.trimmed(b.target_audience) AS target_audience, b.is_active
      FROM old
     CROSS JOIN jsonb_to_record($2::jsonb) AS b (product numeric, name text, description text, discount_percent numeric, start_date date,
                                                 end_date date, target_audience text, is_active boolean)
      JOIN pos.product p ON p.id = coalesce(b.product::bigint, old.product_id) AND p.is_active
       FOR NO KEY UPDATE OF p
), changed AS (
    UPDATE pos.promotion AS pr
       SET product_id       = s.product_id,
           name             = coalesce(s.name, pr.name),
           description      = coalesce(s.description, pr.description),
           discount_percent = coalesce(s.discount_percent, pr.discount_percent),
           start_date       = coalesce(s.start_date, pr.start_date),
           end_date         = coalesce(s.end_date, pr.end_date),
           target_audience  = coalesce(s.target_audience, pr.target_audience),
           is_active        = coalesce(s.is_active, pr.is_active)
      FROM old CROSS JOIN sent s
     WHERE pr.id = old.id
    RETURNING pr.id, pr AS promotion
)
SELECT CASE WHEN changed.id IS NOT NULL THEN pos.promotion_document(changed.promotion)::text END AS document,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $3::jsonb, 'promotion.update', 'promotion', old.id::text, to_jsonb(old.promotion), to_jsonb(changed.promotion)) END AS noted
  FROM old LEFT JOIN changed ON changed.id = old.id;

-- name: delete_promotion(id, actor) -> row
-- No row: the promotion does not exist.
WITH gone AS (
    DELETE FROM pos.promotion AS pr USING pos.product p
     WHERE pr.id = $1 AND p.id = pr.product_id AND p.is_active
    RETURNING pr.id, pr AS promotion
)
SELECT gone.id, operations.note($2::jsonb, 'promotion.delete', 'promotion', gone.id::text, to_jsonb(gone.promotion), NULL) FROM gone;

-- name: find_overlap(id, body) -> row
-- The first promotion that the one of the body overlaps. id: of the promotion that the body changes, which has what the body omits; null: it
-- is new.
SELECT other.start_date, other.end_date
  FROM jsonb_to_record($2::jsonb) AS b (product numeric, start_date date, end_date date)
  LEFT JOIN pos.promotion own ON own.id = $1::bigint
  JOIN pos.promotion other ON other.product_id = coalesce(b.product::bigint, own.product_id) AND other.is_active
                          AND other.id IS DISTINCT FROM own.id
                          AND other.start_date <= coalesce(b.end_date, own.end_date)
                          AND other.end_date >= coalesce(b.start_date, own.start_date)
 ORDER BY other.start_date LIMIT 1;
