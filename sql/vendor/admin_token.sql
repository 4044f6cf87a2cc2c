-- Tokens of the vendor API as the administration shows them: whose they are, and never the token or its digest. docs/api/vendor.md#administration

-- filter: keys(account_ids)
t.account_id = ANY ($1::bigint[])

-- filter: search(longest, words)
t.account_id = ANY (ARRAY(
    SELECT a.id
      FROM accounts.account a
     WHERE accounts.searched(a.email, a.name, a.username) LIKE core.containing($1::text)
       AND accounts.searched(a.email, a.name, a.username) LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))
       AND EXISTS (SELECT FROM vendor.token s WHERE s.account_id = a.id) LIMIT 1000))

-- filter: vendor(vendor_id)
t.account_id = (SELECT v.account_id FROM vendor.vendor v WHERE v.id = $1::uuid)

-- name: list_rows(after, most) -> rows
SELECT t.account_id::text AS key, a.email AS label, a.email, a.public_id::text AS email_key, a.role,
       its.business_name AS vendor, its.id AS vendor_key, s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active AS is_valid,
       s.created_at, a.last_login, s.address, s.user_agent, (/* key */ jsonb_build_array(t.account_id) /* or as asked */)::text AS place
  FROM vendor.token t
       CROSS JOIN LATERAL (SELECT s.created_at, s.expires_at, s.revoked_at, s.address, s.user_agent
                             FROM accounts.session s WHERE s.id = t.session_id OFFSET 0) s
       CROSS JOIN LATERAL (SELECT a.email, a.public_id, a.role, a.is_active, a.last_login FROM accounts.account a WHERE a.id = t.account_id OFFSET 0) a
       LEFT JOIN LATERAL (SELECT v.business_name, v.id::text AS id FROM vendor.vendor v WHERE v.account_id = t.account_id OFFSET 0) its ON true
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY t.account_id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(account_id) -> value
SELECT json_build_object(
           'email', a.email, 'email_key', a.public_id, 'username', a.username, 'role', a.role, 'vendor', v.business_name, 'vendor_key', v.id,
           'is_valid', s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active, 'created_at', core.iso(s.created_at),
           'last_login', core.iso(a.last_login), 'address', s.address, 'user_agent', s.user_agent, 'expires_at', core.iso(s.expires_at),
           'revoked_at', core.iso(s.revoked_at))::text
  FROM vendor.token t JOIN accounts.session s ON s.id = t.session_id JOIN accounts.account a ON a.id = t.account_id
       LEFT JOIN vendor.vendor v ON v.account_id = t.account_id
 WHERE t.account_id = $1::bigint;

-- name: get_session(account_id) -> value
-- The session of an account's token; null: it has none.
SELECT t.session_id FROM vendor.token t WHERE t.account_id = $1::bigint;
