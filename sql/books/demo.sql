-- What the command `demo` needs of the books.

-- name: name_company(email, name, address) -> value
-- Names the company of an account whose books are empty; returns the account's id. Null: there is no such account, or it has books already.
UPDATE accounts.account a SET company_name = $2::text, company_address = $3::text, updated_at = now()
 WHERE lower(a.email) = lower($1::text) AND NOT EXISTS (SELECT FROM books.tally t WHERE t.owner_id = a.id)
RETURNING a.id;
