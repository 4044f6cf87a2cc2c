-- Customers of the shop as the administration shows them (handlers/api/admin.py). A deleted customer is in no list, as for the API, but has a page,
-- to which orders and ledgers lead. docs/api/pos.md#administration

-- filter: keys(ids)
c.id = ANY ($1::bigint[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
c.id = ANY (ARRAY(
    SELECT found.id
      FROM (SELECT f.id, pos.searched_customer(f.first_name, f.last_name, f.phone_number, f.email) AS words FROM pos.customer f
             WHERE pos.searched_customer(f.first_name, f.last_name, f.phone_number, f.email) LIKE core.containing(pos.folded($1::text)) AND f.is_active LIMIT 10000) found
     WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(pos.folded(word)) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: is_frequent(is_frequent)
c.is_frequent = $1::boolean AND c.is_frequent BETWEEN $1::boolean AND $1::boolean

-- name: list_rows(after, most) -> rows
SELECT c.id::text AS key, c.first_name || ' ' || c.last_name AS label, c.first_name || ' ' || c.last_name AS name, c.phone_number, c.email,
       c.is_frequent, c.current_points, c.credit_used, c.credit_limit, c.created_at,
       (/* key */ jsonb_build_array(c.id) /* or as asked */)::text AS place
  FROM pos.customer c
 WHERE c.is_active AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY c.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'label', c.first_name || ' ' || c.last_name, 'first_name', c.first_name, 'last_name', c.last_name, 'phone_number', c.phone_number,
           'email', c.email, 'birth_date', c.birth_date, 'credit_limit', pos.money(c.credit_limit), 'is_frequent', c.is_frequent,
           'current_points', c.current_points, 'credit_used', pos.money(c.credit_used),
           'available_credit', pos.money(pos.available_credit(c.is_frequent, c.credit_limit, c.credit_used)), 'is_active', c.is_active,
           'created_at', core.iso(c.created_at))::text
  FROM pos.customer c WHERE c.id = $1::bigint;
