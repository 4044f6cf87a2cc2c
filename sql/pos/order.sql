-- Orders of the shop, newest first. What each step does is in sql/pos/functions.sql. docs/api/pos.md#orders

-- name: list_orders(before, most) -> rows
SELECT document::text AS document, id AS key
  FROM (SELECT o AS shop_order, o.id FROM pos.shop_order o WHERE o.id < $1::bigint ORDER BY o.id DESC LIMIT $2::bigint) listed
 CROSS JOIN LATERAL pos.order_document(shop_order) AS document
 ORDER BY id DESC;

-- name: get_order(id) -> value
SELECT document::text FROM pos.shop_order o CROSS JOIN LATERAL pos.order_document(o) AS document WHERE o.id = $1;

-- name: create_order(body, seller_id, zone) -> row
SELECT refusal, said::text, document::text FROM pos.create_order($1::jsonb, $2::bigint, $3::text);

-- name: pay_order(id, method, zone) -> row
SELECT refusal, said::text, document::text FROM pos.pay_order($1::bigint, $2::text, $3::text);

-- name: cancel_order(id, actor) -> row
-- refusal: null: the order is cancelled.
SELECT refusal, CASE WHEN refusal IS NULL THEN
       operations.note($2::jsonb, 'order.cancel', 'order', ($1::bigint)::text, '{"status": "PENDING"}', '{"status": "CANCELLED"}') END AS noted
  FROM pos.cancel_order($1::bigint) AS refusal;

-- name: delete_order(id, actor) -> row
-- refusal: null: the order is gone.
SELECT refusal, CASE WHEN refusal IS NULL THEN
       operations.note($2::jsonb, 'order.delete', 'order', (deleted).id::text, to_jsonb(deleted), NULL) END AS noted
  FROM pos.delete_order($1::bigint);
