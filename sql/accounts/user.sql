-- Accounts as /api/auth/users/ manages them. Two documents describe this path, and one answer serves both: `document` is the JSON
-- of the staff API, `books` that of the books API. docs/api/accounts.md#staff-users

-- name: list_users(page, page_size) -> row
-- One page with the count of all. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT t.n AS count, core.page_number($1::bigint, t.n, $2::bigint) AS number FROM accounts.account_tally t
)
SELECT page.count, page.number AS page, found.documents::text AS results, found.books::text AS books
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents,
              coalesce(json_agg(accounts.books_document(a)), '[]') AS books
         FROM (SELECT account AS a FROM accounts.account
                ORDER BY account.id DESC /* or as asked */
                LIMIT $2 OFFSET (page.number - 1) * $2) listed
        CROSS JOIN LATERAL accounts.account_document(a) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $2 < page.count;

-- name: search_users(search, page, page_size) -> row
-- One page of the accounts whose e-mail, name or username contains every word of `search` (words separated by one blank). The
-- index finds the longest word.
WITH wanted AS MATERIALIZED (
    SELECT max(core.containing(word)) FILTER (WHERE length(word) = longest) AS longest, array_agg(core.containing(word)) AS patterns
      FROM (SELECT word, max(length(word)) OVER () AS longest FROM unnest(string_to_array($1::text, ' ')) AS word) words
), matching AS MATERIALIZED (
    SELECT a.id
      FROM accounts.account a
     WHERE accounts.searched(a.email, a.name, a.username) LIKE (SELECT longest FROM wanted)
       AND accounts.searched(a.email, a.name, a.username) LIKE ALL ((SELECT patterns FROM wanted)::text[])
), page AS (
    SELECT total.count, core.page_number($2::bigint, total.count, $3::bigint) AS number FROM (SELECT count(*) AS count FROM matching) total
)
SELECT page.count, page.number AS page, found.documents::text AS results, found.books::text AS books
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents,
              coalesce(json_agg(accounts.books_document(a)), '[]') AS books
         FROM (SELECT account AS a FROM accounts.account JOIN matching USING (id)
                ORDER BY account.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3) listed
        CROSS JOIN LATERAL accounts.account_document(a) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3 < page.count;

-- name: walk_users(after, page_size) -> rows
-- One page after the account with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk
-- fills in the order.
SELECT document::text AS document, accounts.books_document(account)::text AS books,
       (/* key */ jsonb_build_array(account.id) /* or as asked */)::text AS key
  FROM (SELECT account.* FROM accounts.account
         WHERE /* after */ $1::jsonb IS NULL /* or as asked */
         ORDER BY account.id DESC /* or as asked */
         LIMIT $2::bigint + 1) account
 CROSS JOIN LATERAL accounts.account_document(account) AS document
 ORDER BY account.id DESC /* or as asked */;

-- name: walk_found(after, search, page_size) -> rows
-- As walk_users, for the accounts that search_users finds. The index finds up to a thousand accounts, which are then sorted. If
-- there are more, or if no word has the three letters that the index needs, a walk in the order soon meets enough of them.
-- coalesce hides the condition of that walk from the planner, which would otherwise expect few matches and sort the whole table.
WITH wanted AS MATERIALIZED (
    SELECT max(core.containing(word)) FILTER (WHERE length(word) = longest) AS longest, max(longest) < 3 AS is_short,
           array_agg(core.containing(word)) AS patterns
      FROM (SELECT word, max(length(word)) OVER () AS longest FROM unnest(string_to_array($2::text, ' ')) AS word) words
), found AS MATERIALIZED (
    SELECT ARRAY(SELECT a.id
                   FROM accounts.account a
                  WHERE accounts.searched(a.email, a.name, a.username) LIKE (SELECT longest FROM wanted)
                    AND accounts.searched(a.email, a.name, a.username) LIKE ALL ((SELECT patterns FROM wanted)::text[])
                    AND NOT (SELECT is_short FROM wanted)
                  LIMIT 1001) AS ids
), extent AS MATERIALIZED (
    SELECT (SELECT is_short FROM wanted) OR cardinality(ids) > 1000 AS is_wide FROM found
)
SELECT document::text AS document, accounts.books_document(account)::text AS books,
       (/* key */ jsonb_build_array(account.id) /* or as asked */)::text AS key
  FROM ((SELECT account.* FROM accounts.account
          WHERE NOT (SELECT is_wide FROM extent) AND account.id = ANY ((SELECT ids FROM found)::bigint[])
            AND /* after */ $1::jsonb IS NULL /* or as asked */
          ORDER BY account.id DESC /* or as asked */
          LIMIT $3::bigint + 1)
        UNION ALL
        (SELECT account.* FROM accounts.account
          WHERE (SELECT is_wide FROM extent)
            AND coalesce(accounts.searched(account.email, account.name, account.username)
                         LIKE ALL ((SELECT patterns FROM wanted)::text[]), false)
            AND /* after */ $1::jsonb IS NULL /* or as asked */
          ORDER BY account.id DESC /* or as asked */
          LIMIT $3::bigint + 1)) account
 CROSS JOIN LATERAL accounts.account_document(account) AS document
 ORDER BY account.id DESC /* or as asked */;

