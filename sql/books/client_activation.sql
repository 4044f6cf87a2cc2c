-- Making a client of an owner active or inactive. docs/api/books.md#clients.

-- name: set_active(owner_id, id, is_active, if_match, actor, action) -> row
-- was_so: the client is in that state already. is_stale: if_match names another state. In both cases nothing is changed. No row: the client
-- does not exist.
WITH old AS MATERIALIZED (
    SELECT c.id, c AS client FROM books.client c WHERE c.owner_id = $1 AND c.id = $2 FOR NO KEY UPDATE
), changed AS (
    UPDATE books.client AS c
       SET is_active = $3, version = c.version + 1, updated_at = now()
      FROM old
     WHERE c.owner_id = $1 AND c.id = old.id AND (old.client).is_active <> $3
       AND books.is_match($4::text[], books.etag((old.client).version))
    RETURNING c AS client
)
SELECT (old.client).is_active = $3 AS was_so, changed.client IS NULL AS is_stale, books.client_document(changed.client)::text AS document,
       books.etag(coalesce((changed.client).version, (old.client).version)) AS etag,
       CASE WHEN changed.client IS NOT NULL THEN operations.note(
           $5::jsonb, $6, 'client', old.id::text, to_jsonb(old.client) - '{updated_at,version,searched}'::text[],
           to_jsonb(changed.client) - '{updated_at,version,searched}'::text[]) END AS noted
  FROM old LEFT JOIN changed ON true;
