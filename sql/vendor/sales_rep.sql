-- Sales reps and the vendors that they approve. docs/api/vendor.md#sales-rep-pages

-- name: get_rep(account_id) -> row
-- What decides whether an account may use the pages. is_rep_active: null without a profile.
SELECT a.role, a.is_staff, r.is_active AS is_rep_active, coalesce(nullif(r.name, ''), nullif(a.name, ''), nullif(a.username, ''), a.email) AS name
  FROM accounts.account a LEFT JOIN vendor.sales_rep r ON r.account_id = a.id
 WHERE a.id = $1::bigint;

-- name: open_session(account_id, password_hash, user_agent, address, days, request_id) -> value
-- Opens a session for an account whose password was checked. Null: the account or its password has changed since.
WITH opened AS (
    INSERT INTO accounts.session (account_id, user_agent, address, expires_at)
    SELECT a.id, $3, $4, now() + make_interval(secs => $5::float8 * 86400)
      FROM accounts.account a WHERE a.id = $1::bigint AND a.password_hash = $2 AND a.is_active
    RETURNING id
), signed_in AS (
    UPDATE accounts.account a SET last_login = now() WHERE a.id = $1 AND EXISTS (SELECT FROM opened) RETURNING a.id, a.email, a.public_id
), noted AS (
    SELECT operations.note(operations.actor(s.id, s.email, $4, $6), 'account.sign-in', 'account', s.public_id::text, NULL, NULL) FROM signed_in s
)
SELECT opened.id FROM opened CROSS JOIN noted;

-- name: end_session(session_id, actor) -> row
-- No row: it has ended already.
WITH ended AS (
    UPDATE accounts.session s SET revoked_at = now() WHERE s.id = $1::bigint AND s.revoked_at IS NULL RETURNING s.id
)
SELECT ended.id, operations.note($2::jsonb, 'session.revoke', 'session', ended.id::text, NULL, NULL) FROM ended;

-- name: count_vendors() -> row
-- Of the whole table. A vendor is pending who is neither approved nor active, and approved who is both.
SELECT count(*) FILTER (WHERE NOT v.is_approved AND NOT a.is_active) AS pending,
       count(*) FILTER (WHERE v.is_approved AND a.is_active) AS approved,
       count(*) AS total
  FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id;

-- name: list_vendors(status, search, after, timezone, most) -> rows
-- Newest first. status: pending or approved; null lists all. search: a part of the username, e-mail, business name or phone, in any case; ""
-- finds all. after: the id of the vendor before the first one; null begins with the newest.
SELECT v.id::text AS id, v.business_name, a.username, a.email, v.phone, v.is_approved, v.is_approved AND a.is_active AS is_admitted,
       to_char(v.created_at AT TIME ZONE $4, 'DD Mon YYYY HH24:MI') AS created
  FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id
 WHERE ($1::text IS NULL OR (v.is_approved = ($1 = 'approved') AND a.is_active = ($1 = 'approved')))
   AND strpos(lower(concat_ws(E'\n', a.username, a.email, v.business_name, v.phone)), lower($2::text)) > 0
   AND ($3::uuid IS NULL OR (v.created_at, v.id) < (SELECT p.created_at, p.id FROM vendor.vendor p WHERE p.id = $3))
 ORDER BY v.created_at DESC, v.id DESC LIMIT $5::bigint;

-- name: get_vendor(vendor_id, timezone) -> row
-- No row: there is no such vendor.
SELECT v.id::text AS id, v.business_name, v.phone, v.address, v.is_approved, a.is_active, v.is_approved AND a.is_active AS is_admitted,
       a.username, a.email, a.first_name, a.last_name,
       to_char(v.created_at AT TIME ZONE $2, 'DD Mon YYYY HH24:MI') AS created,
       to_char(v.updated_at AT TIME ZONE $2, 'DD Mon YYYY HH24:MI') AS updated
  FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id
 WHERE v.id = $1::uuid;

-- name: set_approval(vendor_ids, is_approved, actor) -> rows
-- Approves or rejects vendors: the vendor is approved, and its account active, or neither. Unknown ids are left out. An account that has got
-- another role since is left as it is. What is to change is decided by the rows as they are once they are locked (`chosen`): the rows that an
-- UPDATE sees at first are those of the statement's beginning, before the decision of another sales rep that it has waited for.
WITH chosen AS MATERIALIZED (
    SELECT v.id, v.business_name, v.account_id, v.is_approved, a.is_active, a.role
      FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id
     WHERE v.id = ANY ($1::uuid[]) ORDER BY v.id
       FOR NO KEY UPDATE OF v, a
), approved AS (
    UPDATE vendor.vendor v SET is_approved = $2, updated_at = now()
      FROM chosen WHERE v.id = chosen.id AND (chosen.is_approved <> $2 OR chosen.is_active <> $2)
), activated AS (
    UPDATE accounts.account a SET is_active = $2, updated_at = now()
      FROM chosen WHERE a.id = chosen.account_id AND chosen.role = 'VENDOR' AND chosen.is_active <> $2
)
SELECT chosen.business_name,
       operations.note($3::jsonb, CASE WHEN $2::boolean THEN 'vendor.approve' ELSE 'vendor.reject' END, 'vendor', chosen.id::text,
                       jsonb_build_object('business_name', chosen.business_name, 'is_approved', chosen.is_approved, 'is_active', chosen.is_active),
                       jsonb_build_object('business_name', chosen.business_name, 'is_approved', $2, 'is_active', $2))
  FROM chosen ORDER BY chosen.id;
