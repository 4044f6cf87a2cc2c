-- Deliveries of a webhook. docs/api/webhooks.md#deliveries

-- filter: status(status)
d.status = $1::text

-- filter: topic(topic)
d.topic = $1::text

-- filter: of_webhook(webhook_id)
d.webhook_id = $1::bigint

-- name: has_webhook(owner_id, webhook_id) -> value
SELECT EXISTS (SELECT FROM webhooks.webhook w WHERE w.account_id = $1 AND w.id = $2);

-- name: find_deliveries(owner_id, page, page_size, most) -> row
-- One page. count: one more than `most`, or than the page and those before it hold, means that the counting ended there. page: 1-based;
-- null: the last page. results is null if the page does not exist. The webhook, which a filter names, is the owner's.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM webhooks.delivery d
             WHERE EXISTS (SELECT FROM webhooks.webhook w WHERE w.id = d.webhook_id AND w.account_id = $1) /* filters */
             LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT d AS delivery FROM webhooks.delivery d
                WHERE EXISTS (SELECT FROM webhooks.webhook w WHERE w.id = d.webhook_id AND w.account_id = $1) /* filters */
                ORDER BY d.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL webhooks.delivery_document(listed.delivery) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_deliveries(after, owner_id, page_size) -> rows
-- One page after the delivery with a key (null: from the beginning), and one row more if another page follows.
SELECT document::text AS document, listed.key::text AS key
  FROM (SELECT d AS delivery, (/* key */ jsonb_build_array(d.id) /* or as asked */) AS key
          FROM webhooks.delivery d
         WHERE EXISTS (SELECT FROM webhooks.webhook w WHERE w.id = d.webhook_id AND w.account_id = $2)
           AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY d.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed
 CROSS JOIN LATERAL webhooks.delivery_document(listed.delivery) AS document;

-- name: get_delivery(owner_id, webhook_id, id) -> value
-- With its body and attempts. Null: there is no such delivery.
SELECT document::text
  FROM webhooks.delivery d JOIN webhooks.webhook w ON w.id = d.webhook_id CROSS JOIN LATERAL webhooks.whole_delivery_document(d) AS document
 WHERE w.account_id = $1 AND d.webhook_id = $2 AND d.id = $3;

-- name: show_delivery(id) -> value
-- One that the caller has just made or found.
SELECT document::text FROM webhooks.delivery d CROSS JOIN LATERAL webhooks.delivery_document(d) AS document WHERE d.id = $1;

-- name: replay_delivery(owner_id, webhook_id, id, actor) -> row
-- No row: there is no such delivery.
SELECT refusal, document::text FROM webhooks.replay($1::bigint, $2::bigint, $3::bigint, $4::jsonb) WHERE refusal IS NOT NULL OR document IS NOT NULL;

-- name: replay_dead(owner_id, webhook_id, since, topic, most, actor) -> row
-- Queues the dead deliveries made since a moment again, the oldest first, at most so many; of one topic, or of all where it is null. is_inactive:
-- the webhook is switched off, and nothing is queued. No row: there is no such webhook.
WITH found AS MATERIALIZED (
    SELECT w.id, w.is_active FROM webhooks.webhook w WHERE w.account_id = $1 AND w.id = $2
), dead AS MATERIALIZED (
    -- Two parts, because each has an index in its order; only one of them is run.
    (SELECT d.id FROM found f CROSS JOIN LATERAL (
            SELECT o.id FROM webhooks.delivery o
             WHERE o.webhook_id = f.id AND o.status = 'dead' AND o.created_at >= ($3::text)::timestamptz
             ORDER BY o.created_at, o.id LIMIT $5) d
      WHERE f.is_active AND $4::text IS NULL)
     UNION ALL
    (SELECT d.id FROM found f CROSS JOIN LATERAL (
            SELECT o.id FROM webhooks.delivery o
             WHERE o.webhook_id = f.id AND o.topic = $4 AND o.status = 'dead' AND o.created_at >= ($3::text)::timestamptz
             ORDER BY o.created_at, o.id LIMIT $5) d
      WHERE f.is_active AND $4::text IS NOT NULL)
)
SELECT NOT f.is_active AS is_inactive, webhooks.requeue(f.id, ARRAY(SELECT dead.id FROM dead)) AS queued,
       operations.note($6::jsonb, 'webhook.replay', 'webhook', f.id::text, NULL, jsonb_build_object('since', $3::text, 'topic', $4::text)) AS noted
  FROM found f;

-- name: purge(days, most) -> value
-- Removes what was made so many days ago, the oldest first, with its deliveries; returns how many messages. What somebody else holds is left
-- until the next time, so that this never waits. A delivery that still waits then is one of a webhook that is switched off.
WITH old AS MATERIALIZED (
    SELECT m.id FROM webhooks.message m WHERE m.created_at < now() - make_interval(days => $1::integer)
     ORDER BY m.created_at LIMIT $2 FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT d.id FROM webhooks.delivery d WHERE d.message_id = ANY (ARRAY(SELECT o.id FROM old o)) FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM webhooks.message m
     WHERE m.id = ANY (ARRAY(SELECT o.id FROM old o))
       AND NOT EXISTS (SELECT FROM webhooks.delivery d WHERE d.message_id = m.id AND d.id NOT IN (SELECT h.id FROM held h))
    RETURNING 1
)
SELECT count(*) FROM gone;
