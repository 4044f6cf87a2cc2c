-- The caller's own account, as the books API writes it. docs/api/accounts.md#books-profile

-- name: get_profile(account_id) -> value
SELECT accounts.books_document(a)::text FROM accounts.account a WHERE a.id = $1;

-- name: update_profile(account_id, body, actor) -> row
-- No row: the account does not exist. Members that the body omits stay.
WITH old AS MATERIALIZED (
    SELECT a.id, accounts.audited(a) AS audited FROM accounts.account a WHERE a.id = $1 FOR NO KEY UPDATE
), changed AS (
    UPDATE accounts.account AS a
       SET username        = coalesce(core.trimmed(b ->> 'username'), a.username),
           company_name    = coalesce(core.trimmed(b ->> 'company_name'), a.company_name),
           company_address = coalesce(core.trimmed(b ->> 'company_address'), a.company_address),
           company_logo    = coalesce(core.trimmed(b ->> 'company_logo'), a.company_logo),
           first_name      = coalesce(core.trimmed(b ->> 'first_name'), a.first_name),
           last_name       = coalesce(core.trimmed(b ->> 'last_name'), a.last_name),
           updated_at      = now()
      -- `old` stands here so that the row is read and locked before it is changed.
      FROM CAST($2 AS jsonb) AS b, old
     WHERE a.id = old.id
    RETURNING a
)
SELECT accounts.books_document(a)::text AS profile,
       operations.note($3::jsonb, 'account.update', 'account', (a).public_id::text, old.audited, accounts.audited(a)) AS note
  FROM changed CROSS JOIN old;
