-- Customers of the shop. Lists are ordered by id. A deleted customer is as if there were none. docs/api/pos.md#customers

-- name: list_customers(after, most) -> rows
SELECT document::text AS document, id AS key
  FROM (SELECT c AS customer, c.id FROM pos.customer c WHERE c.id > $1::bigint AND c.is_active ORDER BY c.id LIMIT $2::bigint) listed
 CROSS JOIN LATERAL pos.customer_document(customer) AS document
 ORDER BY id;

-- name: get_customer(id) -> value
SELECT document::text
  FROM pos.customer c CROSS JOIN LATERAL pos.customer_document(c) AS document
 WHERE c.id = $1::bigint AND c.is_active;

-- name: has_customer(id) -> value
SELECT EXISTS (SELECT FROM pos.customer c WHERE c.id = $1::bigint AND c.is_active);

-- name: create_customer(body, gives_limit, actor) -> row
-- gives_limit: whether the credit limit of the body counts; otherwise it may be anything, and is not read.
WITH made AS (
    INSERT INTO pos.customer AS c (first_name, last_name, phone_number, email, birth_date, credit_limit)
    SELECT core.trimmed(b.first_name), core.trimmed(b.last_name), core.trimmed(b.phone_number), core.trimmed(b.email), b.birth_date,
           coalesce(CASE WHEN $2::boolean THEN ($1::jsonb ->> 'credit_limit')::numeric END, 2000.00)
      FROM jsonb_to_record($1::jsonb) AS b (first_name text, last_name text, phone_number text, email text, birth_date date)
    RETURNING c AS customer
)
SELECT document::text AS document,
       operations.note($3::jsonb, 'customer.create', 'customer', (customer).id::text, NULL, to_jsonb(customer))
  FROM made CROSS JOIN LATERAL pos.customer_document(customer) AS document;

-- name: update_customer(id, body, gives_limit, actor) -> row
-- Members that the body omits stay. gives_limit: as in create_customer. No row: the customer does not exist.
WITH old AS MATERIALIZED (
    SELECT c.id, c AS customer FROM pos.customer c WHERE c.id = $1::bigint AND c.is_active FOR NO KEY UPDATE
), changed AS (
    UPDATE pos.customer AS c
       SET first_name   = coalesce(core.trimmed(b.first_name), c.first_name),
           last_name    = coalesce(core.trimmed(b.last_name), c.last_name),
           phone_number = coalesce(core.trimmed(b.phone_number), c.phone_number),
           email        = coalesce(core.trimmed(b.email), c.email),
           birth_date   = coalesce(b.birth_date, c.birth_date),
           credit_limit = coalesce(CASE WHEN $3::boolean THEN ($2::jsonb ->> 'credit_limit')::numeric END, c.credit_limit)
      FROM old, jsonb_to_record($2::jsonb) AS b (first_name text, last_name text, phone_number text, email text, birth_date date)
     WHERE c.id = old.id
    RETURNING c AS customer
)
SELECT document::text AS document,
       operations.note($4::jsonb, 'customer.update', 'customer', old.id::text, to_jsonb(old.customer), to_jsonb(changed.customer))
  FROM changed CROSS JOIN old CROSS JOIN LATERAL pos.customer_document(changed.customer) AS document;

-- name: find_taken(body, id) -> row
-- Which fields of the body another customer has. id: of the customer that is changed; null: of a new one.
SELECT EXISTS (SELECT FROM pos.customer c
                WHERE c.phone_number = core.trimmed($1::jsonb ->> 'phone_number') AND c.is_active
                  AND c.id IS DISTINCT FROM $2::bigint) AS phone_number,
       EXISTS (SELECT FROM pos.customer c
                WHERE lower(c.email) = lower(core.trimmed($1::jsonb ->> 'email')) AND c.is_active
                  AND c.id IS DISTINCT FROM $2::bigint) AS email;

-- name: delete_customer(id, actor) -> row
-- The row is locked first, so that no entry of a ledger comes in between. has_balance: it stays, as it has points or a debt. No row: the
-- customer does not exist.
WITH held AS MATERIALIZED (
    SELECT c.id, c AS customer, c.current_points <> 0 OR c.credit_used <> 0 AS has_balance
      FROM pos.customer c WHERE c.id = $1::bigint AND c.is_active FOR NO KEY UPDATE
), gone AS (
    UPDATE pos.customer AS c SET is_active = false FROM held WHERE c.id = held.id AND NOT held.has_balance
    RETURNING c.id
)
SELECT held.has_balance,
       CASE WHEN gone.id IS NOT NULL THEN
            operations.note($2::jsonb, 'customer.delete', 'customer', gone.id::text, to_jsonb(held.customer), NULL) END AS noted
  FROM held LEFT JOIN gone ON gone.id = held.id;
