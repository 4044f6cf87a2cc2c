-- The audit as the administration shows it (handlers/api/admin.py). a: the entry.
-- docs/api/operations.md#administration
-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: keys(ids)
a.id = ANY ($1::bigint[])

-- filter: since(first_day, zone)
a.at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(last_day, zone)
a.at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- filter: account(id)
a.account_id = (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)
   AND a.account_id BETWEEN (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)
                        AND (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)

-- filter: email(email)
lower(a.email) = lower($1::text) AND lower(a.email) BETWEEN lower($1::text) AND lower($1::text)

-- filter: action(action)
a.action = $1::text AND a.action BETWEEN $1::text AND $1::text

-- filter: object_type(object_type)
a.object_type = $1::text AND a.object_type BETWEEN $1::text AND $1::text

-- filter: object_id(object_id)
a.object_id = $1::text AND a.object_id BETWEEN $1::text AND $1::text

-- name: list_rows(after, most) -> rows
SELECT a.id::text AS key, a.action || ' ' || a.object_type || ' ' || a.object_id AS label, a.at, a.email,
       (SELECT person.public_id::text FROM accounts.account person WHERE person.id = a.account_id) AS email_key,
       a.action, a.object_type, a.object_id, a.address,
       (/* key */ jsonb_build_array(a.id) /* or as asked */)::text AS place
  FROM operations.audit a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY a.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
-- email: of the account as it was then.
SELECT json_build_object(
           'label', a.action || ' ' || a.object_type || ' ' || a.object_id, 'at', core.iso(a.at), 'email', a.email,
           'email_key', (SELECT person.public_id FROM accounts.account person WHERE person.id = a.account_id),
           'account_id', a.account_id, 'action', a.action, 'object_type', a.object_type, 'object_id', a.object_id, 'address', a.address,
           'request_id', a.request_id, 'before', a.before, 'after', a.after)::text
  FROM operations.audit a WHERE a.id = $1::bigint;
