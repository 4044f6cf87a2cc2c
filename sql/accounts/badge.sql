-- The people whose badges are printed. docs/api/accounts.md#badges

-- name: list_badges(public_ids, account_ids, roles, firm, most) -> rows
-- The accounts that are named, and the active ones of the roles; of both only those of the roles `firm`. By name, at most one more than
-- `most`. Each way finds its accounts by an index of its own.
WITH found AS MATERIALIZED (
    SELECT id FROM accounts.account WHERE public_id = ANY ($1::uuid[])
     UNION
    SELECT id FROM accounts.account WHERE id = ANY ($2::bigint[])
     UNION
    (SELECT id FROM accounts.account WHERE role = ANY ($3::text[]) AND is_active LIMIT $5::bigint + 1)
)
SELECT a.id AS account_id, a.public_id::text, a.email, accounts.full_name(a) AS name, a.role, a.avatar,
       (SELECT t.title FROM accounts.job_title t WHERE t.id = a.job_title_id) AS job_title
  FROM found JOIN accounts.account a USING (id)
 WHERE a.role = ANY ($4::text[])
 ORDER BY lower(a.name), a.id
 LIMIT $5 + 1;
