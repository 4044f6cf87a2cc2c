-- Sign-ins and the sessions that they open. Both tokens of a session hold its id. docs/api/accounts.md#sign-in, #tokens, #sessions

-- name: open_session(account_id, password_hash, user_agent, address, days, request_id) -> row
-- No row unless the account is active and still has the password that was checked: either may have changed since the check, and
-- that change ended the sessions of that moment only. menus is empty for a SUPERADMIN, whose client shows its built-in menu.
-- docs/api/accounts.md#sign-in
WITH account AS (
    UPDATE accounts.account SET last_login = now() WHERE id = $1 AND is_active AND password_hash = $2
    RETURNING id, public_id, email, username, name, role, avatar, company_name, department_id, job_title_id, is_staff, is_superuser
), session AS (
    INSERT INTO accounts.session (account_id, user_agent, address, expires_at)
    SELECT id, $3, $4, now() + make_interval(secs => $5::double precision * 86400) FROM account
    RETURNING id, expires_at, refreshes
)
SELECT account.id AS account_id, session.id AS session_id, session.refreshes, extract(epoch FROM session.expires_at)::bigint AS expires_at,
       account.email, coalesce(nullif(account.username, ''), account.email) AS username, account.role, account.company_name,
       row_to_json(shown)::text AS account,
       (CASE WHEN account.role = 'SUPERADMIN' THEN '[]' ELSE accounts.menu_tree(account.id) END)::text AS menus,
       operations.note(operations.actor(account.id, account.email, $4, $6), 'account.sign-in', 'account', account.public_id::text, NULL, NULL) AS noted
  FROM account CROSS JOIN session CROSS JOIN LATERAL (
       SELECT account.public_id AS id, account.email, account.name, 'media:' || account.avatar AS avatar, account.role,
              (SELECT d.name FROM accounts.department d WHERE d.id = account.department_id) AS department, account.department_id,
              (SELECT json_build_object('id', t.id, 'title', t.title)
                 FROM accounts.job_title t WHERE t.id = account.job_title_id) AS job_title,
              account.is_staff, account.is_superuser, '[]'::json AS groups) shown;

-- name: get_refreshable(session_id) -> row
-- No row: the session has expired, or was revoked. Of an inactive account a revoked session is found too, for its own refusal.
SELECT a.id AS account_id, a.email, coalesce(nullif(a.username, ''), a.email) AS username, a.role, a.company_name, a.is_active,
       s.id AS session_id, s.refreshes, extract(epoch FROM s.expires_at)::bigint AS expires_at
  FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
 WHERE s.id = $1 AND s.expires_at > now() AND (s.revoked_at IS NULL OR NOT a.is_active);

-- name: use_refresh(session_id, generation, renews, grace, address, request_id) -> row
-- Strict rotation in one guarded update. generation: the claim `gen` of the refresh token. The newest token is accepted; with
-- `renews` it is then no longer the newest. For `grace` seconds its predecessor is accepted too and leads to the same successor: two
-- tabs of a browser renew at the same moment, and an answer may be lost. An older token was used before, by its owner or by a thief,
-- and ends the session for both (is_reused).
WITH used AS (
    UPDATE accounts.session s
       SET refreshes  = s.refreshes + CASE WHEN s.refreshes = $2::integer AND $3::boolean THEN 1 ELSE 0 END,
           renewed_at = CASE WHEN s.refreshes = $2::integer AND $3::boolean THEN clock_timestamp() ELSE s.renewed_at END,
           revoked_at = CASE WHEN s.refreshes <> $2::integer
                              AND NOT (s.refreshes = $2::integer + 1 AND s.renewed_at > clock_timestamp() - make_interval(secs => $4))
                             THEN now() END
      FROM accounts.account a
     WHERE s.id = $1 AND a.id = s.account_id AND a.is_active AND s.revoked_at IS NULL AND s.expires_at > now()
    RETURNING s.id, s.refreshes, s.expires_at, s.revoked_at, a.id AS account_id, a.email, a.username, a.role, a.company_name
)
SELECT account_id, email, coalesce(nullif(username, ''), email) AS username, role, company_name, id AS session_id, refreshes,
       extract(epoch FROM expires_at)::bigint AS expires_at, revoked_at IS NOT NULL AS is_reused,
       CASE WHEN revoked_at IS NOT NULL THEN
            operations.note(operations.actor(account_id, email, $5, $6), 'session.reuse', 'session', id::text, NULL, NULL) END AS noted
  FROM used;

-- name: end_sessions(session_ids, account_id, action, address, request_id) -> rows
-- Ends all given sessions, or none of them if one has already ended or belongs to another account than account_id (null: any
-- account). Returns the sessions that were open, and whether they are ended now. The rows are locked in id order, so that two
-- requests that end the same sessions cannot deadlock; the second one finds them ended.
WITH open AS MATERIALIZED (
    SELECT s.id, s.account_id, a.email
      FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id
     WHERE s.id = ANY ($1::bigint[]) AND s.revoked_at IS NULL AND s.expires_at > now()
       AND ($2::bigint IS NULL OR s.account_id = $2)
     ORDER BY s.id FOR UPDATE OF s
), ended AS (
    UPDATE accounts.session s SET revoked_at = now() FROM open
     WHERE s.id = open.id AND s.revoked_at IS NULL AND (SELECT count(*) FROM open) = cardinality($1::bigint[])
    RETURNING s.id
)
SELECT open.id AS session_id, ended.id IS NOT NULL AS is_ended,
       CASE WHEN ended.id IS NOT NULL THEN
            operations.note(operations.actor(open.account_id, open.email, $4, $5), $3::text, 'session', open.id::text, NULL, NULL)
       END AS noted
  FROM open LEFT JOIN ended ON ended.id = open.id;

-- name: list_sessions(account_id) -> value
-- The open sessions of an account, newest first.
SELECT coalesce(json_agg(accounts.session_document(s) ORDER BY s.id DESC), '[]')::text
  FROM accounts.session s WHERE s.account_id = $1 AND s.revoked_at IS NULL AND s.expires_at > now();

-- name: get_session(id, account_id) -> value
-- Also a session that has ended.
SELECT accounts.session_document(s)::text FROM accounts.session s WHERE s.id = $1 AND s.account_id = $2;

-- name: revoke_session(id, account_id, actor) -> row
-- No row: the account has no such session. Of two revocations at the same time, the second finds the session revoked and writes no
-- entry into the audit.
WITH old AS (
    SELECT s AS session FROM accounts.session s WHERE s.id = $1 AND s.account_id = $2 FOR NO KEY UPDATE
), revoked AS (
    UPDATE accounts.session AS s SET revoked_at = now() FROM old WHERE s.id = (old.session).id AND s.revoked_at IS NULL
    RETURNING s AS session
)
SELECT (old.session).id,
       CASE WHEN (revoked.session).id IS NOT NULL
            THEN operations.note($3::jsonb, 'session.revoke', 'session', ((old.session).id)::text, to_jsonb(old.session),
                                 to_jsonb(revoked.session)) END
  FROM old LEFT JOIN revoked ON true;

-- name: remove_expired_sessions(days, most) -> none
-- Deletes at most `most` sessions that expired more than `days` days ago, the oldest first. Another process at the same time deletes
-- other rows.
DELETE FROM accounts.session
 WHERE id IN (SELECT id FROM accounts.session
               WHERE expires_at < now() - make_interval(days => $1) ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED);
