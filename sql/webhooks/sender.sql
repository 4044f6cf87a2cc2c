-- What the senders of a process ask of Postgres (handlers/webhooks/sender.py). areas: those of each role, JSON.

-- name: feed(most, areas) -> row
SELECT fed, made FROM webhooks.feed($1::integer, $2::jsonb);

-- name: take_lanes(owner, places, seconds, areas) -> rows
SELECT account_id, webhook_id, topic, is_slow, delivery_id, attempts, webhooks.message_id(key) AS message_id, body, url, salt, previous_salt, key_check
  FROM webhooks.take_lanes($1, $2::jsonb, make_interval(secs => $3), $4::jsonb);

-- name: note_outcomes(owner, outcomes, areas) -> rows
SELECT webhook_id, topic, is_slow, delivery_id, attempts, webhooks.message_id(key) AS message_id, body, url, salt, previous_salt, key_check
  FROM webhooks.note_outcomes($1, $2::jsonb, $3::jsonb);

-- name: keep_lanes(owner, webhooks, topics, seconds) -> none
-- A sign of life: for so long nobody else takes these lanes, as far as they are still those of this process.
UPDATE webhooks.lane l SET due_at = now() + make_interval(secs => $4)
  FROM (SELECT o.webhook_id, o.topic
          FROM unnest($2::bigint[], $3::text[]) AS k (webhook_id, topic) JOIN webhooks.lane o ON o.webhook_id = k.webhook_id AND o.topic = k.topic
         WHERE o.owner = $1 ORDER BY o.webhook_id, o.topic FOR NO KEY UPDATE OF o SKIP LOCKED) h
 WHERE l.webhook_id = h.webhook_id AND l.topic = h.topic;

-- name: release_lanes(owner) -> row
SELECT webhooks.release_lanes($1) AS released;
