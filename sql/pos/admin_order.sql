-- Orders of the shop as the administration shows them (handlers/api/admin.py). docs/api/pos.md#administration

-- filter: keys(ids)
o.id = ANY ($1::bigint[])

-- A whole ticket folio; or the customer: at most 1,000 orders of the first 1,000 customers who have all words.
-- filter: search(longest, words)
o.id = ANY (ARRAY(
    (SELECT f.id FROM pos.shop_order f WHERE f.ticket_folio = upper($1::text))
    UNION ALL
    (SELECT f.id
       FROM (SELECT found.id
               FROM (SELECT c.id, pos.searched_customer(c.first_name, c.last_name, c.phone_number, c.email) AS words FROM pos.customer c
                      WHERE pos.searched_customer(c.first_name, c.last_name, c.phone_number, c.email) LIKE core.containing(pos.folded($1))
                        AND c.is_active LIMIT 10000) found
              WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(pos.folded(word)) FROM unnest($2::text[]) AS word)) LIMIT 1000) c
      CROSS JOIN LATERAL (SELECT f.id FROM pos.shop_order f WHERE f.customer_id = c.id OFFSET 0) f
      LIMIT 1000)))

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: status(status)
o.status = $1::text AND o.status BETWEEN $1::text AND $1::text

-- filter: payment_method(method)
o.payment_method = $1::text AND o.payment_method BETWEEN $1::text AND $1::text

-- filter: customer(id)
o.customer_id = $1::bigint AND o.customer_id BETWEEN $1::bigint AND $1::bigint

-- filter: seller(public_id)
o.seller_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)
AND o.seller_id BETWEEN (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)
    AND (SELECT a.id FROM accounts.account a WHERE a.public_id = ($1::text)::uuid)

-- filter: since(first_day)
o.business_day >= $1::date

-- filter: until(last_day)
o.business_day <= $1::date

-- name: list_rows(after, most) -> rows
SELECT o.id::text AS key, o.ticket_folio AS label, o.ticket_folio, o.status, o.payment_method, o.final_amount, o.business_day, o.created_at,
       (SELECT c.first_name || ' ' || c.last_name FROM pos.customer c WHERE c.id = o.customer_id) AS customer, o.customer_id::text AS customer_key,
       o.seller_name AS seller, (SELECT a.public_id::text FROM accounts.account a WHERE a.id = o.seller_id) AS seller_key,
       (/* key */ jsonb_build_array(o.id) /* or as asked */)::text AS place
  FROM pos.shop_order o
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY o.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'label', 'Order ' || o.ticket_folio, 'ticket_folio', o.ticket_folio, 'status', o.status, 'payment_method', o.payment_method,
           'customer', c.first_name || ' ' || c.last_name, 'customer_key', c.id::text, 'seller', o.seller_name, 'seller_key', a.public_id::text,
           'subtotal', pos.money(o.subtotal), 'total_tax', pos.money(o.total_tax), 'final_amount', pos.money(o.final_amount),
           'money_saved_total', pos.money(o.money_saved_total), 'points_used', o.points_used,
           'store_credit_used', pos.money(o.store_credit_used), 'is_birthday', o.is_birthday, 'business_day', o.business_day,
           'created_at', core.iso(o.created_at), 'paid_at', core.iso(o.paid_at),
           'lines', (SELECT json_agg(json_build_object(
                                'product', l.product_name, 'quantity', l.quantity, 'unit_price', pos.money(l.unit_price),
                                'promotion', l.promotion_name, 'discount', pos.money(l.discount_amount), 'amount', pos.money(l.amount),
                                'tax', pos.money(l.tax_amount)) ORDER BY l.id)
                       FROM pos.order_line l WHERE l.order_id = o.id))::text
  FROM pos.shop_order o
  LEFT JOIN pos.customer c ON c.id = o.customer_id
  LEFT JOIN accounts.account a ON a.id = o.seller_id
 WHERE o.id = $1::bigint;