-- name: get_user(public_id, account_id) -> row
-- By one of the two ids; the other is null.
SELECT document::text AS document, accounts.books_document(a)::text AS books
  FROM accounts.account a CROSS JOIN LATERAL accounts.account_document(a) AS document
 WHERE a.public_id = $1 OR a.id = $2;

-- name: create_user(maker_id, password_hash, avatar, body, actor) -> row
-- password_hash null: nobody can sign in to the account yet. Roles that administer get is_staff, unless the body says otherwise.
WITH made AS (
    INSERT INTO accounts.account AS a (
           email, username, name, first_name, last_name, phone, role, is_superuser, department_id, job_title_id, is_active,
           is_staff, company_name, company_address, company_logo, avatar, password_hash, created_by)
    SELECT core.trimmed(b ->> 'email'), coalesce(core.trimmed(b ->> 'username'), ''),
           coalesce(core.trimmed(b ->> 'name'), ''), coalesce(core.trimmed(b ->> 'first_name'), ''),
           coalesce(core.trimmed(b ->> 'last_name'), ''), core.trimmed(b ->> 'phone'),
           coalesce(b ->> 'role', 'USER'), coalesce(b ->> 'role' = 'SUPERADMIN', false), nullif(b ->> 'department_id', '')::uuid,
           nullif(b ->> 'job_title', '')::uuid, coalesce((b ->> 'is_active')::boolean, true),
           coalesce((b ->> 'is_staff')::boolean, b ->> 'role' IN ('SUPERADMIN', 'ADMIN', 'OWNER'), false),
           coalesce(core.trimmed(b ->> 'company_name'), ''),
           coalesce(core.trimmed(b ->> 'company_address'), ''), coalesce(core.trimmed(b ->> 'company_logo'), ''),
           $3, $2, $1
      FROM CAST($4 AS jsonb) AS b
    RETURNING a
)
SELECT document::text AS document, accounts.books_document(a)::text AS books,
       operations.note($5::jsonb, 'account.create', 'account', (a).public_id::text, NULL, accounts.audited(a))
  FROM made CROSS JOIN LATERAL accounts.account_document(a) AS document;

-- name: find_user(public_id, account_id) -> row
SELECT email, username, name, role FROM accounts.account WHERE public_id = $1 OR id = $2;

-- name: hold_username(username) -> value
-- Until the transaction ends, no other transaction holds this username.
SELECT pg_advisory_xact_lock(hashtextextended(lower($1), 0));

-- name: find_username(username, account_id) -> row
-- own: the account's present username. is_taken: another account has the wanted one. No row: the account does not exist.
SELECT own.username AS own, EXISTS (SELECT FROM accounts.account a
                                     WHERE lower(a.username) = lower($1) AND a.username <> '' AND a.id <> own.id) AS is_taken
  FROM accounts.account own WHERE own.id = $2;

-- name: lock_user(public_id, account_id) -> row
-- Locks the account before the caller's permission is checked, so that its role cannot change in between. NO KEY: a sign-in at
-- the same time does not wait.
SELECT id AS account_id, email, role, is_active, is_staff, is_superuser, avatar, department_id::text, job_title_id::text AS job_title
  FROM accounts.account WHERE public_id = $1 OR id = $2 FOR NO KEY UPDATE;

