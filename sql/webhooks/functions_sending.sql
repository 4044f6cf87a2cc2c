-- Sending deliveries: lanes, turns, and what has come of attempts. docs/api/webhooks.md#delivery
-- The area's triggers are listed in functions.sql.

-- What is to be sent now in these lanes, which the caller has locked and taken: the oldest waiting delivery of each. A lane that has none goes
-- back, and so does one that shall not go on. What its account may not see any more is dead. are_slow: what the lane is from now on, if
-- it goes back.
CREATE OR REPLACE FUNCTION webhooks.take_turns(its_webhooks bigint[], its_topics text[], go_on boolean[], are_slow boolean[], areas jsonb)
RETURNS TABLE (webhook_id bigint, topic text, is_slow boolean, delivery_id bigint, attempts integer, key uuid, body text, url text,
               salt bytea, previous_salt bytea, key_check bytea)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    one record;
    back_webhooks bigint[] := '{}';
    back_topics   text[] := '{}';
    back_due      timestamptz[] := '{}';
    back_slow     boolean[] := '{}';
BEGIN
    FOR one IN
        SELECT l.webhook_id, l.topic, l.go_on, l.is_slow, w.is_active, webhooks.may_see(a, l.topic, areas) AS is_seen, w.url, w.salt,
               CASE WHEN w.previous_until > now() THEN w.previous_salt END AS previous_salt, w.key_check, d.id, d.attempts, d.next_attempt_at, m.key, m.body
          FROM unnest(its_webhooks, its_topics, go_on, are_slow) AS l (webhook_id, topic, go_on, is_slow)
          JOIN webhooks.webhook w ON w.id = l.webhook_id
          JOIN accounts.account a ON a.id = w.account_id
          LEFT JOIN LATERAL (
               SELECT o.id, o.message_id, o.attempts, o.next_attempt_at FROM webhooks.delivery o
                WHERE o.webhook_id = l.webhook_id AND o.topic = l.topic AND o.status = 'pending' ORDER BY o.place LIMIT 1) d ON true
          LEFT JOIN webhooks.message m ON m.id = d.message_id
    LOOP
        IF one.id IS NOT NULL AND NOT one.is_seen THEN
            UPDATE webhooks.delivery o SET status = 'dead', next_attempt_at = NULL, finished_at = now(), error = 'The account may not see this topic any more.'
             WHERE o.webhook_id = one.webhook_id AND o.topic = one.topic AND o.status = 'pending';
            one.id := NULL;
        END IF;
        IF one.id IS NOT NULL AND one.is_active AND one.go_on AND one.next_attempt_at <= now() THEN
            RETURN QUERY SELECT one.webhook_id, one.topic, one.is_slow, one.id, one.attempts, one.key, one.body, one.url::text, one.salt, one.previous_salt, one.key_check;
        ELSE
            back_webhooks := back_webhooks || one.webhook_id;
            back_topics := back_topics || one.topic;
            -- One that makes room goes behind all that are due.
            back_due := back_due || CASE WHEN one.id IS NOT NULL AND one.is_active THEN greatest(one.next_attempt_at, now()) END;
            back_slow := back_slow || one.is_slow;
        END IF;
    END LOOP;
    UPDATE webhooks.lane l SET owner = NULL, due_at = b.due_at, is_slow = b.is_slow
      FROM unnest(back_webhooks, back_topics, back_due, back_slow) AS b (webhook_id, topic, due_at, is_slow)
     WHERE l.webhook_id = b.webhook_id AND l.topic = b.topic;
END $$;

