-- Products of the shop as the administration shows them (handlers/api/admin.py). A deleted product is in no list, as for the API, but has its page,
-- to which orders lead. docs/api/pos.md#administration

-- filter: keys(ids)
p.id = ANY ($1::bigint[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
p.id = ANY (ARRAY(
    SELECT found.id
      FROM (SELECT f.id, pos.folded(f.name || ' ' || f.sku) AS words FROM pos.product f
             WHERE pos.folded(f.name || ' ' || f.sku) LIKE core.containing(pos.folded($1::text)) AND f.is_active LIMIT 10000) found
     WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(pos.folded(word)) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: supplier(id)
p.supplier_id = $1::bigint AND p.supplier_id BETWEEN $1::bigint AND $1::bigint

-- name: list_rows(after, most) -> rows
SELECT p.id::text AS key, p.name || ' (' || p.sku || ')' AS label, p.name, p.sku, p.price, pos.tax_name(p.tax_rate) AS tax, p.current_stock,
       p.reserved_quantity, (SELECT s.name FROM pos.supplier s WHERE s.id = p.supplier_id) AS supplier, p.supplier_id::text AS supplier_key,
       p.updated_at, (/* key */ jsonb_build_array(p.id) /* or as asked */)::text AS place
  FROM pos.product p
 WHERE p.is_active AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY p.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id, zone) -> value
-- supplier: the key, for the form.
SELECT json_build_object(
           'label', p.name, 'name', p.name, 'sku', p.sku, 'price', pos.money(p.price), 'tax_rate', p.tax_rate, 'supplier', p.supplier_id::text,
           'supplier_name', s.name, 'supplier_name_key', s.id::text, 'tax_rate_display', pos.tax_name(p.tax_rate),
           'final_price', d.document -> 'final_price', 'current_stock', p.current_stock, 'reserved_quantity', p.reserved_quantity,
           'available_to_sell', p.current_stock - p.reserved_quantity, 'low_stock', d.document -> 'low_stock', 'is_active', p.is_active,
           'updated_at', core.iso(p.updated_at), 'promotions', d.document -> 'promotions')::text
  FROM pos.product p
  JOIN pos.supplier s ON s.id = p.supplier_id
 CROSS JOIN LATERAL (
       SELECT pos.product_document(
                  p, (SELECT sold.units FROM pos.sold_month_before(ARRAY[p.id], pos.today($2::text)) sold), pos.today($2::text)) AS document) d
 WHERE p.id = $1::bigint;
