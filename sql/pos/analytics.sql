-- Reports on what was sold: paid orders only, by the business days and hours of the shop. Amounts are JSON numbers. What concerns
-- products comes from pos.product_day, what concerns tickets from pos.ticket_part.
-- docs/api/pos.md#analytics

-- name: sales_summary(start, end, zone) -> row
WITH period AS MATERIALIZED (
    SELECT * FROM pos.analyzed_period($1::text::date, $2::text::date, pos.today($3::text))
), looked_at AS (
    SELECT start_date, end_date FROM period WHERE refusal IS NULL
), part AS MATERIALIZED (
    SELECT t.hour, t.payment_method AS method, sum(t.tickets) AS tickets, sum(t.revenue) AS revenue, min(t.lowest) AS lowest,
           max(t.highest) AS highest
      FROM pos.ticket_part t
     WHERE t.day BETWEEN (SELECT start_date FROM looked_at) AND (SELECT end_date FROM looked_at)
     GROUP BY t.hour, t.payment_method
), hourly AS (
    SELECT hour, sum(revenue) AS revenue, sum(tickets) AS tickets,
           json_build_object('hour', hour, 'total_revenue', sum(revenue), 'ticket_count', sum(tickets)) AS document
      FROM part GROUP BY hour
), sold AS MATERIALIZED (
    SELECT p.id, p.name, d.units, d.revenue
      FROM (SELECT d.product_id, sum(d.units) AS units, sum(d.revenue) AS revenue
              FROM pos.product_day d
             WHERE d.day BETWEEN (SELECT start_date FROM looked_at) AND (SELECT end_date FROM looked_at) GROUP BY d.product_id) d
      JOIN pos.product p ON p.id = d.product_id
)
SELECT period.*, json_build_object(
           'analyzed_period', json_build_object('start_date', period.start_date, 'end_date', period.end_date),
           'general_summary', (SELECT json_build_object(
                   'total_revenue', sum(revenue), 'average_ticket', round(sum(revenue) / sum(tickets), 2), 'lowest_ticket', min(lowest),
                   'highest_ticket', max(highest), 'total_tickets', coalesce(sum(tickets), 0)) FROM part),
           'products', (SELECT json_build_object(
                   'total_units_sold', coalesce(sum(units), 0),
                   'top_product', (SELECT json_build_object('product_name', name, 'revenue', revenue) FROM sold ORDER BY revenue DESC, id LIMIT 1),
                   'breakdown', coalesce(json_agg(json_build_object('product_name', name, 'units_sold', units, 'revenue', revenue)
                                                  ORDER BY revenue DESC, id), '[]')) FROM sold),
           'peak_hours', json_build_object(
                   'most_profitable_hour', (SELECT document FROM hourly ORDER BY revenue DESC, hour LIMIT 1),
                   'busiest_hour', (SELECT document FROM hourly ORDER BY tickets DESC, hour LIMIT 1),
                   'hourly_breakdown', (SELECT coalesce(json_agg(document ORDER BY hour), '[]') FROM hourly)),
           'payment_methods', (SELECT coalesce(json_agg(document ORDER BY method), '[]') FROM (
                   SELECT method, json_build_object(
                              'payment_method', method, 'total_sales', sum(tickets), 'average_ticket', round(sum(revenue) / sum(tickets), 2),
                              'highest_ticket', max(highest), 'accumulated_amount', sum(revenue)) AS document
                     FROM part GROUP BY method) methods))::text AS document
  FROM period;

-- name: product_ranking(start, end, zone, most) -> row
-- sold: whether anything was. Of products with the same number of units, the oldest comes first.
WITH period AS MATERIALIZED (
    SELECT * FROM pos.analyzed_period($1::text::date, $2::text::date, pos.today($3::text))
), looked_at AS (
    SELECT start_date, end_date FROM period WHERE refusal IS NULL
), sold AS MATERIALIZED (
    SELECT p.id, d.units,
           json_build_object('product__id', p.id, 'product_name', p.name, 'units_sold', d.units, 'revenue', d.revenue) AS document
      FROM (SELECT d.product_id, sum(d.units) AS units, sum(d.revenue) AS revenue
              FROM pos.product_day d
             WHERE d.day BETWEEN (SELECT start_date FROM looked_at) AND (SELECT end_date FROM looked_at) GROUP BY d.product_id) d
      JOIN pos.product p ON p.id = d.product_id
)
SELECT period.*, EXISTS (SELECT FROM sold) AS sold,
       (SELECT coalesce(json_agg(document), '[]') FROM (
               SELECT document FROM sold ORDER BY units DESC, id LIMIT $4::bigint) most)::text AS most_sold,
       (SELECT coalesce(json_agg(document), '[]') FROM (
               SELECT document FROM sold ORDER BY units, id LIMIT $4::bigint) least)::text AS least_sold
  FROM period;

