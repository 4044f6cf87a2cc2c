-- Functions of the shop's point of sale. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0005_pos.sql.
--
-- Triggers on pos.point_entry and pos.credit_entry
--   point_entry_added,   after an insert               adds the amount to the customer's balance; of a charge to the debt, and takes a
--   credit_entry_added                                 payment from it
--   point_entry_kept,    before an update or delete    refuses it: a ledger only grows
--   credit_entry_kept
-- Triggers on pos.customer
--   customer_balances_kept, customer_starts_empty      refuse every change of a balance that no ledger's trigger makes
-- Triggers on pos.shop_order and pos.product
--   order_announced,     at commit of an insert or     writes the event pos.order with the whole order; of a deleted one its id and the
--   order_end_announced  change; after a delete        status DELETED
--   order_summed,        at commit, of an order that   adds its lines to product_day and the ticket to ticket_delta. A paid order is final,
--   order_paid_summed    is paid from now on           so nothing is ever taken away
--   stock_announced,     after an insert, a change of  writes the event pos.stock
--   stock_change_announced  the stock or name
--
-- Amounts: numeric. `zone` is the setting BUSINESS_TIMEZONE, by which a day begins and ends.

-- Documents write money as text with two decimals.
CREATE OR REPLACE FUNCTION pos.money(amount numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(amount, 2)::text
$$;

-- The present day of the shop.
CREATE OR REPLACE FUNCTION pos.today(zone text) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (now() AT TIME ZONE zone)::date
$$;

-- The percentage that a tax_rate stands for. docs/api/pos.md#products
CREATE OR REPLACE FUNCTION pos.tax_percent(tax_rate text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE tax_rate WHEN '16.00' THEN 16 WHEN '0.16' THEN 16 WHEN '8.00' THEN 8 WHEN '0.08' THEN 8 ELSE 0 END::numeric
$$;

CREATE OR REPLACE FUNCTION pos.keep_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the entries of a ledger are never changed or deleted';
END $$;

CREATE OR REPLACE FUNCTION pos.add_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pos.customer SET current_points = current_points + NEW.amount WHERE id = NEW.customer_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION pos.add_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pos.customer
       SET credit_used = credit_used + CASE NEW.transaction_type WHEN 'CHARGE' THEN NEW.amount ELSE -NEW.amount END
     WHERE id = NEW.customer_id;
    RETURN NULL;
END $$;

-- A ledger's trigger is the first level, this one the second.
CREATE OR REPLACE FUNCTION pos.keep_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a balance is the sum of its ledger';
    END IF;
    RETURN NEW;
END $$;

-- A supplier.
CREATE OR REPLACE FUNCTION pos.supplier_document(s pos.supplier) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', s.id, 'name', s.name, 'phone_number', s.phone_number, 'contact_person', s.contact_person, 'rfc', s.rfc,
        'tax_address', s.tax_address)
$$;

-- Products and promotions. docs/api/pos.md#products

-- What a promotion of so many percent (null: none) leaves of a price.
CREATE OR REPLACE FUNCTION pos.discounted(price numeric, percent numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN percent IS NULL THEN price ELSE round(price * (100 - percent) / 100, 2) END
$$;

-- A price with its tax.
CREATE OR REPLACE FUNCTION pos.taxed(amount numeric, tax_rate text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(amount + amount * pos.tax_percent(tax_rate) / 100, 2)
$$;

-- A promotion.
CREATE OR REPLACE FUNCTION pos.promotion_document(pr pos.promotion) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', pr.id, 'name', pr.name, 'description', pr.description, 'discount_percent', pos.money(pr.discount_percent),
        'start_date', pr.start_date, 'end_date', pr.end_date, 'target_audience', pr.target_audience, 'is_active', pr.is_active,
        'product', pr.product_id)
$$;

-- How people name a tax_rate.
CREATE OR REPLACE FUNCTION pos.tax_name(tax_rate text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN tax_rate IN ('16.00', '0.16') THEN 'Tasa General (16%)' WHEN tax_rate IN ('8.00', '0.08') THEN 'Tasa Fronteriza (8%)'
                WHEN tax_rate = '0.00' THEN 'Tasa del 0%' ELSE 'Exento' END
$$;

-- The units of each of these products in the paid orders of the calendar month before a day; a product without any has no row.
CREATE OR REPLACE FUNCTION pos.sold_month_before(products bigint[], day date) RETURNS TABLE (product_id bigint, units bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT d.product_id, sum(d.units)::bigint
      FROM pos.product_day d
     WHERE d.product_id = ANY (products)
       AND d.day >= (date_trunc('month', sold_month_before.day::timestamp) - interval '1 month')::date
       AND d.day < date_trunc('month', sold_month_before.day::timestamp)::date
     GROUP BY d.product_id
$$;

-- A product as it is on a day. sold: its units in the calendar month before. Prices are computed here, whenever they are read, so a
-- promotion begins and ends by itself.
CREATE OR REPLACE FUNCTION pos.product_document(p pos.product, sold bigint, day date) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', p.id, 'name', p.name, 'sku', p.sku, 'price', pos.money(p.price), 'tax_rate', p.tax_rate,
        'tax_rate_display', pos.tax_name(p.tax_rate),
        'final_price', pos.money(pos.taxed(pos.discounted(p.price, (
            SELECT pr.discount_percent FROM pos.promotion pr
             WHERE pr.product_id = p.id AND pr.is_active AND day BETWEEN pr.start_date AND pr.end_date)), p.tax_rate)),
        'current_stock', p.current_stock, 'reserved_quantity', p.reserved_quantity,
        'available_to_sell', p.current_stock - p.reserved_quantity, 'low_stock', p.current_stock < coalesce(sold, 0),
        'supplier', p.supplier_id, 'updated_at', core.iso(p.updated_at),
        'promotions', (SELECT coalesce(json_agg(pos.promotion_document(pr) ORDER BY pr.id), '[]')
                         FROM pos.promotion pr WHERE pr.product_id = p.id))
$$;

-- A product as the counter shows it on a day. Without its promotions for frequent customers, as it is not known who buys.
CREATE OR REPLACE FUNCTION pos.counter_product(p pos.product, is_exact boolean, day date) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', p.id, 'sku', p.sku, 'name', p.name, 'price', pos.money(p.price),
        'final_price', pos.money(pos.taxed(pos.discounted(p.price, active.discount_percent), p.tax_rate)),
        'tax_rate_display', pos.tax_name(p.tax_rate), 'promotion_name', active.name, 'current_stock', p.current_stock,
        'available_to_sell', p.current_stock - p.reserved_quantity, 'is_exact', is_exact)
      FROM (SELECT) one
      LEFT JOIN pos.promotion active ON active.product_id = p.id AND active.is_active AND active.target_audience = 'ALL'
                                    AND day BETWEEN active.start_date AND active.end_date
$$;

-- Products whose SKU or name begins with a text, and products whose name and SKU contain all of its words. It may fit very many products,
-- so each kind gives a bounded number. Fewer than three characters have no trigram, so only beginnings are looked for.
-- Sequential scans are off, because the planner can't know how rare a word is. The index looks up several words, as each of them may be
-- in very many texts, and only all together in few. Patterns stand in sub-selects, which are computed once and not for each row.
CREATE OR REPLACE FUNCTION pos.matching_products(search text, most bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 100 SET enable_seqscan = off AS $$
    (SELECT p.id FROM pos.product p
      WHERE pos.folded(p.sku) >= pos.folded(search) AND pos.folded(p.sku) < pos.folded(search) || U&'\+10FFFF' AND p.is_active
      ORDER BY pos.folded(p.sku), p.id LIMIT most)
    UNION
    (SELECT p.id FROM pos.product p
      WHERE pos.folded(p.name) >= pos.folded(search) AND pos.folded(p.name) < pos.folded(search) || U&'\+10FFFF' AND p.is_active
      ORDER BY pos.folded(p.name), p.id LIMIT most)
    UNION
    (SELECT p.id FROM pos.product p
      WHERE length(search) >= 3 AND p.is_active
        AND pos.folded(p.name || ' ' || p.sku) LIKE (SELECT pos.pattern(pos.words(search), 1))
        AND pos.folded(p.name || ' ' || p.sku) LIKE (SELECT pos.pattern(pos.words(search), 2))
        AND pos.folded(p.name || ' ' || p.sku) LIKE (SELECT pos.pattern(pos.words(search), 3))
        AND pos.folded(p.name || ' ' || p.sku) LIKE (SELECT pos.pattern(pos.words(search), 4))
        AND pos.folded(p.name || ' ' || p.sku) LIKE ALL ((SELECT pos.patterns_from(pos.words(search), 5))::text[])
      LIMIT 200)
$$;

-- Customers whose name, e-mail and phone number contain all of these words; a bounded number, as for products.
CREATE OR REPLACE FUNCTION pos.matching_customers(words text[]) RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 100 SET enable_seqscan = off AS $$
    SELECT c.id FROM pos.customer c
     WHERE pos.searched_customer(c.first_name, c.last_name, c.phone_number, c.email) LIKE (SELECT pos.pattern(words, 1))
       AND pos.searched_customer(c.first_name, c.last_name, c.phone_number, c.email) LIKE (SELECT pos.pattern(words, 2))
       AND pos.searched_customer(c.first_name, c.last_name, c.phone_number, c.email) LIKE (SELECT pos.pattern(words, 3))
       AND pos.searched_customer(c.first_name, c.last_name, c.phone_number, c.email) LIKE (SELECT pos.pattern(words, 4))
       AND pos.searched_customer(c.first_name, c.last_name, c.phone_number, c.email) LIKE ALL ((SELECT pos.patterns_from(words, 5))::text[])
       AND c.is_active
     LIMIT 200
$$;

CREATE OR REPLACE FUNCTION pos.words(search text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_split_to_array(core.trimmed(search), '\s+')
$$;

-- The patterns of the words from a place on, counted from the longest word: the longest ones are in the fewest texts, most likely.
CREATE OR REPLACE FUNCTION pos.patterns_from(words text[], place integer) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (array_agg(pattern ORDER BY length(pattern) DESC))[place:]
      FROM (SELECT DISTINCT core.containing(pos.folded(word)) AS pattern FROM unnest(words) AS word) patterns
$$;

-- The pattern of one of the words; that of every text where there are fewer.
CREATE OR REPLACE FUNCTION pos.pattern(words text[], place integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((pos.patterns_from(words, place))[1], '%')
$$;

-- A user of the chatbot. docs/api/pos.md#chatbot-users
CREATE OR REPLACE FUNCTION pos.chatbot_user_document(u pos.chatbot_user) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('mobile_number', u.mobile_number, 'name', u.name, 'last_interaction', core.iso(u.last_interaction))
$$;

-- Orders. Each function below does one step in the order of locks that 0005_pos.sql names, and answers with the order's document, or
-- with the refusal of the step and what its message says; then nothing was changed. docs/api/pos.md#orders

-- An order with its lines.
CREATE OR REPLACE FUNCTION pos.order_document(o pos.shop_order) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', o.id, 'ticket_folio', o.ticket_folio, 'created_at', core.iso(o.created_at), 'payment_method', o.payment_method,
        'status', o.status, 'seller', o.seller_id, 'seller_name', o.seller_name, 'customer', o.customer_id,
        'customer_name', coalesce((SELECT c.first_name || ' ' || c.last_name FROM pos.customer c WHERE c.id = o.customer_id), 'Cliente General'),
        'subtotal', pos.money(o.subtotal), 'total_tax', pos.money(o.total_tax), 'final_amount', pos.money(o.final_amount),
        'discount_applied', '0.00', 'money_saved_total', pos.money(o.money_saved_total), 'points_used', o.points_used,
        'store_credit_used', pos.money(o.store_credit_used), 'paid_at', core.iso(o.paid_at),
        'items', (SELECT json_agg(json_build_object(
                             'id', l.id, 'product_id', l.product_id, 'product_name', l.product_name, 'quantity', l.quantity,
                             'unit_price', pos.money(l.unit_price), 'promotion_name', l.promotion_name,
                             'discount_amount', pos.money(l.discount_amount), 'amount', pos.money(l.amount),
                             'tax_amount', pos.money(l.tax_amount)) ORDER BY l.id)
                    FROM pos.order_line l WHERE l.order_id = o.id))
$$;

-- The lines of a body: {"items": [{"product_id", "quantity"}]}. place: from 1.
CREATE OR REPLACE FUNCTION pos.sent_lines(body jsonb) RETURNS TABLE (place bigint, product_id bigint, quantity integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3 AS $$
    SELECT place, (item ->> 'product_id')::numeric::bigint, (item ->> 'quantity')::numeric::integer
      FROM jsonb_array_elements(body -> 'items') WITH ORDINALITY AS sent (item, place)
$$;

-- The lines of a body as they are sold on a day: unit_price with the promotion, amount before and tax without rounding.
CREATE OR REPLACE FUNCTION pos.priced_lines(body jsonb, is_frequent boolean, day date)
RETURNS TABLE (place bigint, product pos.product, quantity integer, promotion_name varchar, unit_price numeric, amount numeric, tax numeric)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3 AS $$
    SELECT s.place, p, s.quantity, active.name, unit.price, unit.price * s.quantity,
           unit.price * s.quantity * pos.tax_percent(p.tax_rate) / 100
      FROM pos.sent_lines(body) s
      JOIN pos.product p ON p.id = s.product_id
      LEFT JOIN LATERAL (
           SELECT pr.name, pr.discount_percent FROM pos.promotion pr
            WHERE pr.product_id = p.id AND pr.is_active AND day BETWEEN pr.start_date AND pr.end_date
              AND (pr.target_audience = 'ALL' OR is_frequent)) active ON true
     CROSS JOIN LATERAL (SELECT pos.discounted(p.price, active.discount_percent) AS price) unit
$$;

-- What an order says, of the exact sums of its lines: rounded once, half up, after the birthday's tenth.
CREATE OR REPLACE FUNCTION pos.order_amounts(amount numeric, tax numeric, saved numeric, is_birthday boolean)
RETURNS TABLE (subtotal numeric, total_tax numeric, final_amount numeric, money_saved_total numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT round(amount * share, 2), round(tax * share, 2), round((amount + tax) * share, 2), round(saved + (amount + tax) * (1 - share), 2)
      FROM (SELECT CASE WHEN is_birthday THEN 0.90 ELSE 1 END AS share) birthday
$$;

-- Whether an order of a day costs this customer a tenth less: it is their birthday, and the first order of the year on it.
CREATE OR REPLACE FUNCTION pos.has_birthday(buyer pos.customer, day date) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT buyer.id IS NOT NULL AND to_char(buyer.birth_date, 'MMDD') = to_char(day, 'MMDD')
       AND buyer.birthday_year IS DISTINCT FROM extract(year FROM day)::integer
$$;

-- The points that a payment adds; negative: what it takes. A point pays one peso, and a hundred pesos earn one.
CREATE OR REPLACE FUNCTION pos.points_of(method text, final_amount numeric) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE method WHEN 'POINTS' THEN -ceil(final_amount) WHEN 'CREDIT' THEN 0 ELSE round(final_amount * 0.01) END::bigint
$$;

-- Why a customer can't pay an amount in this way; null: they can. A row of nulls is no customer.
CREATE OR REPLACE FUNCTION pos.payment_refusal(buyer pos.customer, method text, final_amount numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN method NOT IN ('POINTS', 'CREDIT') THEN NULL
                WHEN buyer.id IS NULL THEN 'no customer'
                WHEN method = 'CREDIT' AND NOT buyer.is_frequent THEN 'not frequent'
                WHEN method = 'CREDIT' AND buyer.credit_used + final_amount > buyer.credit_limit THEN 'credit'
                WHEN method = 'POINTS' AND buyer.current_points + pos.points_of(method, final_amount) < 0 THEN 'points' END
$$;

-- Refuses a body with products that don't exist: {places: {place: pk}}; null: all exist.
CREATE OR REPLACE FUNCTION pos.unknown_products(body jsonb) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('places', jsonb_object_agg(s.place, s.product_id))
      FROM pos.sent_lines(body) s LEFT JOIN pos.product p ON p.id = s.product_id AND p.is_active
     WHERE p.id IS NULL HAVING count(*) > 0
$$;

-- Locks the products, always in the order of their ids, so that two orders never wait for each other.
CREATE OR REPLACE FUNCTION pos.lock_products(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pos.product WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
END $$;

-- Makes an order and takes its stock. Refusals: customer {pk}; product {places: {place: pk}}; stock {name, available, wanted}.
-- Prices are those of this moment. Everything is computed exactly and rounded once, half up.
CREATE OR REPLACE FUNCTION pos.create_order(body jsonb, seller bigint, zone text)
RETURNS TABLE (refusal text, said jsonb, document json) LANGUAGE plpgsql AS $$
DECLARE
    day      date := pos.today(zone);
    buyer    pos.customer;
    is_birthday boolean;
    made     pos.shop_order;
BEGIN
    IF coalesce(body ->> 'customer', '') <> '' THEN
        SELECT c.* INTO buyer FROM pos.customer c
         WHERE c.id = (body ->> 'customer')::numeric::bigint AND c.is_active FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'customer', jsonb_build_object('pk', body ->> 'customer'), NULL::json;
            RETURN;
        END IF;
    END IF;
    is_birthday := pos.has_birthday(buyer, day);

    PERFORM pos.lock_products(ARRAY(SELECT s.product_id FROM pos.sent_lines(body) s));
    RETURN QUERY SELECT 'product', unknown, NULL::json FROM pos.unknown_products(body) AS unknown WHERE unknown IS NOT NULL;
    IF FOUND THEN
        RETURN;
    END IF;
    -- Lines with the same product take from it one after the other.
    RETURN QUERY
        SELECT 'stock', jsonb_build_object('name', p.name, 'available', p.current_stock - s.before, 'wanted', s.quantity), NULL::json
          FROM (SELECT sent.place, sent.product_id, sent.quantity,
                       sum(sent.quantity) OVER (PARTITION BY sent.product_id ORDER BY sent.place) - sent.quantity AS before
                  FROM pos.sent_lines(body) sent) s
          JOIN pos.product p ON p.id = s.product_id
         WHERE s.before + s.quantity > p.current_stock ORDER BY s.place LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;

    WITH line AS MATERIALIZED (
        SELECT * FROM pos.priced_lines(body, buyer.is_frequent, day)
    ), inserted AS (
        INSERT INTO pos.shop_order AS o (
               seller_id, seller_name, customer_id, subtotal, total_tax, final_amount, money_saved_total, is_birthday, business_day,
               business_hour)
        SELECT a.id, coalesce(nullif(a.username, ''), a.email), buyer.id, t.subtotal, t.total_tax, t.final_amount, t.money_saved_total,
               is_birthday, day, extract(hour FROM now() AT TIME ZONE zone)
          FROM (SELECT sum(l.amount) AS amount, sum(l.tax) AS tax, sum(((l.product).price - l.unit_price) * l.quantity) AS saved FROM line l) sums
         CROSS JOIN LATERAL pos.order_amounts(sums.amount, sums.tax, sums.saved, is_birthday) t
          JOIN accounts.account a ON a.id = seller
        RETURNING o.*
    ), lines AS (
        INSERT INTO pos.order_line (
               order_id, product_id, product_name, quantity, unit_price, promotion_name, discount_amount, amount, tax_amount)
        SELECT i.id, (l.product).id, (l.product).name, l.quantity, l.unit_price, l.promotion_name,
               ((l.product).price - l.unit_price) * l.quantity, l.amount, round(l.tax, 2)
          FROM inserted i CROSS JOIN line l ORDER BY l.place
    )
    SELECT i.* INTO made FROM inserted i;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'seller', NULL::jsonb, NULL::json;
        RETURN;
    END IF;
    PERFORM pos.take_stock(body, day);
    IF is_birthday THEN
        UPDATE pos.customer c SET birthday_year = extract(year FROM day) WHERE c.id = buyer.id;
    END IF;
    RETURN QUERY SELECT NULL, NULL::jsonb, d FROM pos.order_document(made) AS d;
END $$;

-- Takes the stock of a body's lines, and announces what has become low by that.
CREATE OR REPLACE FUNCTION pos.take_stock(body jsonb, day date) RETURNS void LANGUAGE sql AS $$
    WITH taken AS (
        UPDATE pos.product p SET current_stock = p.current_stock - sold.quantity, updated_at = now()
          FROM (SELECT s.product_id, sum(s.quantity) AS quantity FROM pos.sent_lines(body) s GROUP BY s.product_id) sold
         WHERE p.id = sold.product_id
        RETURNING p.id, p AS product, p.current_stock + sold.quantity AS before
    )
    INSERT INTO core.event (topic, payload)
    SELECT 'pos.stock', pos.low_stock_event(t.product, s.units)::text
      FROM pos.sold_month_before(ARRAY(SELECT taken.id FROM taken), day) s JOIN taken t ON t.id = s.product_id
     WHERE t.before >= s.units AND (t.product).current_stock < s.units;
$$;

-- What an order of this body would say, without making it. The refusals are customer and product, as for an order. A line whose stock is too
-- little is not refused: its is_available is false.
CREATE OR REPLACE FUNCTION pos.price_cart(body jsonb, zone text)
RETURNS TABLE (refusal text, said jsonb, document json) LANGUAGE plpgsql STABLE AS $$
DECLARE
    day      date := pos.today(zone);
    buyer    pos.customer;
    is_birthday boolean;
BEGIN
    IF coalesce(body ->> 'customer', '') <> '' THEN
        SELECT c.* INTO buyer FROM pos.customer c WHERE c.id = (body ->> 'customer')::numeric::bigint AND c.is_active;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'customer', jsonb_build_object('pk', body ->> 'customer'), NULL::json;
            RETURN;
        END IF;
    END IF;
    is_birthday := pos.has_birthday(buyer, day);
    RETURN QUERY SELECT 'product', unknown, NULL::json FROM pos.unknown_products(body) AS unknown WHERE unknown IS NOT NULL;
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
        WITH line AS MATERIALIZED (
            SELECT l.*, (l.product).current_stock >= sum(l.quantity) OVER (PARTITION BY (l.product).id ORDER BY l.place) AS is_available
              FROM pos.priced_lines(body, buyer.is_frequent, day) l
        ), total AS (
            SELECT t.*
              FROM (SELECT coalesce(sum(l.amount), 0) AS amount, coalesce(sum(l.tax), 0) AS tax,
                           coalesce(sum(((l.product).price - l.unit_price) * l.quantity), 0) AS saved FROM line l) sums
             CROSS JOIN LATERAL pos.order_amounts(sums.amount, sums.tax, sums.saved, is_birthday) t
        )
        SELECT NULL, NULL::jsonb, json_build_object(
                   'customer', CASE WHEN buyer.id IS NOT NULL THEN pos.buyer_document(buyer) END,
                   'items', (SELECT coalesce(json_agg(json_build_object(
                                        'product_id', (l.product).id, 'sku', (l.product).sku, 'product_name', (l.product).name,
                                        'quantity', l.quantity, 'price', pos.money((l.product).price), 'unit_price', pos.money(l.unit_price),
                                        'promotion_name', l.promotion_name,
                                        'discount_amount', pos.money(((l.product).price - l.unit_price) * l.quantity),
                                        'amount', pos.money(l.amount), 'tax_amount', pos.money(l.tax),
                                        'current_stock', (l.product).current_stock, 'is_available', l.is_available) ORDER BY l.place), '[]')
                               FROM line l),
                   'subtotal', pos.money(t.subtotal), 'total_tax', pos.money(t.total_tax), 'final_amount', pos.money(t.final_amount),
                   'money_saved_total', pos.money(t.money_saved_total), 'is_birthday', is_birthday,
                   'points_needed', -pos.points_of('POINTS', t.final_amount),
                   'points_earned', CASE WHEN buyer.id IS NULL THEN 0 ELSE pos.points_of('CASH', t.final_amount) END,
                   'payment_methods', (SELECT json_agg(json_build_object(
                                                  'payment_method', method, 'refusal', pos.payment_refusal(buyer, method, t.final_amount))
                                              ORDER BY place)
                                         FROM unnest(ARRAY['CASH', 'CARD', 'POINTS', 'CREDIT']) WITH ORDINALITY AS way (method, place)))
          FROM total t;
END $$;

-- Decides whether a customer is frequent, once a calendar month: they are if they have bought in each ISO week of the month before.
CREATE OR REPLACE FUNCTION pos.decide_frequency(customer bigint, day date) RETURNS void LANGUAGE sql AS $$
    UPDATE pos.customer c
       SET frequency_month = date_trunc('month', day),
           is_frequent = NOT EXISTS (
               SELECT to_char(d, 'IYYYIW')
                 FROM generate_series(date_trunc('month', day) - interval '1 month', date_trunc('month', day) - interval '1 day',
                                      interval '1 day') AS d
               EXCEPT
               SELECT to_char(o.business_day, 'IYYYIW') FROM pos.shop_order o
                WHERE o.customer_id = c.id AND o.status = 'PAID'
                  AND o.business_day >= date_trunc('month', day) - interval '1 month' AND o.business_day < date_trunc('month', day))
     WHERE c.id = customer AND c.frequency_month IS DISTINCT FROM date_trunc('month', day)::date
$$;

-- Pays an order. Refusals: missing; paid; cancelled; no customer; not frequent; points {available, total}; credit {limit, used, total}.
CREATE OR REPLACE FUNCTION pos.pay_order(order_id bigint, method text, zone text)
RETURNS TABLE (refusal text, said jsonb, document json) LANGUAGE plpgsql AS $$
DECLARE
    held   pos.shop_order;
    buyer  pos.customer;
    points bigint;
BEGIN
    SELECT o.* INTO held FROM pos.shop_order o WHERE o.id = order_id FOR UPDATE;
    refusal := CASE WHEN held.id IS NULL THEN 'missing' WHEN held.status = 'PAID' THEN 'paid' WHEN held.status = 'CANCELLED' THEN 'cancelled'
                    END;
    IF refusal IS NULL THEN
        -- A customer who was deleted meanwhile is nobody: no debt and no points may be left with them.
        SELECT c.* INTO buyer FROM pos.customer c WHERE c.id = held.customer_id AND c.is_active FOR NO KEY UPDATE;
        refusal := pos.payment_refusal(buyer, method, held.final_amount);
        said := CASE refusal
                WHEN 'credit' THEN jsonb_build_object(
                    'limit', pos.money(buyer.credit_limit), 'used', pos.money(buyer.credit_used), 'total', pos.money(held.final_amount))
                WHEN 'points' THEN jsonb_build_object('available', pos.money(buyer.current_points), 'total', pos.money(held.final_amount)) END;
        points := CASE WHEN buyer.id IS NOT NULL THEN pos.points_of(method, held.final_amount) END;
    END IF;
    IF refusal IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE pos.shop_order o
       SET status = 'PAID', paid_at = now(), payment_method = method,
           points_used = CASE method WHEN 'POINTS' THEN -points ELSE 0 END,
           store_credit_used = CASE method WHEN 'CREDIT' THEN o.final_amount ELSE 0 END
     WHERE o.id = held.id RETURNING o.* INTO held;
    IF method = 'CREDIT' AND held.final_amount > 0 THEN
        INSERT INTO pos.credit_entry (customer_id, amount, transaction_type, description)
        VALUES (buyer.id, held.final_amount, 'CHARGE', 'Pago Ticket #' || held.ticket_folio);
    ELSIF points <> 0 THEN
        INSERT INTO pos.point_entry (customer_id, amount, transaction_type, description)
        VALUES (buyer.id, points, CASE WHEN points < 0 THEN 'REDEEM' ELSE 'EARN' END,
                CASE WHEN points < 0 THEN 'Pago Ticket #' ELSE 'Puntos compra ' END || held.ticket_folio);
    END IF;
    IF held.customer_id IS NOT NULL THEN
        PERFORM pos.decide_frequency(held.customer_id, pos.today(zone));
    END IF;
    RETURN QUERY SELECT NULL, NULL::jsonb, d FROM pos.order_document(held) AS d;
END $$;

-- Gives the stock of an order back, and the birthday's discount to its customer. The order is locked. The stock may have been set to the
-- most that there can be in the meantime; it stays that then, as the order would otherwise stay for ever.
CREATE OR REPLACE FUNCTION pos.give_back(held pos.shop_order) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF held.is_birthday THEN
        UPDATE pos.customer SET birthday_year = NULL
         WHERE id = held.customer_id AND birthday_year = extract(year FROM held.business_day);
    END IF;
    PERFORM pos.lock_products(ARRAY(SELECT l.product_id FROM pos.order_line l WHERE l.order_id = held.id));
    UPDATE pos.product p SET current_stock = least(p.current_stock + sold.quantity, 2147483647), updated_at = now()
      FROM (SELECT l.product_id, sum(l.quantity) AS quantity FROM pos.order_line l WHERE l.order_id = held.id GROUP BY l.product_id) sold
     WHERE p.id = sold.product_id;
END $$;

-- Cancels a pending order. Refusals: missing; not pending.
CREATE OR REPLACE FUNCTION pos.cancel_order(order_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    held pos.shop_order;
BEGIN
    SELECT o.* INTO held FROM pos.shop_order o WHERE o.id = order_id FOR UPDATE;
    IF held.id IS NULL OR held.status <> 'PENDING' THEN
        RETURN CASE WHEN held.id IS NULL THEN 'missing' ELSE 'not pending' END;
    END IF;
    UPDATE pos.shop_order SET status = 'CANCELLED' WHERE id = held.id;
    PERFORM pos.give_back(held);
    RETURN NULL;
END $$;

-- Deletes an order that is not paid. A pending one gives its stock back. Returns the order as it was; refusals: missing; paid.
CREATE OR REPLACE FUNCTION pos.delete_order(order_id bigint) RETURNS TABLE (refusal text, deleted pos.shop_order) LANGUAGE plpgsql AS $$
BEGIN
    SELECT o.* INTO deleted FROM pos.shop_order o WHERE o.id = order_id FOR UPDATE;
    refusal := CASE WHEN NOT FOUND THEN 'missing' WHEN (deleted).status = 'PAID' THEN 'paid' END;
    IF refusal IS NULL THEN
        IF (deleted).status = 'PENDING' THEN
            PERFORM pos.give_back(deleted);
        END IF;
        DELETE FROM pos.shop_order WHERE id = (deleted).id;
    END IF;
    RETURN NEXT;
END $$;

-- Analytics. docs/api/pos.md#analytics

-- The days that a report looks at, both inclusive. Without dates: the last 30 days, but not before the first sale. With one date: up to
-- today, or 30 days up to the end. Refusals: none (nothing was ever sold); order (the start is after the end); day (a given day has no
-- sale, which refused_day names: each of two days, and a start without an end that is yet to come). first_sale, last_sale: of all times.
CREATE OR REPLACE FUNCTION pos.analyzed_period(given_start date, given_end date, today date)
RETURNS TABLE (start_date date, end_date date, refusal text, refused_day date, first_sale date, last_sale date)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT coalesce(given_start, greatest(coalesce(given_end, today) - 30, least(f.day, coalesce(given_end, today)))),
           coalesce(given_end, today),
           CASE WHEN f.day IS NULL THEN 'none' WHEN given_start > given_end THEN 'order' WHEN day.refused IS NOT NULL THEN 'day' END,
           day.refused, f.day, l.day
      FROM (SELECT least((SELECT min(t.day) FROM pos.ticket_hour t), (SELECT min(d.day) FROM pos.ticket_delta d)) AS day) f
     CROSS JOIN (SELECT greatest((SELECT max(t.day) FROM pos.ticket_hour t), (SELECT max(d.day) FROM pos.ticket_delta d)) AS day) l
     CROSS JOIN LATERAL (
           SELECT CASE WHEN given_end IS NULL AND given_start > today THEN given_start
                       WHEN given_start IS NULL OR given_end IS NULL THEN NULL
                       WHEN NOT EXISTS (SELECT FROM pos.ticket_part t WHERE t.day = given_start) THEN given_start
                       WHEN NOT EXISTS (SELECT FROM pos.ticket_part t WHERE t.day = given_end) THEN given_end
                  END AS refused) day
$$;

-- The product that a text means: by its SKU, or else by its name, ignoring case; of several the oldest. Null if no product has it.
CREATE OR REPLACE FUNCTION pos.find_product(identifier text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT p.id FROM pos.product p WHERE lower(p.sku) = lower(identifier) AND p.is_active),
                    (SELECT min(p.id) FROM pos.product p WHERE lower(p.name) = lower(identifier) AND p.is_active))
$$;

-- The tags tell webhooks what has happened: `created`, or a change of the `status`.
CREATE OR REPLACE FUNCTION pos.announce_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tags text[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO core.event (topic, payload) VALUES ('pos.order', json_build_object('id', OLD.id, 'status', 'DELETED')::text);
    ELSE
        IF TG_OP = 'INSERT' THEN
            tags := '{created}';
        ELSIF OLD.status <> NEW.status THEN
            tags := '{status}';
        END IF;
        -- The row may have changed, or gone, later in the transaction.
        INSERT INTO core.event (topic, payload, tags)
        SELECT 'pos.order', document::text, tags
          FROM pos.shop_order o CROSS JOIN LATERAL pos.order_document(o) AS document WHERE o.id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION pos.announce_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    VALUES ('pos.stock', json_build_object(
        'id', NEW.id, 'sku', NEW.sku, 'name', NEW.name, 'current_stock', NEW.current_stock, 'reserved_quantity', NEW.reserved_quantity,
        'available_to_sell', NEW.current_stock - NEW.reserved_quantity, 'is_active', NEW.is_active)::text);
    RETURN NULL;
END $$;

-- The event that says that a product has become low: that of the stock with two more members. It comes once, when the stock falls below
-- what was sold in the calendar month before.
CREATE OR REPLACE FUNCTION pos.low_stock_event(p pos.product, sold_last_month bigint) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'event', 'low_stock', 'id', p.id, 'sku', p.sku, 'name', p.name, 'current_stock', p.current_stock,
        'reserved_quantity', p.reserved_quantity, 'available_to_sell', p.current_stock - p.reserved_quantity, 'is_active', p.is_active,
        'sold_last_month', sold_last_month)
$$;

-- The rows are written in the order of the products, so that two payments never wait for each other in a circle.
CREATE OR REPLACE FUNCTION pos.sum_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pos.product_day AS d (day, product_id, units, revenue)
    SELECT NEW.business_day, l.product_id, sum(l.quantity), sum(l.amount)
      FROM pos.order_line l WHERE l.order_id = NEW.id GROUP BY l.product_id ORDER BY l.product_id
    ON CONFLICT (day, product_id) DO UPDATE SET units = d.units + EXCLUDED.units, revenue = d.revenue + EXCLUDED.revenue;
    INSERT INTO pos.ticket_delta (day, hour, payment_method, amount)
    VALUES (NEW.business_day, NEW.business_hour, NEW.payment_method, NEW.final_amount);
    RETURN NULL;
END $$;

-- Moves the tickets from ticket_delta into ticket_hour. Returns their number, or 0 if another process is doing this now. A reader adds
-- both up in one statement, so it sees each ticket exactly once.
CREATE OR REPLACE FUNCTION pos.fold_tickets() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    folded bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM pos.ticket_delta) AND pg_try_advisory_xact_lock('pos.ticket_hour'::regclass::oid::bigint) THEN
        WITH taken AS (
            DELETE FROM pos.ticket_delta RETURNING day, hour, payment_method, amount
        ), summed AS (
            INSERT INTO pos.ticket_hour AS t (day, hour, payment_method, tickets, revenue, lowest, highest)
            SELECT day, hour, payment_method, count(*), sum(amount), min(amount), max(amount) FROM taken GROUP BY day, hour, payment_method
            ON CONFLICT (day, hour, payment_method) DO UPDATE
               SET tickets = t.tickets + EXCLUDED.tickets, revenue = t.revenue + EXCLUDED.revenue,
                   lowest = least(t.lowest, EXCLUDED.lowest), highest = greatest(t.highest, EXCLUDED.highest)
        )
        SELECT count(*) INTO folded FROM taken;
    END IF;
    RETURN folded;
END $$;

-- All tickets: those of ticket_hour, and those that are not in it yet.
CREATE OR REPLACE VIEW pos.ticket_part AS
SELECT t.day, t.hour, t.payment_method, t.tickets, t.revenue, t.lowest, t.highest FROM pos.ticket_hour t
 UNION ALL
SELECT d.day, d.hour, d.payment_method, 1::bigint, d.amount, d.amount, d.amount FROM pos.ticket_delta d;

-- Customers, points and store credit. docs/api/pos.md#customers

-- What a customer may still buy on credit. It is for frequent customers; a limit may have become less than the debt.
CREATE OR REPLACE FUNCTION pos.available_credit(is_frequent boolean, credit_limit numeric, credit_used numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN is_frequent THEN greatest(credit_limit - credit_used, 0) ELSE 0 END
$$;

-- An entry of the points.
CREATE OR REPLACE FUNCTION pos.point_document(e pos.point_entry) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', e.id, 'amount', e.amount, 'transaction_type', e.transaction_type, 'description', e.description,
        'created_at', core.iso(e.created_at))
$$;

-- An entry of the store credit.
CREATE OR REPLACE FUNCTION pos.credit_document(e pos.credit_entry) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', e.id, 'amount', pos.money(e.amount), 'transaction_type', e.transaction_type, 'description', e.description,
        'created_at', core.iso(e.created_at))
$$;

-- A customer as the counter shows them.
CREATE OR REPLACE FUNCTION pos.buyer_document(c pos.customer) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', c.id, 'name', c.first_name || ' ' || c.last_name, 'phone_number', c.phone_number, 'email', c.email,
        'is_frequent', c.is_frequent, 'current_points', c.current_points, 'credit_limit', pos.money(c.credit_limit),
        'credit_used', pos.money(c.credit_used),
        'available_credit', pos.money(pos.available_credit(c.is_frequent, c.credit_limit, c.credit_used)))
$$;

-- A customer with all entries of the store credit, newest first.
CREATE OR REPLACE FUNCTION pos.customer_document(c pos.customer) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', c.id, 'first_name', c.first_name, 'last_name', c.last_name, 'phone_number', c.phone_number, 'email', c.email,
        'is_frequent', c.is_frequent, 'birth_date', c.birth_date, 'current_points', c.current_points,
        'credit_limit', pos.money(c.credit_limit), 'credit_used', pos.money(c.credit_used),
        'available_credit', pos.money(pos.available_credit(c.is_frequent, c.credit_limit, c.credit_used)),
        'credit_transactions', coalesce((SELECT json_agg(pos.credit_document(e) ORDER BY e.id DESC)
                                           FROM pos.credit_entry e WHERE e.customer_id = c.id), '[]'))
$$;
