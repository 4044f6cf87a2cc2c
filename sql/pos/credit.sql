-- Store credit of customers. The ledger's trigger changes the debt. docs/api/pos.md#store-credit

-- name: list_credit(id, before, most) -> rows
SELECT pos.credit_document(e)::text AS document, e.id AS key
  FROM pos.credit_entry e WHERE e.customer_id = $1::bigint AND e.id < $2::bigint ORDER BY e.id DESC LIMIT $3::bigint;

-- name: pay_credit(id, body, actor) -> row
-- The customer is locked first, so that of payments at once each sees what the one before has left. No row: the customer does not exist.
WITH held AS MATERIALIZED (
    SELECT c.id, c.is_frequent, c.credit_limit, c.credit_used, least(($2::jsonb ->> 'amount')::numeric, c.credit_used) AS applied
      FROM pos.customer c WHERE c.id = $1::bigint AND c.is_active FOR NO KEY UPDATE
), paid AS (
    INSERT INTO pos.credit_entry (customer_id, amount, transaction_type, description)
    SELECT held.id, held.applied, 'PAYMENT', coalesce(nullif(core.trimmed($2::jsonb ->> 'description'), ''), 'Abono a deuda')
      FROM held WHERE held.applied > 0
)
SELECT json_build_object(
           'status', 'success', 'new_credit_used', pos.money(debt),
           'available_credit', pos.money(pos.available_credit(held.is_frequent, held.credit_limit, debt)))::text AS document,
       operations.note($3::jsonb, 'customer.pay-credit', 'customer', held.id::text,
                       jsonb_build_object('credit_used', held.credit_used), jsonb_build_object('credit_used', debt))
  FROM held CROSS JOIN LATERAL (SELECT held.credit_used - held.applied AS debt) after;
