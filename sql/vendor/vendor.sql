-- Vendors and their tokens. docs/api/vendor.md#sign-in

-- name: get_session_of_token(digest) -> value
SELECT t.session_id FROM vendor.token t WHERE t.digest = $1::bytea;

-- name: take_vendor_state(account_id, password_hash) -> row
-- What decides whether an account may sign in here. No row: it was deleted. The account's row is locked, so that two sign-ins at once
-- open one session.
SELECT a.is_active, v.id IS NOT NULL AS is_vendor, coalesce(v.is_approved, true) AS is_approved
  FROM accounts.account a LEFT JOIN vendor.vendor v ON v.account_id = a.id
 WHERE a.id = $1::bigint AND a.password_hash = $2
   FOR NO KEY UPDATE OF a;

-- name: open_session(account_id, user_agent, address, years, request_id) -> row
-- The session of the account's token, if it is open; otherwise a new one. A token doesn't expire, so its session lasts for `years`.
-- Within the transaction that has locked the account.
WITH kept AS (
    SELECT s.id, t.digest
      FROM vendor.token t JOIN accounts.session s ON s.id = t.session_id
     WHERE t.account_id = $1 AND s.revoked_at IS NULL AND s.expires_at > now()
), made AS (
    INSERT INTO accounts.session (account_id, user_agent, address, expires_at)
    SELECT $1, $2, $3, now() + make_interval(years => $4::integer) WHERE NOT EXISTS (SELECT FROM kept)
    RETURNING id
), signed_in AS (
    UPDATE accounts.account a SET last_login = now() WHERE a.id = $1 RETURNING a.id, a.username, a.email, a.public_id
)
SELECT coalesce(kept.id, made.id) AS session_id, kept.digest, signed_in.id AS account_id, signed_in.username,
       operations.note(operations.actor(signed_in.id, signed_in.email, $3, $5), 'account.sign-in', 'account', signed_in.public_id::text, NULL, NULL)
  FROM signed_in LEFT JOIN kept ON true LEFT JOIN made ON true;

-- name: keep_token(account_id, session_id, digest) -> none
INSERT INTO vendor.token (account_id, session_id, digest) VALUES ($1::bigint, $2::bigint, $3::bytea)
    ON CONFLICT (account_id) DO UPDATE SET session_id = EXCLUDED.session_id, digest = EXCLUDED.digest;

-- name: get_profile(account_id) -> value
-- The vendor as a sign-in shows it; null: the account is no vendor's.
SELECT json_build_object(
           'id', v.id, 'business_name', v.business_name, 'gst_no', v.gst_no, 'fssai_license', v.fssai_license,
           'logo_url', 'media:' || v.logo, 'footer_note', v.footer_note, 'phone', v.phone, 'address', v.address)::text
  FROM vendor.vendor v WHERE v.account_id = $1::bigint;

-- name: end_session(session_id, actor) -> row
-- Ends the session of a token, and with it the token.
WITH ended AS (
    UPDATE accounts.session s SET revoked_at = now() WHERE s.id = $1::bigint AND s.revoked_at IS NULL RETURNING s.id
)
SELECT ended.id, operations.note($2::jsonb, 'session.revoke', 'session', ended.id::text, NULL, NULL) FROM ended;

-- name: get_vendor_of_account(account_id) -> row
-- No row: the account has no vendor.
SELECT v.id::text AS id, v.business_name, v.is_approved FROM vendor.vendor v WHERE v.account_id = $1::bigint;
