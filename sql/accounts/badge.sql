-- The people whose badges are printed. docs/api/accounts.md#badges

-- name: list_badges(public_ids, account_ids, roles, firm, most) -> rows
-- The accounts that are named, and the active ones of the roles; of both only those of the roles `firm`. By name, at most one more than
-- `most`. Role by role, so that the index on the role is walked; for a list of roles Postgres would read the whole table.
WITH found AS MATERIALIZED (
    SELECT id FROM accounts.account WHERE public_id = ANY ($1::uuid[])
     UNION
    SELECT id FROM accounts.account WHERE id = ANY ($2::bigint[])
     UNION
    SELECT one.id
      FROM unnest($3::text[]) AS asked (role)
     CROSS JOIN LATERAL (
           SELECT a.id FROM accounts.account a WHERE a.role = asked.role AND a.is_active ORDER BY a.id LIMIT $5::bigint + 1) one
)
SELECT a.id AS account_id, a.public_id::text, a.email, accounts.full_name(a) AS name, a.role, a.avatar,
       (SELECT t.title FROM accounts.job_title t WHERE t.id = a.job_title_id) AS job_title
  FROM found
 CROSS JOIN LATERAL (SELECT account.* FROM accounts.account WHERE id = found.id OFFSET 0) a
 WHERE a.role = ANY ($4::text[])
 ORDER BY lower(a.name), a.id
 LIMIT $5 + 1;
