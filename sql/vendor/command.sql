-- What commands write: sales reps, and the vendors of the demo. docs/api/vendor.md#sales-rep-pages

-- name: keep_rep(email, name, phone) -> none
-- Makes the profile of an account.
INSERT INTO vendor.sales_rep (account_id, name, phone)
SELECT a.id, $2, $3 FROM accounts.account a WHERE lower(a.email) = lower($1)
    ON CONFLICT (account_id) DO NOTHING;

-- name: make_vendor(email, business_name, phone, address, gst_no, is_approved) -> value
-- Makes the vendor of an account; null if the account has one, or another vendor has the GST number. An unapproved one waits: its account
-- becomes inactive.
WITH made AS (
    INSERT INTO vendor.vendor AS v (account_id, business_name, phone, address, gst_no, is_approved)
    SELECT a.id, $2, $3, $4, $5, $6 FROM accounts.account a WHERE lower(a.email) = lower($1) AND a.role = 'VENDOR'
        ON CONFLICT DO NOTHING
    RETURNING v.id, v.account_id
), waiting AS (
    UPDATE accounts.account a SET is_active = false FROM made WHERE a.id = made.account_id AND NOT $6::boolean
)
SELECT made.id::text FROM made;

-- name: make_global_category(name, sort_order) -> none
INSERT INTO vendor.global_category (name, sort_order)
SELECT $1::text, $2::integer WHERE NOT EXISTS (SELECT FROM vendor.global_category g WHERE g.name = $1::text);

-- name: fill_catalogue(vendor_id, categories, items) -> none
-- Of a vendor that has just been made. categories: names in their order. items: a JSON array of {name, price, stock_quantity, sku, categories}
-- in their order; categories are named, own or global ones.
WITH head AS MATERIALIZED (
    SELECT h.position FROM vendor.next_position($1::uuid, 'catalogue') h
), category AS (
    INSERT INTO vendor.category (vendor_id, name, sort_order, position)
    SELECT $1, named.name, named.place, head.position FROM unnest($2::text[]) WITH ORDINALITY AS named (name, place) CROSS JOIN head
    RETURNING id, name
), sent AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, s.place, s.item ->> 'name' AS name, (s.item ->> 'price')::numeric AS price,
           coalesce((s.item ->> 'stock_quantity')::integer, 0) AS stock_quantity, s.item ->> 'sku' AS sku, s.item -> 'categories' AS categories
      FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY AS s (item, place)
), made AS (
    INSERT INTO vendor.item (vendor_id, id, name, price, stock_quantity, sku, sort_order, position)
    SELECT $1, sent.id, sent.name, sent.price, sent.stock_quantity, sent.sku, sent.place, head.position FROM sent CROSS JOIN head
), linked AS (
    INSERT INTO vendor.item_category (vendor_id, item_id, category_id)
    SELECT $1, sent.id, category.id FROM sent JOIN category ON sent.categories ? category.name
)
INSERT INTO vendor.item_global_category (vendor_id, item_id, category_id)
SELECT $1, sent.id, g.id FROM sent JOIN vendor.global_category g ON sent.categories ? g.name;

-- name: get_vendor_id(account_id) -> value
SELECT v.id::text FROM vendor.vendor v WHERE v.account_id = $1::bigint;
