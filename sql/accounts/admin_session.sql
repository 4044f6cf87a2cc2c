-- Sessions that let somebody in, as the administration shows them (handlers/api/admin.py). s: the session.
-- docs/api/accounts.md#administration
-- account: see admin_user.sql.

-- filter: keys(ids)
s.id = ANY ($1::bigint[])

-- filter: account(id)
s.account_id = (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)
   AND s.account_id BETWEEN (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)
                        AND (SELECT chosen.id FROM accounts.account chosen WHERE chosen.public_id = $1::uuid)

-- name: list_rows(after, most) -> rows
-- From the index of sessions that were not revoked, of which those that have expired are one end. The place comes first: of two lower bounds
-- Postgres begins at the one that is named first. The account of a row is read one by one for the rows of the page.
SELECT s.id::text AS key, a.email || ', ' || to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS label,
       a.email AS account, a.public_id::text AS account_key, a.role, s.address, s.user_agent, s.created_at, s.renewed_at, s.expires_at,
       (/* key */ jsonb_build_array(s.id) /* or as asked */)::text AS place
  FROM (SELECT s.* FROM accounts.session s
         WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) AND s.revoked_at IS NULL AND s.expires_at > now() /* filters */
         ORDER BY s.id /* or as asked */ LIMIT $2::bigint) s
 CROSS JOIN LATERAL (SELECT one.email, one.public_id, one.role FROM accounts.account one WHERE one.id = s.account_id OFFSET 0) a
 ORDER BY s.id /* or as asked */;

-- name: get_row(id) -> value
-- Also a session that has ended, which an entry of the audit may be about.
SELECT json_build_object(
           'label', a.email, 'account', a.email, 'account_key', a.public_id, 'role', a.role, 'address', s.address, 'user_agent', s.user_agent,
           'created_at', core.iso(s.created_at), 'renewed_at', core.iso(s.renewed_at), 'refreshes', s.refreshes,
           'expires_at', core.iso(s.expires_at), 'revoked_at', core.iso(s.revoked_at),
           'is_open', s.revoked_at IS NULL AND s.expires_at > now())::text
  FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
 WHERE s.id = $1::bigint;

-- name: lock_owner(id) -> row
-- The account of a session, locked as by lock_user of user.sql, so that its role can't change in between.
SELECT a.id AS account_id, a.role
  FROM accounts.account a WHERE a.id = (SELECT s.account_id FROM accounts.session s WHERE s.id = $1::bigint) FOR NO KEY UPDATE;
