-- Webhooks of an account. docs/api/webhooks.md

-- filter: is_active(is_active)
w.is_active = $1::boolean

-- name: find_webhooks(owner_id, page, page_size, most) -> row
-- One page with the count of all. An account has a few. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM webhooks.webhook w WHERE w.account_id = $1 /* filters */) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(webhooks.webhook_document(webhook)), '[]') AS documents
         FROM (SELECT w AS webhook FROM webhooks.webhook w
                WHERE w.account_id = $1 /* filters */
                ORDER BY w.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_webhooks(after, owner_id, page_size) -> rows
-- One page after the webhook with a key (null: from the beginning), and one row more if another page follows.
SELECT webhooks.webhook_document(w)::text AS document, (/* key */ jsonb_build_array(w.id) /* or as asked */)::text AS key
  FROM webhooks.webhook w
 WHERE w.account_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY w.id DESC /* or as asked */
 LIMIT $3::bigint + 1;

-- name: get_webhook(owner_id, id) -> row
SELECT webhooks.webhook_document(w)::text AS document, webhooks.etag(w.version) AS etag
  FROM webhooks.webhook w WHERE w.account_id = $1 AND w.id = $2;

-- name: create_webhook(owner_id, body, salt, key_check, most, actor) -> row
SELECT is_full, document::text FROM webhooks.create_webhook($1::bigint, $2::jsonb, $3::bytea, $4::bytea, $5::integer, $6::jsonb);

-- name: change_webhook(owner_id, id, body, if_match, actor) -> row
-- No row: there is no such webhook.
SELECT is_stale, document::text, etag FROM webhooks.change_webhook($1::bigint, $2::bigint, $3::jsonb, $4::text[], $5::jsonb) WHERE is_stale IS NOT NULL;

-- name: delete_webhook(owner_id, id, if_match, actor) -> row
-- is_stale: if_match names another state, and nothing is deleted. Its deliveries go with it. No row: there is no such webhook.
WITH old AS MATERIALIZED (
    SELECT w.id, w AS webhook FROM webhooks.webhook w WHERE w.account_id = $1 AND w.id = $2 FOR UPDATE
), gone AS (
    DELETE FROM webhooks.webhook w USING old WHERE w.id = old.id AND webhooks.is_match($3::text[], (old.webhook).version) RETURNING w.id
)
SELECT gone.id IS NULL AS is_stale, webhooks.etag((old.webhook).version) AS etag,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'webhook.delete', 'webhook', old.id::text, webhooks.audited(old.webhook), NULL) END AS noted
  FROM old LEFT JOIN gone ON true;

-- name: rotate_secret(owner_id, id, salt, key_check, hours, if_match, actor, known_checks) -> row
-- The secret so far signs too for so long, unless it was made of a key that the server does not have any more (known_checks). is_stale: if_match
-- names another state, and nothing is changed. No row: there is no such webhook.
WITH old AS MATERIALIZED (
    SELECT w.id, w.salt, w.key_check, w.version FROM webhooks.webhook w WHERE w.account_id = $1 AND w.id = $2 FOR NO KEY UPDATE
), changed AS (
    UPDATE webhooks.webhook AS w
       SET salt = $3, key_check = $4, previous_salt = CASE WHEN old.key_check = ANY ($8::bytea[]) THEN old.salt END,
           previous_until = CASE WHEN old.key_check = ANY ($8::bytea[]) THEN now() + make_interval(hours => $5::integer) END,
           version = w.version + 1, updated_at = now()
      FROM old WHERE w.id = old.id AND books.is_match($6::text[], books.etag(old.version))
    RETURNING w.id, w AS webhook
)
SELECT changed.id IS NULL AS is_stale, books.etag(coalesce((changed.webhook).version, old.version)) AS etag,
       webhooks.disclosed_document(changed.webhook)::text AS document,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $7::jsonb, 'webhook.rotate', 'webhook', old.id::text, NULL,
           jsonb_build_object('previous_secret_until', (changed.webhook).previous_until)) END AS noted
  FROM old LEFT JOIN changed ON true;

-- name: send_test(owner_id, id) -> row
-- Queues a test. is_inactive: the webhook is switched off, and nothing is queued. No row: there is no such webhook.
WITH found AS MATERIALIZED (
    -- Before the lane, as all who write both; so it is not deleted meanwhile.
    SELECT w.id, w.is_active FROM webhooks.webhook w WHERE w.account_id = $1 AND w.id = $2 FOR KEY SHARE
), message AS (
    INSERT INTO webhooks.message (topic, body)
    SELECT 'webhook.test', json_build_object('type', 'webhook.test', 'timestamp', core.iso(now()), 'data', json_build_object(
               'webhook', f.id, 'message', 'This is a test, which you have asked for.'))::text
      FROM found f WHERE f.is_active
    RETURNING id, topic
), delivery AS (
    INSERT INTO webhooks.delivery AS d (webhook_id, message_id, topic) SELECT f.id, m.id, m.topic FROM message m CROSS JOIN found f
    RETURNING d.webhook_id, d.topic, d.id
)
SELECT NOT f.is_active AS is_inactive, d.id, CASE WHEN f.is_active THEN webhooks.wake(ARRAY[d.webhook_id], ARRAY[d.topic]) END AS woken
  FROM found f LEFT JOIN delivery d ON true;

-- name: count_made_of(key_check) -> value
-- Webhooks whose secrets are made of a key.
SELECT count(*) FROM webhooks.webhook w WHERE w.key_check = $1::bytea;
