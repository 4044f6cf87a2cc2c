-- Receipts of orders. Amounts: text with two decimals, as the API writes them everywhere. docs/api/pos.md#receipts

-- name: get_receipt(id, tendered, zone) -> value
-- The order's document, and beside it what only a receipt shows. tendered: an amount as text, or null. refusal: why the order can't have
-- it: not cash; less. Null members are not shown.
-- The lines add up to the subtotal with the birthday's discount, and that to the total with the tax and the rounding: an order with the
-- discount rounds each of the three from exact values.
-- points_earned: the payment's own entry in the ledger, which has the payment's time and the folio (pos.pay_order).
SELECT json_build_object(
       'order', document,
       'made_at', to_char(o.created_at AT TIME ZONE $3::text, 'YYYY-MM-DD HH24:MI'),
       'paid_at', to_char(o.paid_at AT TIME ZONE $3::text, 'YYYY-MM-DD HH24:MI'),
       'lines_total', CASE WHEN o.is_birthday THEN pos.money(line.total) END,
       'birthday_discount', CASE WHEN o.is_birthday THEN pos.money(o.subtotal - line.total) END,
       'rounding', pos.money(nullif(o.final_amount - o.subtotal - o.total_tax, 0)),
       'points_earned', (SELECT e.amount FROM pos.point_entry e
                          WHERE e.customer_id = o.customer_id AND e.transaction_type = 'EARN' AND e.created_at = o.paid_at
                            AND e.description = 'Puntos compra ' || o.ticket_folio
                          ORDER BY e.id LIMIT 1),
       'tendered', pos.money(given.amount),
       'change', pos.money(given.amount - o.final_amount),
       'refusal', CASE WHEN given.amount IS NULL THEN NULL
                       WHEN o.payment_method IS DISTINCT FROM 'CASH' THEN 'not cash'
                       WHEN given.amount < o.final_amount THEN 'less' END)::text
  FROM pos.shop_order o
 CROSS JOIN LATERAL pos.order_document(o) AS document
 CROSS JOIN LATERAL (SELECT coalesce(sum(l.amount), 0) AS total FROM pos.order_line l WHERE l.order_id = o.id) line
 CROSS JOIN (SELECT $2::text::numeric AS amount) given
 WHERE o.id = $1::bigint;