-- name: low_stock(threshold, zone) -> value
-- threshold null: the products of which less is left than was sold in the calendar month before.
WITH sold AS (
    SELECT d.product_id, sum(d.units) AS units
      FROM pos.product_day d
     WHERE $1::numeric IS NULL AND d.day >= date_trunc('month', pos.today($2::text)) - interval '1 month'
       AND d.day < date_trunc('month', pos.today($2::text))
     GROUP BY d.product_id
)
SELECT json_agg(json_build_object('name', p.name, 'current_stock', p.current_stock) ORDER BY p.current_stock DESC, p.id)::text
  FROM pos.product p LEFT JOIN sold ON sold.product_id = p.id
 WHERE p.is_active AND p.current_stock <= coalesce($1::numeric, sold.units - 1);

-- name: dead_inventory(since, zone) -> value
-- Null: every product was sold since that day (null: since 30 days).
SELECT json_agg(json_build_object('id', p.id, 'name', p.name, 'current_stock', p.current_stock) ORDER BY p.id)::text
  FROM pos.product p
 WHERE p.is_active AND NOT EXISTS (
       SELECT FROM pos.product_day d WHERE d.product_id = p.id AND d.day >= coalesce($1::text::date, pos.today($2::text) - 30));

-- name: customer_sales(customer_id, start, end, zone) -> row
-- customer: null if there is no such customer. document: null without a purchase.
WITH period AS MATERIALIZED (
    SELECT * FROM pos.analyzed_period($2::text::date, $3::text::date, pos.today($4::text))
), customer AS MATERIALIZED (
    SELECT c.id, c.first_name || ' ' || c.last_name AS name, c.email FROM pos.customer c WHERE c.id = $1::bigint AND c.is_active
), bought AS MATERIALIZED (
    SELECT o.id, o.business_hour AS hour, o.payment_method AS method, o.final_amount AS amount
      FROM period CROSS JOIN customer c
      JOIN pos.shop_order o ON o.customer_id = c.id AND o.status = 'PAID' AND o.business_day BETWEEN period.start_date AND period.end_date
     WHERE period.refusal IS NULL
), top AS (
    SELECT json_build_object('product_name', p.name, 'total_spent_on_product', sum(l.amount), 'units_bought', sum(l.quantity)) AS document
      FROM bought b JOIN pos.order_line l ON l.order_id = b.id JOIN pos.product p ON p.id = l.product_id
     GROUP BY p.id ORDER BY sum(l.amount) DESC, p.id LIMIT 1
)
SELECT period.*, (SELECT json_build_object('id', id, 'name', name) FROM customer)::text AS customer,
       (SELECT json_build_object(
            'customer_info', (SELECT json_build_object('id', c.id, 'name', c.name, 'email', c.email) FROM customer c),
            'analyzed_period', json_build_object('start_date', period.start_date, 'end_date', period.end_date),
            'sales_metrics', json_build_object(
                'total_spent', sum(amount), 'average_ticket', round(avg(amount), 2), 'total_tickets', count(*)),
            'top_product', (SELECT document FROM top),
            'peak_buying_hours', (SELECT json_agg(document ORDER BY spent DESC, hour) FROM (
                SELECT hour, sum(amount) AS spent,
                       json_build_object('hour', hour, 'total_spent', sum(amount), 'ticket_count', count(*)) AS document
                  FROM bought GROUP BY hour) hourly),
            'payment_methods', (SELECT json_agg(document ORDER BY method) FROM (
                SELECT method, json_build_object('payment_method', method, 'total_sales', count(*), 'average_ticket', round(avg(amount), 2),
                                                 'accumulated_amount', sum(amount)) AS document
                  FROM bought GROUP BY method) methods))
          FROM bought HAVING count(*) > 0)::text AS document
  FROM period;

