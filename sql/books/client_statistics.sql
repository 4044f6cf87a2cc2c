-- Numbers of an owner's clients. docs/api/books.md#clients.

-- name: get_statistics(owner_id) -> value
-- The count of all is kept by a trigger, and inactive clients are few. MATERIALIZED: Postgres would otherwise count anew wherever a count
-- is named.
WITH counted AS MATERIALIZED (
    SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = $1 AND t.kind = 'client'), 0) AS total,
           (SELECT count(*) FROM books.client c WHERE c.owner_id = $1 AND NOT c.is_active) AS inactive,
           (SELECT count(*) FROM books.client c WHERE c.owner_id = $1 AND c.created_at >= now() - interval '30 days') AS recent
)
SELECT json_build_object(
           'total_clients', total, 'active_clients', total - inactive, 'inactive_clients', inactive, 'recent_clients', recent,
           'conversion_rate', CASE WHEN total = 0 THEN 0 ELSE round(100.0 * (total - inactive) / total, 2) END)::text
  FROM counted;
