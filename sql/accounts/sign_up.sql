-- Public sign-up: MEMBER accounts.

-- name: make_member(body, password_hash, address, request_id) -> row
-- What is taken is looked for first, so that one answer names both fields, and so that no member takes the username of an account
-- of another role, which may share theirs. Of two who come at once, the second breaks account_email_key or
-- account_member_username_key. account_id is null when something was taken.
WITH sent AS MATERIALIZED (
    SELECT lower(core.trimmed(s.email)) AS email, core.trimmed(s.username) AS username,
           coalesce(core.trimmed(s.company_name), '') AS company_name
      FROM jsonb_to_record($1::jsonb) AS s (email text, username text, company_name text)
), taken AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM accounts.account a WHERE lower(a.email) = sent.email)
           OR EXISTS (SELECT FROM accounts.account a WHERE lower(a.username) = sent.email) AS email,   -- who signs in by that
           EXISTS (SELECT FROM accounts.account a WHERE lower(a.username) = lower(sent.username) AND a.username <> '') AS username
      FROM sent
), made AS (
    INSERT INTO accounts.account AS a (email, username, company_name, role, password_hash)
    SELECT sent.email, sent.username, sent.company_name, 'MEMBER', $2
      FROM sent, taken WHERE NOT taken.email AND NOT taken.username
    RETURNING a.id, a.public_id, a.email, accounts.document(a) AS document, accounts.audited(a) AS audited
)
SELECT made.id AS account_id, $2 AS password_hash, taken.email AS email_taken, taken.username AS username_taken, made.document::text AS document,
       CASE WHEN made.id IS NOT NULL THEN
            operations.note(jsonb_build_object('account_id', made.id, 'email', made.email, 'address', $3::text, 'request_id', $4::text),
                            'account.sign-up', 'account', made.public_id::text, NULL, made.audited) END AS noted
  FROM taken LEFT JOIN made ON true;
