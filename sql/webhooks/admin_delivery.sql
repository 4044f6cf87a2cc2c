-- Deliveries of webhooks as the administration shows them (handlers/api/admin.py). d: the delivery. docs/api/webhooks.md#administration

-- filter: keys(ids)
d.id = ANY ($1::bigint[])

-- filter: webhook(account_id, id)
d.webhook_id = (SELECT w.id FROM webhooks.webhook w WHERE w.account_id = $1::bigint AND w.id = $2::bigint)

-- filter: status(status)
d.status = $1::text

-- name: list_rows(after, most) -> rows
SELECT d.id::text AS key, d.id::text AS label, d.id AS number, d.topic, d.status, webhooks.masked(w.url) AS webhook, concat(w.account_id, '.', w.id) AS webhook_key,
       d.attempts, d.response_status, d.created_at, d.finished_at,
       (/* key */ jsonb_build_array(d.id) /* or as asked */)::text AS place
  FROM webhooks.delivery d JOIN webhooks.webhook w ON w.id = d.webhook_id
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY d.id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT webhooks.extended(document, json_build_object(
           'label', concat(d.topic, ' ', d.id), 'webhook', webhooks.masked(w.url), 'webhook_key', concat(w.account_id, '.', w.id)))::text
  FROM webhooks.delivery d JOIN webhooks.webhook w ON w.id = d.webhook_id
 CROSS JOIN LATERAL webhooks.whole_delivery_document(d) AS document
 WHERE d.id = $1::bigint;

-- name: get_owner(id) -> row
-- Whose a delivery is, and of which webhook. No row: there is no such delivery.
SELECT w.account_id, w.id AS webhook_id FROM webhooks.delivery d JOIN webhooks.webhook w ON w.id = d.webhook_id WHERE d.id = $1::bigint;
