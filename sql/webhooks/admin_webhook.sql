-- Webhooks as the administration shows them (handlers/api/admin.py). w: the webhook. docs/api/webhooks.md#administration
-- URLs are shown without what may be a secret in them.

-- filter: keys(account_ids, ids)
(w.account_id, w.id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- filter: owner(public_id)
w.account_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- filter: is_active(is_active)
w.is_active = $1::boolean

-- name: list_rows(after, most) -> rows
SELECT concat(w.account_id, '.', w.id) AS key, webhooks.masked(w.url) AS label, webhooks.masked(w.url) AS url, a.email AS owner, a.public_id::text AS owner_key,
       w.topics, w.is_active, w.failing_since, w.created_at,
       (/* key */ jsonb_build_array(w.id) /* or as asked */)::text AS place
  FROM webhooks.webhook w JOIN accounts.account a ON a.id = w.account_id
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY w.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(account_id, id) -> value
SELECT json_build_object('label', webhooks.masked(w.url), 'number', w.id, 'url', webhooks.masked(w.url), 'owner', a.email, 'owner_key', a.public_id,
                         'description', w.description, 'topics', w.topics, 'is_active', w.is_active, 'failing_since', core.iso(w.failing_since),
                         'disabled_at', core.iso(w.disabled_at), 'disabled_reason', w.disabled_reason,
                         'waiting', (SELECT count(*) FROM (SELECT FROM webhooks.delivery d WHERE d.webhook_id = w.id AND d.status = 'pending' LIMIT 1000) d),
                         'created_at', core.iso(w.created_at), 'updated_at', core.iso(w.updated_at))::text
  FROM webhooks.webhook w JOIN accounts.account a ON a.id = w.account_id
 WHERE w.account_id = $1::bigint AND w.id = $2::bigint;
