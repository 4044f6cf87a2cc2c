-- What the counter (/pos/) shows beside the lists of the shop: the best matches of a search, the price of a cart, the present day.
-- Searching: pos.folded. docs/api/pos.md#counter

-- name: find_products(search, most, zone) -> value
-- The best matches come first: the SKU itself, what begins with the text, then the rest, each by name.
WITH best AS (
    SELECT p AS product, pos.folded(p.sku) = asked.text AS is_exact,
           row_number() OVER (ORDER BY pos.folded(p.sku) <> asked.text, NOT starts_with(pos.folded(p.sku), asked.text),
                                       NOT starts_with(pos.folded(p.name), asked.text), pos.folded(p.name), p.id) AS place
      FROM (SELECT pos.folded($1::text) AS text) asked
     CROSS JOIN pos.matching_products($1, $2::bigint) AS found (id)
      JOIN pos.product p ON p.id = found.id
     ORDER BY place LIMIT $2
)
SELECT coalesce(json_agg(pos.counter_product(best.product, best.is_exact, pos.today($3::text)) ORDER BY place), '[]')::text FROM best;

-- name: list_best_sellers(most, zone) -> value
-- What was sold most in the last seven days; then the first products by name.
WITH sold AS (
    SELECT d.product_id, sum(d.units) AS units FROM pos.product_day d WHERE d.day > pos.today($2::text) - 7
     GROUP BY d.product_id ORDER BY units DESC, d.product_id LIMIT $1::bigint
), best AS (
    SELECT product, row_number() OVER (ORDER BY units DESC NULLS LAST, name, id) AS place
      FROM (SELECT p AS product, p.id, pos.folded(p.name) AS name, sold.units FROM sold JOIN pos.product p ON p.id = sold.product_id AND p.is_active
             UNION ALL
            (SELECT p, p.id, pos.folded(p.name), NULL FROM pos.product p
              WHERE p.is_active AND p.id NOT IN (SELECT product_id FROM sold) ORDER BY pos.folded(p.name), p.id LIMIT $1)) offered
     ORDER BY place LIMIT $1
)
SELECT coalesce(json_agg(pos.counter_product(best.product, false, pos.today($2)) ORDER BY place), '[]')::text FROM best;

-- name: find_customers(words, most) -> value
-- By name.
WITH best AS (
    SELECT c AS customer, pos.folded(c.first_name || ' ' || c.last_name) AS name, c.id
      FROM pos.matching_customers($1::text[]) AS found (id) JOIN pos.customer c ON c.id = found.id
     ORDER BY name, id LIMIT $2::bigint
)
SELECT coalesce(json_agg(pos.buyer_document(best.customer) ORDER BY name, id), '[]')::text FROM best;

-- name: price_cart(body, zone) -> row
SELECT refusal, said::text, document::text FROM pos.price_cart($1::jsonb, $2::text);

-- name: get_day(zone) -> value
-- The business day until now. Amounts: text.
SELECT json_build_object(
           'day', today, 'tickets', coalesce(paid.tickets, 0), 'revenue', pos.money(coalesce(paid.revenue, 0)),
           'pending', (SELECT count(*) FROM pos.shop_order o WHERE o.business_day = today AND o.status = 'PENDING'),
           'cancelled', (SELECT count(*) FROM pos.shop_order o WHERE o.business_day = today AND o.status = 'CANCELLED'),
           'payment_methods', coalesce(paid.methods, '[]'))::text
  FROM pos.today($1::text) AS today
  LEFT JOIN LATERAL (
       SELECT sum(tickets) AS tickets, sum(revenue) AS revenue,
              json_agg(json_build_object('payment_method', payment_method, 'tickets', tickets, 'amount', pos.money(revenue)) ORDER BY payment_method)
                  AS methods
         FROM (SELECT t.payment_method, sum(t.tickets) AS tickets, sum(t.revenue) AS revenue
                 FROM pos.ticket_part t WHERE t.day = today GROUP BY t.payment_method) method) paid ON true;

-- name: list_orders_of_today(before, most, zone) -> rows
SELECT document::text AS document, id AS key
  FROM (SELECT o AS shop_order, o.id FROM pos.shop_order o
         WHERE o.business_day = pos.today($3::text) AND o.id < $1::bigint ORDER BY o.id DESC LIMIT $2::bigint) listed
 CROSS JOIN LATERAL pos.order_document(shop_order) AS document
 ORDER BY id DESC;
