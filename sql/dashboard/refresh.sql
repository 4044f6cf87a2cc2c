-- A refresh of what is always fresh. docs/api/dashboard.md#refresh

-- name: refresh(owner_id, asked, forced, metrics) -> value
SELECT dashboard.refresh($1::bigint, $2::text[], $3::boolean, $4::integer)::text;
