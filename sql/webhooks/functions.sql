-- Functions of webhooks. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0022_webhooks.sql, 0026_webhooks_order.sql.
--
-- Triggers on books.client, books.quote, books.invoice, books.payment, books.expense
--   NOUN_announced, NOUN_change_announced   at commit of a write that shows in the document   write an event of books.changed, if the owner
--                                                                                            has an active webhook that names it
-- Triggers on webhooks.webhook
--   webhook_lanes_held                      before a deletion                                lock its lanes, before its deliveries are removed
--
-- Locks are taken in this order: webhooks, by id; lanes, by webhook and topic; deliveries. What sends holds lanes, and never waits for the row of a
-- webhook, which a person may be changing. Sequential scans are off in functions that run often, because a connection keeps its plan, even if the
-- plan was made while the tables were empty.

-- The API. docs/api/webhooks.md

CREATE OR REPLACE FUNCTION webhooks.etag(version integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '"' || version || '"'
$$;

-- Whether an If-Match header of these tags admits a change; null: there was none, or it was `*`.
CREATE OR REPLACE FUNCTION webhooks.is_match(tags text[], version integer) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT tags IS NULL OR webhooks.etag(version) = ANY (tags)
$$;

-- A document with further members at its end. For one document that is shown, not for those of a list.
CREATE OR REPLACE FUNCTION webhooks.extended(document json, further json) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_object_agg(m.key, m.value ORDER BY m.part, m.place)
      FROM (SELECT 1 AS part, d.* FROM json_each(document) WITH ORDINALITY AS d (key, value, place)
             UNION ALL
            SELECT 2, f.* FROM json_each(further) WITH ORDINALITY AS f (key, value, place)) m
$$;

-- previous_secret_until: until then the secret before a rotation signs too.
CREATE OR REPLACE FUNCTION webhooks.webhook_document(w webhooks.webhook) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', w.id, 'url', w.url, 'description', w.description, 'topics', w.topics, 'is_active', w.is_active,
        'failing_since', core.iso(w.failing_since), 'disabled_at', core.iso(w.disabled_at), 'disabled_reason', w.disabled_reason,
        'previous_secret_until', core.iso(w.previous_until), 'created_at', core.iso(w.created_at), 'updated_at', core.iso(w.updated_at))
$$;

-- The document of a webhook with a secret that is shown this once. The handler makes the secret of what stands after `salt:`, the salt and the
-- check of the key of which it is made.
CREATE OR REPLACE FUNCTION webhooks.disclosed_document(w webhooks.webhook) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT webhooks.extended(webhooks.webhook_document(w), json_build_object('secret', 'salt:' || encode(w.salt, 'hex') || ':' || encode(w.key_check, 'hex')))
$$;

