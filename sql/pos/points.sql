-- Points of customers. The ledger's trigger changes the balance. docs/api/pos.md#points

-- name: list_points(id, before, most) -> rows
SELECT pos.point_document(e)::text AS document, e.id AS key
  FROM pos.point_entry e WHERE e.customer_id = $1::bigint AND e.id < $2::bigint ORDER BY e.id DESC LIMIT $3::bigint;

-- name: add_points(id, amount, kind, body, actor) -> row
-- The customer is locked first: the balance is then that before the entry. customer_points_enough refuses to take more than there is.
-- No row: the customer does not exist.
WITH held AS MATERIALIZED (
    SELECT c.id, c.current_points FROM pos.customer c WHERE c.id = $1::bigint AND c.is_active FOR NO KEY UPDATE
), added AS (
    INSERT INTO pos.point_entry (customer_id, amount, transaction_type, description)
    SELECT held.id, $2::bigint, $3::text, coalesce(core.trimmed($4::jsonb ->> 'description'), '') FROM held
)
SELECT held.current_points + $2::bigint AS new_balance,
       operations.note($5::jsonb, 'customer.points', 'customer', held.id::text,
                       jsonb_build_object('current_points', held.current_points),
                       jsonb_build_object('current_points', held.current_points + $2::bigint))
  FROM held;
