-- One's own account as the books client shows it (contracts/books.md, 2): with the integer id.

-- name: get_profile(account_id) -> value
SELECT accounts.books_document(a)::text FROM accounts.account a WHERE a.id = $1;

-- name: update_profile(account_id, body, actor) -> row
-- Null when the account is gone. A username that stays as it is, is never wrong (staff accounts may have none, or one with other
-- signs); else `wrong` says what is: short, letters or taken, and nothing is changed. Of two members who take the same name at
-- once, the second breaks account_member_username_key.
WITH sent AS MATERIALIZED (
    SELECT operations.trimmed(s.username) AS username, operations.trimmed(s.company_name) AS company_name,
           operations.trimmed(s.company_address) AS company_address, operations.trimmed(s.company_logo) AS company_logo,
           operations.trimmed(s.first_name) AS first_name, operations.trimmed(s.last_name) AS last_name
      FROM jsonb_to_record($2::jsonb) AS s (
           username text, company_name text, company_address text, company_logo text, first_name text, last_name text)
), old AS MATERIALIZED (
    SELECT a.id, a.public_id, a.username, accounts.audited(a) AS document FROM accounts.account a WHERE a.id = $1 FOR UPDATE
), checked AS MATERIALIZED (
    SELECT CASE WHEN coalesce(sent.username, old.username) = old.username THEN NULL
                WHEN length(sent.username) < 3 THEN 'short'
                WHEN sent.username ~ '[^A-Za-z0-9_]' THEN 'letters'
                WHEN EXISTS (SELECT FROM accounts.account other
                              WHERE lower(other.username) = lower(sent.username) AND other.username <> '' AND other.id <> old.id)
                THEN 'taken' END AS wrong
      FROM old, sent
), new AS (
    UPDATE accounts.account a
       SET username        = coalesce(sent.username, a.username),
           company_name    = coalesce(sent.company_name, a.company_name),
           company_address = coalesce(sent.company_address, a.company_address),
           company_logo    = coalesce(sent.company_logo, a.company_logo),
           first_name      = coalesce(sent.first_name, a.first_name),
           last_name       = coalesce(sent.last_name, a.last_name),
           updated_at      = now()
      FROM sent, checked
     WHERE a.id = $1 AND checked.wrong IS NULL
    RETURNING a.id, a AS account
)
SELECT checked.wrong, CASE WHEN new.id IS NOT NULL THEN accounts.books_document(new.account)::text END AS profile,
       CASE WHEN new.id IS NOT NULL THEN
            operations.note($3::jsonb, 'account.update', 'account', old.public_id::text, old.document, accounts.audited(new.account))
            END AS noted
  FROM old CROSS JOIN checked LEFT JOIN new ON new.id = old.id;