-- A URL without what may be a secret in it: its host, and of its path the first two segments, if they are short. The names of its query stay,
-- if they are short, and their values do not.
CREATE OR REPLACE FUNCTION webhooks.masked(url text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p.origin
           || coalesce((SELECT string_agg(CASE WHEN s.text = '' OR s.place <= 3 AND s.text ~ '^[^;=]{1,16}$' THEN s.text ELSE '***' END, '/' ORDER BY s.place)
                          FROM string_to_table(p.path, '/') WITH ORDINALITY AS s (text, place)), '')
           || coalesce('?' || (SELECT string_agg(CASE WHEN q.text ~ '^[^=]{1,16}=' THEN split_part(q.text, '=', 1) || '=***' ELSE '***' END, '&' ORDER BY q.place)
                                 FROM string_to_table(p.query, '&') WITH ORDINALITY AS q (text, place)), '')
      FROM (SELECT substring(url FROM '^[^:]*://[^/?]*') AS origin, substring(url FROM '^[^:]*://[^/?]*([^?]*)') AS path,
                   substring(url FROM '[?](.*)$') AS query) p
$$;

-- What the audit has of a webhook. A URL often has a token in it, which is not for those who read the audit.
CREATE OR REPLACE FUNCTION webhooks.audited(w webhooks.webhook) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT webhooks.webhook_document(w)::jsonb || jsonb_build_object('url', webhooks.masked(w.url))
$$;

-- The webhook-id that its receiver sees.
CREATE OR REPLACE FUNCTION webhooks.message_id(key uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'msg_' || replace(key::text, '-', '')
$$;

CREATE OR REPLACE FUNCTION webhooks.delivery_document(d webhooks.delivery) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', d.id, 'webhook', d.webhook_id, 'message_id', webhooks.message_id(m.key), 'topic', d.topic, 'status', d.status, 'attempts', d.attempts,
        'next_attempt_at', core.iso(d.next_attempt_at), 'duration_ms', d.duration_ms, 'response_status', d.response_status,
        'response_body', d.response_body, 'error', d.error, 'created_at', core.iso(d.created_at), 'finished_at', core.iso(d.finished_at))
      FROM webhooks.message m WHERE m.id = d.message_id
$$;

-- The same with the body as it was sent, and the attempts.
CREATE OR REPLACE FUNCTION webhooks.whole_delivery_document(d webhooks.delivery) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT webhooks.extended(document, json_build_object(
        'body', (SELECT m.body FROM webhooks.message m WHERE m.id = d.message_id),
        'attempt_log', (SELECT coalesce(json_agg(json_build_object(
            'number', a.number, 'started_at', core.iso(a.started_at), 'duration_ms', a.duration_ms, 'response_status', a.response_status,
            'response_body', a.response_body, 'error', a.error) ORDER BY a.number), '[]') FROM webhooks.attempt a WHERE a.delivery_id = d.id)))
      FROM webhooks.delivery_document(d) AS document
$$;

-- Before a webhook is removed with its deliveries: its lanes, as all who write deliveries hold them.
CREATE OR REPLACE FUNCTION webhooks.hold_lanes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM webhooks.lane l WHERE l.webhook_id = OLD.id ORDER BY l.topic FOR UPDATE;
    RETURN OLD;
END $$;

-- Makes a webhook of a body. The account's row is held, so that several at once don't exceed the limit. is_full: the account has so many.
CREATE OR REPLACE FUNCTION webhooks.create_webhook(
    its_account bigint, body jsonb, its_salt bytea, its_check bytea, most integer, actor jsonb, OUT is_full boolean, OUT document json)
LANGUAGE plpgsql AS $$
DECLARE
    w webhooks.webhook;
BEGIN
    PERFORM FROM accounts.account a WHERE a.id = its_account FOR NO KEY UPDATE;
    is_full := (SELECT count(*) FROM webhooks.webhook o WHERE o.account_id = its_account) >= most;
    IF is_full THEN
        RETURN;
    END IF;
    INSERT INTO webhooks.webhook (account_id, url, description, topics, is_active, salt, key_check)
    SELECT its_account, b.url, coalesce(core.trimmed(b.description), ''), webhooks.listed(b.topics), coalesce(b.is_active, true), its_salt, its_check
      FROM jsonb_to_record(body) AS b (url text, description text, topics jsonb, is_active boolean)
    RETURNING * INTO w;
    PERFORM operations.note(actor, 'webhook.create', 'webhook', w.id::text, NULL, webhooks.audited(w));
    document := webhooks.disclosed_document(w);
END $$;

-- The topics of a body, each once, in the order in which they were sent.
CREATE OR REPLACE FUNCTION webhooks.listed(topics jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(t.topic ORDER BY t.place) FROM (
        SELECT s.topic, min(s.place) AS place FROM jsonb_array_elements_text(topics) WITH ORDINALITY AS s (topic, place) GROUP BY s.topic) t
$$;

-- Changes a webhook by a body; what that omits stays. Switched on again, it goes on with what has waited meanwhile.
CREATE OR REPLACE FUNCTION webhooks.change_webhook(
    its_account bigint, its_id bigint, body jsonb, if_match text[], actor jsonb, OUT is_stale boolean, OUT document json, OUT etag text)
LANGUAGE plpgsql AS $$
DECLARE
    before webhooks.webhook;
    after  webhooks.webhook;
BEGIN
    SELECT * INTO before FROM webhooks.webhook w WHERE w.account_id = its_account AND w.id = its_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    is_stale := NOT webhooks.is_match(if_match, before.version);
    IF is_stale THEN
        etag := webhooks.etag(before.version);
        RETURN;
    END IF;
    after := before;
    SELECT coalesce(b.url, before.url), CASE WHEN body ? 'description' THEN coalesce(core.trimmed(b.description), '') ELSE before.description END,
           coalesce(webhooks.listed(b.topics), before.topics), coalesce(b.is_active, before.is_active)
      INTO after.url, after.description, after.topics, after.is_active
      FROM jsonb_to_record(body) AS b (url text, description text, topics jsonb, is_active boolean);
    IF after.is_active AND NOT before.is_active THEN
        after.failing_since := NULL;
        after.disabled_at := NULL;
        after.disabled_reason := NULL;
        PERFORM FROM webhooks.lane l WHERE l.webhook_id = its_id ORDER BY l.topic FOR NO KEY UPDATE;
        UPDATE webhooks.lane l SET due_at = now() WHERE l.webhook_id = its_id AND l.owner IS NULL
           AND EXISTS (SELECT FROM webhooks.delivery d WHERE d.webhook_id = its_id AND d.topic = l.topic AND d.status = 'pending');
    END IF;
    IF after IS DISTINCT FROM before THEN
        UPDATE webhooks.webhook w
           SET url = after.url, description = after.description, topics = after.topics, is_active = after.is_active, failing_since = after.failing_since,
               disabled_at = after.disabled_at, disabled_reason = after.disabled_reason, version = w.version + 1, updated_at = now()
         WHERE w.id = its_id RETURNING * INTO after;
        PERFORM operations.note(actor, 'webhook.update', 'webhook', its_id::text, webhooks.audited(before), webhooks.audited(after));
    END IF;
    document := webhooks.webhook_document(after);
    etag := webhooks.etag(after.version);
END $$;

-- Queues deliveries of a webhook again: these, which go to the end of their lanes under the same webhook-id. Returns how many.
CREATE OR REPLACE FUNCTION webhooks.requeue(its_webhook bigint, wanted bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    its_topics text[];
BEGIN
    -- Lanes before deliveries, as all who write both.
    PERFORM FROM webhooks.lane l
      WHERE l.webhook_id = its_webhook
        AND l.topic IN (SELECT o.topic FROM webhooks.delivery o WHERE o.webhook_id = its_webhook AND o.id = ANY (wanted))
      ORDER BY l.webhook_id, l.topic FOR NO KEY UPDATE;
    WITH queued AS (
        UPDATE webhooks.delivery d
           SET status = 'pending', place = n.place, tries = 0, next_attempt_at = now(), expires_at = now() + interval '3 days', finished_at = NULL
          FROM (SELECT o.id, nextval('webhooks.place') AS place
                  FROM (SELECT p.id FROM webhooks.delivery p WHERE p.webhook_id = its_webhook AND p.id = ANY (wanted) AND p.status <> 'pending'
                         ORDER BY p.id FOR NO KEY UPDATE) o) n
         WHERE d.id = n.id
        RETURNING d.topic
    )
    SELECT array_agg(q.topic) INTO its_topics FROM queued q;
    IF its_topics IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM webhooks.wake(array_fill(its_webhook, ARRAY[cardinality(its_topics)]), its_topics);
    RETURN cardinality(its_topics);
END $$;

-- Sends a delivery again. refusal `inactive`: the webhook is switched off. One that still waits is tried at once. No document: there is no
-- such delivery.
CREATE OR REPLACE FUNCTION webhooks.replay(its_account bigint, its_webhook bigint, its_id bigint, actor jsonb, OUT refusal text, OUT document json) LANGUAGE plpgsql AS $$
DECLARE
    d webhooks.delivery;
BEGIN
    -- The lane before the delivery, as all who write both.
    PERFORM FROM webhooks.lane l JOIN webhooks.delivery o ON o.webhook_id = l.webhook_id AND o.topic = l.topic
      WHERE o.id = its_id AND o.webhook_id = its_webhook FOR NO KEY UPDATE OF l;
    SELECT o.* INTO d
      FROM webhooks.delivery o JOIN webhooks.webhook w ON w.id = o.webhook_id
     WHERE w.account_id = its_account AND w.id = its_webhook AND o.id = its_id FOR NO KEY UPDATE OF o;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT (SELECT w.is_active FROM webhooks.webhook w WHERE w.id = its_webhook) THEN
        refusal := 'inactive';
        RETURN;
    END IF;
    IF d.status = 'pending' THEN
        UPDATE webhooks.delivery o SET next_attempt_at = now() WHERE o.id = its_id;
        UPDATE webhooks.lane l SET due_at = now() WHERE l.webhook_id = its_webhook AND l.topic = d.topic AND l.owner IS NULL;
    ELSE
        PERFORM webhooks.requeue(its_webhook, ARRAY[its_id]);
    END IF;
    PERFORM operations.note(actor, 'webhook.replay', 'webhook', its_webhook::text, NULL, jsonb_build_object('delivery', its_id));
    SELECT shown INTO document FROM webhooks.delivery o CROSS JOIN LATERAL webhooks.delivery_document(o) AS shown WHERE o.id = its_id;
END $$;
