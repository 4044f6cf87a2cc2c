-- Reading the audit, newest first. docs/api/operations.md#audit
-- Postgres plans each combination of filters as a statement of its own (core/data/sql.py). a: the entry. Days are days of UTC.

-- filter: before(microseconds, id)
(a.at, a.id) < (core.moment($1::bigint), $2::bigint)

-- filter: since(first_day)
a.at >= (($1::text)::date)::timestamp AT TIME ZONE 'UTC'

-- filter: until(last_day)
a.at < (($1::text)::date + 1)::timestamp AT TIME ZONE 'UTC'

-- filter: account_id(id)
a.account_id = $1::bigint

-- filter: email(email)
lower(a.email) = lower($1::text)

-- filter: action(action)
a.action = $1::text

-- filter: object_type(object_type)
a.object_type = $1::text

-- filter: object_id(object_id)
a.object_id = $1::text

-- name: list_entries(most) -> rows
-- document: the entry as JSON. at_us, id: the key of the next page; at_us in microseconds since 1970.
SELECT a.id, core.microseconds(a.at) AS at_us,
       json_build_object('id', a.id, 'at', core.iso(a.at), 'account_id', a.account_id, 'email', a.email,
                         'address', a.address, 'request_id', a.request_id, 'action', a.action, 'object_type', a.object_type,
                         'object_id', a.object_id, 'before', a.before, 'after', a.after)::text AS document
  FROM operations.audit a
 WHERE true /* filters */
 ORDER BY a.at DESC, a.id DESC LIMIT $1::bigint;
