-- Owners of books as forms of the administration name them. docs/api/books.md#administration

-- name: get_owner(public_id) -> row
SELECT a.id, a.role FROM accounts.account a WHERE a.public_id = $1::uuid;

-- name: note_made(actor, action, object_type, object_id, after) -> value
-- An administrator has made a row of an owner; the id of the entry. What owners make themselves is not in the audit.
SELECT operations.note($1::jsonb, $2::text, $3::text, $4::text, NULL, $5::jsonb);