-- name: sales_velocity(identifier, days, zone) -> value
-- The days are those of the shop. A product that was first sold less than `days` ago is looked at since then, at least one day. Null: there
-- is no such product.
SELECT json_build_object(
           'product_name', p.name, 'product_sku', p.sku, 'analyzed_period_days', period.days, 'total_units_sold', sold.units,
           'sales_velocity', round(sold.units::numeric / period.days, 2), 'current_stock', p.current_stock,
           'depletion_estimation_days', CASE WHEN sold.units = 0 THEN to_json('Indefinida'::text)
                                             ELSE to_json(round(p.current_stock::numeric * period.days / sold.units)) END)::text
  FROM pos.product p
 CROSS JOIN LATERAL (SELECT min(d.day) AS first_day FROM pos.product_day d WHERE d.product_id = p.id) since
 CROSS JOIN LATERAL (
       SELECT CASE WHEN since.first_day IS NULL THEN $2::bigint
                   ELSE least($2::bigint, greatest(1, pos.today($3::text) - since.first_day)) END AS days) period
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(d.units), 0) AS units
         FROM pos.product_day d WHERE d.product_id = p.id AND d.day >= pos.today($3::text) - period.days::integer) sold
 WHERE p.id = pos.find_product($1::text);

-- name: inventory_valuation(identifier, zone) -> value
-- identifier null: all products. Null: none of them has stock.
WITH stocked AS (
    SELECT p.price * p.current_stock AS cost, pos.taxed(pos.discounted(p.price, active.discount_percent), p.tax_rate) * p.current_stock AS sale
      FROM pos.product p
      LEFT JOIN pos.promotion active ON active.product_id = p.id AND active.is_active
                                     AND pos.today($2::text) BETWEEN active.start_date AND active.end_date
     WHERE p.is_active AND p.current_stock > 0 AND ($1::text IS NULL OR p.id = (SELECT pos.find_product($1)))
)
SELECT json_build_object(
           'total_inventory_cost', round(sum(cost), 2), 'total_potential_sale', round(sum(sale), 2),
           'total_potential_profit', round(sum(sale) - sum(cost), 2),
           'profit_margin_percentage', CASE WHEN sum(sale) = 0 THEN 0 ELSE round((sum(sale) - sum(cost)) / sum(sale) * 100, 2) END)::text
  FROM stocked HAVING count(*) > 0;

-- name: product_contribution(identifier, start, end, zone) -> row
-- product: null if there is no such product.
WITH period AS MATERIALIZED (
    SELECT * FROM pos.analyzed_period($2::text::date, $3::text::date, pos.today($4::text))
), looked_at AS (
    SELECT start_date, end_date FROM period WHERE refusal IS NULL
), product AS (
    SELECT p.id, p.name, p.sku FROM pos.product p WHERE p.id = pos.find_product($1::text)
), sold AS (
    SELECT coalesce(sum(d.units), 0) AS all_units, coalesce(sum(d.revenue), 0) AS all_revenue,
           coalesce(sum(d.units) FILTER (WHERE d.product_id = (SELECT id FROM product)), 0) AS units,
           coalesce(sum(d.revenue) FILTER (WHERE d.product_id = (SELECT id FROM product)), 0) AS revenue
      FROM pos.product_day d
     WHERE d.day BETWEEN (SELECT start_date FROM looked_at) AND (SELECT end_date FROM looked_at)
)
SELECT period.*, (SELECT id FROM product) AS product, json_build_object(
           'product_name', (SELECT name FROM product), 'product_sku', (SELECT sku FROM product),
           'analyzed_period', json_build_object('start_date', period.start_date, 'end_date', period.end_date),
           'units_sold', units, 'total_units_sold', all_units,
           'units_share_percentage', CASE WHEN all_units = 0 THEN 0 ELSE round(units * 100.0 / all_units, 2) END,
           'revenue', revenue, 'total_revenue', all_revenue,
           'revenue_share_percentage', CASE WHEN all_revenue = 0 THEN 0 ELSE round(revenue * 100 / all_revenue, 2) END)::text AS document
  FROM period CROSS JOIN sold;

-- name: fold_tickets() -> value
-- Returns the number of tickets that were added to the sums.
SELECT pos.fold_tickets();

-- name: vacuum_tickets() -> none
VACUUM (SKIP_LOCKED, INDEX_CLEANUP OFF, TRUNCATE OFF) pos.ticket_delta;
