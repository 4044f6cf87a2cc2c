-- Public sign-up, which makes accounts of the role MEMBER. docs/api/accounts.md#sign-up

-- name: make_member(body, password_hash, address, request_id) -> row
-- The statement first looks for both e-mail and username, so that one answer can name both, and so that a member cannot take the
-- username of an account of another role, for which no constraint holds. Of two sign-ups at the same time, the second breaks
-- account_email_key or account_member_username_key. Always one row; account_id is null if the e-mail or the username is taken.
WITH sent AS MATERIALIZED (
    SELECT lower(core.trimmed(s.email)) AS email, core.trimmed(s.username) AS username,
           coalesce(core.trimmed(s.company_name), '') AS company_name
      FROM jsonb_to_record($1::jsonb) AS s (email text, username text, company_name text)
), taken AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM accounts.account a WHERE lower(a.email) = sent.email)
           -- An account may have an e-mail address as its username, and then signs in with it.
           OR EXISTS (SELECT FROM accounts.account a WHERE lower(a.username) = sent.email) AS email,
           EXISTS (SELECT FROM accounts.account a WHERE lower(a.username) = lower(sent.username) AND a.username <> '') AS username
      FROM sent
), made AS (
    INSERT INTO accounts.account AS a (email, username, company_name, role, password_hash)
    SELECT sent.email, sent.username, sent.company_name, 'MEMBER', $2
      FROM sent, taken WHERE NOT taken.email AND NOT taken.username
    RETURNING a.id, a.public_id, a.email, accounts.audited(a) AS audited
)
SELECT made.id AS account_id, $2 AS password_hash, taken.email AS email_taken, taken.username AS username_taken,
       CASE WHEN made.id IS NOT NULL THEN
            operations.note(operations.actor(made.id, made.email, $3, $4), 'account.sign-up', 'account', made.public_id::text,
                            NULL, made.audited) END AS noted
  FROM taken LEFT JOIN made ON true;