-- name: update_user(account_id, password_hash, avatar, keep_session, body, actor, keeps_staff) -> row
-- Members that the body omits stay. keeps_staff: false if the new role does not administer; the account then loses is_staff, unless
-- the body says otherwise. A new password or a deactivation ends the sessions of the account except keep_session.
WITH old AS (
    SELECT accounts.audited(a) AS audited FROM accounts.account a WHERE a.id = $1
), changed AS (
    UPDATE accounts.account AS a
       SET email           = coalesce(core.trimmed(b ->> 'email'), a.email),
           username        = coalesce(core.trimmed(b ->> 'username'), a.username),
           name            = coalesce(core.trimmed(b ->> 'name'), a.name),
           first_name      = coalesce(core.trimmed(b ->> 'first_name'), a.first_name),
           last_name       = coalesce(core.trimmed(b ->> 'last_name'), a.last_name),
           phone           = CASE WHEN b ? 'phone' THEN core.trimmed(b ->> 'phone') ELSE a.phone END,
           role            = coalesce(b ->> 'role', a.role),
           is_superuser    = coalesce(b ->> 'role' = 'SUPERADMIN', a.is_superuser),
           department_id   = CASE WHEN b ? 'department_id' THEN nullif(b ->> 'department_id', '')::uuid ELSE a.department_id END,
           job_title_id    = CASE WHEN b ? 'job_title' THEN nullif(b ->> 'job_title', '')::uuid ELSE a.job_title_id END,
           is_active       = coalesce((b ->> 'is_active')::boolean, a.is_active),
           is_staff        = coalesce((b ->> 'is_staff')::boolean, a.is_staff AND $7),
           company_name    = coalesce(core.trimmed(b ->> 'company_name'), a.company_name),
           company_address = coalesce(core.trimmed(b ->> 'company_address'), a.company_address),
           company_logo    = coalesce(core.trimmed(b ->> 'company_logo'), a.company_logo),
           avatar          = CASE WHEN $3::text IS NOT NULL THEN $3 WHEN b -> 'avatar' = 'null' THEN NULL ELSE a.avatar END,
           password_hash   = coalesce($2, a.password_hash),
           updated_at      = now()
      FROM CAST($5 AS jsonb) AS b
     WHERE a.id = $1
    RETURNING a
), ended AS (
    UPDATE accounts.session s SET revoked_at = now()
      FROM changed
     WHERE s.account_id = $1 AND s.revoked_at IS NULL AND s.id IS DISTINCT FROM $4
       AND ($2::text IS NOT NULL OR NOT (changed.a).is_active)
)
SELECT document::text AS document, accounts.books_document(a)::text AS books,
       operations.note($6::jsonb, 'account.update', 'account', (a).public_id::text, old.audited, accounts.audited(a))
  FROM changed CROSS JOIN old CROSS JOIN LATERAL accounts.account_document(a) AS document;

-- name: set_active(account_id, is_active, actor) -> value
-- Activates or deactivates an account; a deactivation ends its sessions. The answer is the same if nothing changes.
WITH old AS (
    SELECT accounts.audited(a) AS audited FROM accounts.account a WHERE a.id = $1
), changed AS (
    UPDATE accounts.account AS a SET is_active = $2, updated_at = now() WHERE a.id = $1 RETURNING a
), ended AS (
    UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL AND NOT $2
)
SELECT json_build_object('email', (a).email, 'is_active', (a).is_active)::text,
       operations.note($3::jsonb, CASE WHEN $2 THEN 'account.activate' ELSE 'account.deactivate' END, 'account',
                       (a).public_id::text, old.audited, accounts.audited(a))
  FROM changed CROSS JOIN old;

-- name: delete_user(account_id, actor) -> value
-- Deletes the account with its sessions and menus. What the account made stays, without a maker.
WITH gone AS (
    DELETE FROM accounts.account AS a WHERE a.id = $1 RETURNING a
)
SELECT (a).id, operations.note($2::jsonb, 'account.delete', 'account', (a).public_id::text, accounts.audited(a), NULL) FROM gone;