-- Whether an account and a webhook may have another place. places: of the process, as handlers/webhooks/places.py writes them.
CREATE OR REPLACE FUNCTION webhooks.has_room(places jsonb, its_account bigint, its_webhook bigint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((places -> 'accounts' ->> its_account::text)::bigint, 0) < (places ->> 'account')::bigint
       AND coalesce((places -> 'webhooks' ->> its_webhook::text)::bigint, 0) < (places ->> 'webhook')::bigint
$$;

-- Takes lanes that are due for so long; returns what is to be sent. places: those that are free, quick and slow, and how many of them an account
-- and a webhook may have. Lanes of one that has as many are passed over. Of one that gets as many now the rest is left, also where
-- they hide others: then the caller asks again.
CREATE OR REPLACE FUNCTION webhooks.take_lanes(its_owner uuid, places jsonb, lease interval, areas jsonb)
RETURNS TABLE (account_id bigint, webhook_id bigint, topic text, is_slow boolean, delivery_id bigint, attempts integer, key uuid, body text, url text,
               salt bytea, previous_salt bytea, key_check bytea)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    quick        jsonb := places -> 'quick';
    slow         jsonb := places -> 'slow';
    its_webhooks bigint[];
    its_topics   text[];
    are_slow     boolean[];
BEGIN
    WITH quick_lane AS MATERIALIZED (
        SELECT l.webhook_id, l.topic, l.due_at, l.is_slow, w.account_id FROM webhooks.lane l JOIN webhooks.webhook w ON w.id = l.webhook_id
         WHERE NOT l.is_slow AND l.due_at <= now() AND webhooks.has_room(quick, w.account_id, w.id)
         ORDER BY l.due_at LIMIT (quick ->> 'free')::bigint FOR NO KEY UPDATE OF l SKIP LOCKED
    ), slow_lane AS MATERIALIZED (
        SELECT l.webhook_id, l.topic, l.due_at, l.is_slow, w.account_id FROM webhooks.lane l JOIN webhooks.webhook w ON w.id = l.webhook_id
         WHERE l.is_slow AND l.due_at <= now() AND webhooks.has_room(slow, w.account_id, w.id)
         ORDER BY l.due_at LIMIT (slow ->> 'free')::bigint FOR NO KEY UPDATE OF l SKIP LOCKED
    ), numbered AS (
        SELECT f.*, CASE WHEN f.is_slow THEN slow ELSE quick END AS its_places,
               row_number() OVER (PARTITION BY f.is_slow, f.account_id ORDER BY f.due_at, f.webhook_id, f.topic) AS of_account,
               row_number() OVER (PARTITION BY f.is_slow, f.webhook_id ORDER BY f.due_at, f.topic) AS of_webhook
          FROM (SELECT * FROM quick_lane UNION ALL SELECT * FROM slow_lane) f
    ), taken AS (
        UPDATE webhooks.lane l SET owner = its_owner, due_at = now() + lease
          FROM numbered t
         WHERE l.webhook_id = t.webhook_id AND l.topic = t.topic
           AND t.of_account + coalesce((its_places -> 'accounts' ->> t.account_id::text)::bigint, 0) <= (its_places ->> 'account')::bigint
           AND t.of_webhook + coalesce((its_places -> 'webhooks' ->> t.webhook_id::text)::bigint, 0) <= (its_places ->> 'webhook')::bigint
        RETURNING l.webhook_id, l.topic, l.is_slow
    )
    SELECT array_agg(t.webhook_id), array_agg(t.topic), array_agg(t.is_slow) INTO its_webhooks, its_topics, are_slow FROM taken t;
    IF its_webhooks IS NOT NULL THEN
        RETURN QUERY
        SELECT w.account_id, t.*
          FROM webhooks.take_turns(its_webhooks, its_topics, array_fill(true, ARRAY[cardinality(its_webhooks)]), are_slow, areas) t
          JOIN webhooks.webhook w ON w.id = t.webhook_id;
    END IF;
END $$;

-- How long to wait after the failure of a delivery that was tried so often: 5 s, twice as long each time, at most an hour, give or take a fifth,
-- so that the deliveries to a receiver that comes back do not all come at once.
CREATE OR REPLACE FUNCTION webhooks.delay_after(tries integer) RETURNS interval LANGUAGE sql VOLATILE AS $$
    SELECT make_interval(secs => least(3600, 5 * 2 ^ least(tries - 1, 10)) * (0.8 + 0.4 * random()))
$$;

-- Notes what has come of attempts, and returns what is to be sent next in their lanes. outcomes: [{webhook_id, topic, delivery_id, attempts,
-- result, response_status, response_body, error, started_at, duration_ms, retry_after, is_slow, go_on}]. attempts: before this one. result:
-- delivered; failed, to be tried again; dead; gone, the receiver wants no more; key, it can't be signed, and was not sent. Outcomes in
-- lanes that another process has taken meanwhile are left out, and so are those that are noted already.
CREATE OR REPLACE FUNCTION webhooks.note_outcomes(its_owner uuid, outcomes jsonb, areas jsonb)
RETURNS TABLE (webhook_id bigint, topic text, is_slow boolean, delivery_id bigint, attempts integer, key uuid, body text, url text,
               salt bytea, previous_salt bytea, key_check bytea)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    its_webhooks bigint[];
    its_topics   text[];
    go_on        boolean[];
    are_slow     boolean[];
BEGIN
    SELECT array_agg(h.webhook_id), array_agg(h.topic), array_agg(h.go_on), array_agg(h.is_slow) INTO its_webhooks, its_topics, go_on, are_slow
      FROM (SELECT l.webhook_id, l.topic, o.go_on, o.is_slow
              FROM jsonb_to_recordset(outcomes) AS o (webhook_id bigint, topic text, go_on boolean, is_slow boolean)
              JOIN webhooks.lane l ON l.webhook_id = o.webhook_id AND l.topic = o.topic
             WHERE l.owner = its_owner ORDER BY l.webhook_id, l.topic FOR NO KEY UPDATE OF l) h;
    IF its_webhooks IS NULL THEN
        RETURN;
    END IF;

    WITH outcome AS MATERIALIZED (
        SELECT o.*, now() + greatest(webhooks.delay_after(d.tries + 1), make_interval(secs => coalesce(o.retry_after, 0))) AS again_at, d.expires_at
          FROM jsonb_to_recordset(outcomes) AS o (
               webhook_id bigint, topic text, delivery_id bigint, attempts integer, result text, response_status integer, response_body text,
               error text, started_at timestamptz, duration_ms integer, retry_after double precision)
          JOIN unnest(its_webhooks, its_topics) AS l (webhook_id, topic) ON l.webhook_id = o.webhook_id AND l.topic = o.topic
          JOIN webhooks.delivery d ON d.id = o.delivery_id AND d.attempts = o.attempts AND d.status = 'pending'
         WHERE o.result <> 'key'
    ), noted AS (
        UPDATE webhooks.delivery AS d
           SET status = CASE WHEN o.result = 'delivered' THEN 'delivered' WHEN o.result = 'failed' AND o.again_at < o.expires_at THEN 'pending' ELSE 'dead' END,
               next_attempt_at = CASE WHEN o.result = 'failed' AND o.again_at < o.expires_at THEN o.again_at END,
               finished_at = CASE WHEN o.result = 'failed' AND o.again_at < o.expires_at THEN NULL ELSE now() END,
               tries = d.tries + 1, attempts = d.attempts + 1, duration_ms = o.duration_ms, response_status = o.response_status,
               response_body = o.response_body, error = o.error
          FROM outcome o
         WHERE d.id = o.delivery_id
        RETURNING d.id
    )
    INSERT INTO webhooks.attempt (delivery_id, number, started_at, duration_ms, response_status, response_body, error)
    SELECT o.delivery_id, o.attempts + 1, o.started_at, o.duration_ms, o.response_status, o.response_body, o.error
      FROM outcome o JOIN noted n ON n.id = o.delivery_id;

    PERFORM webhooks.note_state(outcomes, its_webhooks);
    RETURN QUERY SELECT * FROM webhooks.take_turns(its_webhooks, its_topics, go_on, are_slow, areas);
END $$;

-- Brings to the webhooks what outcomes say of them: whether they fail, and since when. One that a person is changing at the moment is left out;
-- the next outcome says the same. It is switched off when its receiver wants no more, when it has failed for as long as a delivery is
-- tried, or when nothing can be signed; the audit says so, as of the server.
CREATE OR REPLACE FUNCTION webhooks.note_state(outcomes jsonb, its_webhooks bigint[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    off record;
BEGIN
    FOR off IN
        WITH said AS (
            SELECT o.webhook_id, bool_or(o.result = 'delivered') AS succeeds, bool_or(o.result = 'gone') AS is_gone, bool_or(o.result = 'key') AS lacks_key
              FROM jsonb_to_recordset(outcomes) AS o (webhook_id bigint, result text)
             WHERE o.webhook_id = ANY (its_webhooks) GROUP BY o.webhook_id
        ), held AS MATERIALIZED (
            SELECT w.id, w AS webhook, s.succeeds,
                   CASE WHEN s.is_gone THEN 'gone' WHEN s.lacks_key THEN 'key'
                        WHEN NOT s.succeeds AND w.failing_since < now() - interval '3 days' THEN 'failing' END AS reason
              FROM said s JOIN webhooks.webhook w ON w.id = s.webhook_id
             WHERE w.is_active AND (s.succeeds AND w.failing_since IS NOT NULL OR NOT s.succeeds AND w.failing_since IS NULL OR s.is_gone OR s.lacks_key
                                    OR NOT s.succeeds AND w.failing_since < now() - interval '3 days')
               FOR NO KEY UPDATE OF w SKIP LOCKED
        ), changed AS (
            UPDATE webhooks.webhook w
               SET failing_since = CASE WHEN NOT h.succeeds THEN coalesce(w.failing_since, now()) END, is_active = h.reason IS NULL,
                   disabled_at = CASE WHEN h.reason IS NOT NULL THEN now() END, disabled_reason = h.reason, version = w.version + 1
              FROM held h
             WHERE w.id = h.id
            RETURNING w.id, w.is_active, webhooks.audited(h.webhook) AS before, webhooks.audited(w) AS after
        )
        SELECT c.id, c.before, c.after FROM changed c WHERE NOT c.is_active
    LOOP
        PERFORM operations.note('{"address": "server"}', 'webhook.disable', 'webhook', off.id::text, off.before, off.after);
    END LOOP;
END $$;

-- Gives back the lanes that a process has taken.
CREATE OR REPLACE FUNCTION webhooks.release_lanes(its_owner uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE webhooks.lane l SET owner = NULL, due_at = now()
      FROM (SELECT o.webhook_id, o.topic FROM webhooks.lane o WHERE o.owner = its_owner ORDER BY o.webhook_id, o.topic FOR NO KEY UPDATE) h
     WHERE l.webhook_id = h.webhook_id AND l.topic = h.topic
$$;
