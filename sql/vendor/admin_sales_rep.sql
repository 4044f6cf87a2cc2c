-- Profiles of sales reps as the administration shows and writes them. docs/api/vendor.md#administration

-- filter: keys(account_ids) in list_rows
r.account_id = ANY ($1::bigint[])

-- filter: search(longest, words) in list_rows
r.account_id = ANY (ARRAY(
    SELECT found.account_id
      FROM ((SELECT s.account_id
               FROM vendor.sales_rep s CROSS JOIN LATERAL (SELECT accounts.searched(a.email, a.name, a.username) AS text
                                                             FROM accounts.account a WHERE a.id = s.account_id OFFSET 0) its
              WHERE vendor.searched(s.name, s.phone) LIKE core.containing($1::text)
                AND its.text || E'\n' || vendor.searched(s.name, s.phone)
                    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))
              LIMIT 1000)
            UNION
            (SELECT its.account_id
               FROM accounts.account a CROSS JOIN LATERAL (SELECT s.account_id, vendor.searched(s.name, s.phone) AS text
                                                             FROM vendor.sales_rep s WHERE s.account_id = a.id OFFSET 0) its
              WHERE accounts.searched(a.email, a.name, a.username) LIKE core.containing($1)
                AND accounts.searched(a.email, a.name, a.username) || E'\n' || its.text
                    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2) AS word))
              LIMIT 1000)) found))

-- filter: is_active(is_active) in list_rows
r.is_active::integer = $1::boolean::integer

-- name: list_rows(after, most) -> rows
SELECT r.account_id::text AS key, coalesce(nullif(r.name, ''), a.email) AS label, coalesce(nullif(r.name, ''), a.email) AS name, a.username, a.email,
       a.public_id::text AS email_key, r.phone, r.is_active, r.created_at, (/* key */ jsonb_build_array(r.account_id) /* or as asked */)::text AS place
  FROM vendor.sales_rep r
       CROSS JOIN LATERAL (SELECT a.username, a.email, a.public_id FROM accounts.account a WHERE a.id = r.account_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY r.account_id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(account_id) -> value
SELECT json_build_object(
           'name', r.name, 'phone', r.phone, 'is_active', r.is_active, 'email', a.email, 'email_key', a.public_id, 'username', a.username,
           'role', a.role, 'account_active', a.is_active, 'created_at', core.iso(r.created_at), 'updated_at', core.iso(r.updated_at))::text
  FROM vendor.sales_rep r JOIN accounts.account a ON a.id = r.account_id
 WHERE r.account_id = $1::bigint;

-- name: get_role(account_id, public_id) -> value
-- The role of an account by either of its ids; null: there is no such account.
SELECT a.role FROM accounts.account a WHERE a.id = $1::bigint OR a.public_id = $2::uuid;

-- name: make_rep(body, actor) -> row
-- No row: there is no such account.
WITH made AS (
    INSERT INTO vendor.sales_rep AS r (account_id, name, phone, is_active)
    SELECT a.id, core.trimmed(b.name), coalesce(core.trimmed(b.phone), ''), coalesce(b.is_active, true)
      FROM jsonb_to_record($1::jsonb) AS b (account uuid, name text, phone text, is_active boolean) JOIN accounts.account a ON a.public_id = b.account
    RETURNING r.account_id, r AS rep
)
SELECT made.account_id, operations.note($2::jsonb, 'sales-rep.create', 'sales-rep', made.account_id::text, NULL, to_jsonb(made.rep)) FROM made;

-- name: update_rep(account_id, body, actor) -> row
-- Members that the body omits stay. No row: the account has no profile.
WITH old AS MATERIALIZED (
    SELECT r.account_id, r AS rep FROM vendor.sales_rep r WHERE r.account_id = $1::bigint FOR NO KEY UPDATE
), changed AS (
    UPDATE vendor.sales_rep AS r
       SET name = coalesce(core.trimmed(b.name), r.name), phone = coalesce(core.trimmed(b.phone), r.phone),
           is_active = coalesce(b.is_active, r.is_active), updated_at = now()
      FROM old, jsonb_to_record($2::jsonb) AS b (name text, phone text, is_active boolean)
     WHERE r.account_id = old.account_id
    RETURNING r AS rep
)
SELECT old.account_id, operations.note($3::jsonb, 'sales-rep.update', 'sales-rep', old.account_id::text,
                                       to_jsonb(old.rep) - 'updated_at', to_jsonb(changed.rep) - 'updated_at')
  FROM changed CROSS JOIN old;
