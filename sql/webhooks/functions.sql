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

-- The longest `data` of an event, in bytes: one that is longer is replaced by the id, with which the receiver reads the document.
CREATE OR REPLACE FUNCTION webhooks.bounded(data json) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(data::text) <= 262144 THEN data ELSE json_build_object('id', data -> 'id', 'is_truncated', true) END
$$;

-- Events of the books. docs/api/webhooks.md#topics

-- Whether the owner has an active webhook that names one of the types of a noun, such as {created,sent}. If not, nothing is composed or written.
CREATE OR REPLACE FUNCTION webhooks.is_heard(owner bigint, noun text, types text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (SELECT FROM webhooks.webhook w
                    WHERE w.account_id = owner AND w.is_active
                      AND w.topics && (ARRAY['*', 'books.*', 'books.' || noun || '.*'] || ARRAY(SELECT 'books.' || noun || '.' || t.type FROM unnest(types) AS t (type))))
$$;

-- Writes an event for each of the types, such as {created,sent}, in this order. PL/pgSQL keeps the plan; a function of SQL, which can't be
-- inlined here, would be planned at each call before Postgres 18. So it is with the other functions that run at each event or attempt.
CREATE OR REPLACE FUNCTION webhooks.announce(owner bigint, noun text, types text[], data json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    type text;
BEGIN
    FOREACH type IN ARRAY types LOOP
        INSERT INTO core.event (topic, payload, tags)
        VALUES ('books.changed', json_build_object('type', 'books.' || noun || '.' || type, 'owner_id', owner, 'data', webhooks.bounded(data))::text,
                ARRAY['owner:' || owner]);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION webhooks.announce_client() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    owner bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.owner_id ELSE NEW.owner_id END;
    types text[] := ARRAY[CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END];
BEGIN
    IF NOT webhooks.is_heard(owner, 'client', types) THEN
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM webhooks.announce(owner, 'client', types, books.client_document(OLD));
    ELSE
        PERFORM webhooks.announce(owner, 'client', types, books.client_document(c)) FROM books.client c WHERE c.owner_id = owner AND c.id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION webhooks.announce_quote() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    owner bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.owner_id ELSE NEW.owner_id END;
    types text[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        types := '{deleted}';
    ELSIF TG_OP = 'INSERT' THEN
        types := CASE NEW.status WHEN 'draft' THEN '{created}' ELSE ARRAY['created', NEW.status] END;
    ELSE
        types := ARRAY[CASE WHEN NEW.status = OLD.status THEN 'updated' ELSE NEW.status END];
    END IF;
    IF NOT webhooks.is_heard(owner, 'quote', types) THEN
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM webhooks.announce(owner, 'quote', types, d) FROM books.shown_quote(OLD) AS d;
    ELSE
        PERFORM webhooks.announce(owner, 'quote', types, d)
           FROM books.quote q CROSS JOIN LATERAL books.shown_quote(q) AS d WHERE q.owner_id = owner AND q.id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION webhooks.announce_invoice() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    owner  bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.owner_id ELSE NEW.owner_id END;
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.status ELSE 'draft' END;
    types  text[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        types := '{deleted}';
    ELSE
        -- One write may take several steps: a draft that is recorded as paid is sent first.
        types := array_remove(ARRAY[
            CASE WHEN TG_OP = 'INSERT' THEN 'created' END,
            CASE WHEN before = 'draft' AND NEW.status NOT IN ('draft', 'cancelled') THEN 'sent' END,
            CASE WHEN before <> NEW.status AND NEW.status IN ('paid', 'overdue', 'cancelled') THEN NEW.status END], NULL);
        types := CASE types WHEN '{}' THEN '{updated}' ELSE types END;
    END IF;
    IF NOT webhooks.is_heard(owner, 'invoice', types) THEN
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM webhooks.announce(owner, 'invoice', types, d)
           FROM books.invoice_document(OLD, (SELECT c.name FROM books.client c WHERE c.owner_id = owner AND c.id = OLD.client_id)) AS d;
    ELSE
        PERFORM webhooks.announce(owner, 'invoice', types, d)
           FROM books.invoice i
          CROSS JOIN LATERAL books.invoice_document(i, (SELECT c.name FROM books.client c WHERE c.owner_id = owner AND c.id = i.client_id)) AS d
          WHERE i.owner_id = owner AND i.id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION webhooks.announce_payment() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    owner bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.owner_id ELSE NEW.owner_id END;
    one   books.payment := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    types text[] := ARRAY[CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END];
BEGIN
    IF webhooks.is_heard(owner, 'payment', types) THEN
        PERFORM webhooks.announce(
            owner, 'payment', types, (to_jsonb(books.payment_document(one)) || jsonb_build_object('invoice', one.invoice_id))::json);
    END IF;
    RETURN NULL;
END $$;

-- A link to the file of a receipt ends after an hour or two, so an event has none.
CREATE OR REPLACE FUNCTION webhooks.expense_data(e books.expense) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT jsonb_set(d::jsonb, '{attachments}', coalesce((SELECT jsonb_agg(a.one || '{"file": null}' ORDER BY a.place)
                                                            FROM jsonb_array_elements(d::jsonb -> 'attachments') WITH ORDINALITY AS a (one, place)), '[]'))::json
      FROM books.expense_document(e) AS d
$$;

CREATE OR REPLACE FUNCTION webhooks.announce_expense() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    owner bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.owner_id ELSE NEW.owner_id END;
    types text[] := '{updated}';
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        types := CASE TG_OP WHEN 'INSERT' THEN '{created}' ELSE '{deleted}' END;
    ELSIF OLD.status <> NEW.status AND NEW.status <> 'pending' THEN
        types := ARRAY[NEW.status];
    END IF;
    IF NOT webhooks.is_heard(owner, 'expense', types) THEN
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM webhooks.announce(owner, 'expense', types, webhooks.expense_data(OLD));
    ELSE
        PERFORM webhooks.announce(owner, 'expense', types, webhooks.expense_data(e)) FROM books.expense e WHERE e.owner_id = owner AND e.id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

-- From events to deliveries

-- What an event of the log means to webhooks: its topics, and who may see it. area: of the accounts that may; owner: the one account that may,
-- or null. An event without a meaning here has no row.
CREATE OR REPLACE FUNCTION webhooks.meanings(logged text, payload text, tags text[])
RETURNS TABLE (topic text, data json, area text, owner bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
    whole json := payload::json;
    state text := whole ->> 'status';
BEGIN
    IF logged = 'books.changed' THEN
        RETURN QUERY SELECT whole ->> 'type', whole -> 'data', 'books', (whole ->> 'owner_id')::bigint;
    ELSIF logged = 'sales.invoice' THEN
        RETURN QUERY SELECT 'sales.invoice.' || CASE
            WHEN 'created' = ANY (tags) THEN 'created'
            WHEN (whole ->> 'is_active') = 'false' THEN 'deleted'
            -- An event has the statuses before and after.
            WHEN (SELECT count(*) FROM unnest(tags) AS t (tag) WHERE t.tag LIKE 'status:%') > 1 THEN 'status_changed'
            ELSE 'updated' END, whole, 'sales', NULL::bigint;
    ELSIF logged = 'pos.order' THEN
        RETURN QUERY SELECT 'pos.order.' || t.type, whole, 'pos', NULL::bigint
          FROM unnest(ARRAY[
            CASE WHEN 'created' = ANY (tags) THEN 'created'
                 WHEN state = 'DELETED' THEN 'deleted'
                 WHEN 'status' = ANY (tags) AND state IN ('PAID', 'CANCELLED') THEN NULL ELSE 'updated' END,
            CASE WHEN tags && '{created,status}' AND state IN ('PAID', 'CANCELLED') THEN lower(state) END]) AS t (type)
         WHERE t.type IS NOT NULL;
    ELSIF logged = 'pos.stock' THEN
        RETURN QUERY SELECT CASE WHEN whole ->> 'event' = 'low_stock' THEN 'pos.stock.low' ELSE 'pos.stock.changed' END, whole, 'pos', NULL::bigint;
    ELSIF logged = 'vendor.catalogue' AND tags IS NULL THEN
        RETURN QUERY SELECT 'vendor.catalogue.changed', whole, 'vendor', NULL::bigint;
    ELSIF logged = 'vendor.catalogue' THEN
        RETURN QUERY SELECT 'vendor.catalogue.changed', whole, 'vendor', v.account_id FROM vendor.vendor v WHERE v.id = tags[1]::uuid;
    ELSIF logged = 'vendor.vendor' THEN
        RETURN QUERY SELECT 'vendor.profile.changed', whole, 'sales-rep', NULL::bigint
           UNION ALL SELECT 'vendor.profile.changed', whole, 'vendor', v.account_id FROM vendor.vendor v WHERE v.id = (whole ->> 'id')::uuid;
    END IF;
END $$;

-- The entries of a webhook's topics that include a topic: books.invoice.paid, books.invoice.*, books.* and *.
CREATE OR REPLACE FUNCTION webhooks.patterns(topic text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[topic, '*', split_part(topic, '.', 1) || '.*', split_part(topic, '.', 1) || '.' || split_part(topic, '.', 2) || '.*']
$$;

-- Whether an account may see an area. areas: those of each role (handlers/api/roles.py).
CREATE OR REPLACE FUNCTION webhooks.admits(a accounts.account, area text, areas jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT a.is_active AND coalesce(areas -> a.role ? area, false)
$$;

-- Whether an account may still be sent a topic.
CREATE OR REPLACE FUNCTION webhooks.may_see(a accounts.account, topic text, areas jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN split_part(topic, '.', 1) = 'webhook' THEN a.is_active
                ELSE webhooks.admits(a, split_part(topic, '.', 1), areas) OR topic = 'vendor.profile.changed' AND webhooks.admits(a, 'sales-rep', areas) END
$$;

-- Lanes that have something to send from now on. What a process has taken, or what waits for its next attempt, stays as it is.
CREATE OR REPLACE FUNCTION webhooks.wake(its_webhooks bigint[], its_topics text[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO webhooks.lane AS l (webhook_id, topic, due_at)
    SELECT DISTINCT w.webhook_id, w.topic, now() FROM unnest(its_webhooks, its_topics) AS w (webhook_id, topic) ORDER BY w.webhook_id, w.topic
        ON CONFLICT (webhook_id, topic) DO UPDATE SET due_at = coalesce(l.due_at, EXCLUDED.due_at);
END $$;

-- Makes deliveries of the next events of the log, at most so many, and moves the cursor in the same transaction, so that each event comes once
-- to each webhook. One process does so at a time; another one is told that there is nothing. fed: how many positions were passed.
CREATE OR REPLACE FUNCTION webhooks.feed(most integer, areas jsonb, OUT fed bigint, OUT made bigint)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    head bigint;
    at   bigint;
    upto bigint;
BEGIN
    fed := 0;
    made := 0;
    -- Most of the time there is nothing, and then nothing is locked.
    IF (SELECT r.position FROM core.event_reader r WHERE r.name = 'webhooks') = (SELECT h.position FROM core.event_head h) THEN
        RETURN;
    END IF;
    SELECT r.position INTO at FROM core.event_reader r WHERE r.name = 'webhooks' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    head := (SELECT h.position FROM core.event_head h);
    IF NOT EXISTS (SELECT FROM webhooks.webhook w WHERE w.is_active) THEN
        upto := head;
    ELSE
        -- Positions have no gaps.
        upto := least(head, at + most);
        WITH event AS MATERIALIZED (
            SELECT e.position, e.created_at, m.topic, m.data, m.area, m.owner
              FROM core.event e CROSS JOIN LATERAL webhooks.meanings(e.topic, e.payload, e.tags) m
             WHERE e.position > at AND e.position <= upto
               AND e.topic IN ('books.changed', 'sales.invoice', 'pos.order', 'pos.stock', 'vendor.catalogue', 'vendor.vendor')
        ), area AS MATERIALIZED (
            -- The webhooks of those who may see what belongs to nobody, once for all events.
            SELECT w.id, w.topics, n.area
              FROM (SELECT DISTINCT e.area FROM event e WHERE e.owner IS NULL) n
             CROSS JOIN webhooks.webhook w JOIN accounts.account a ON a.id = w.account_id
             WHERE w.is_active AND webhooks.admits(a, n.area, areas)
        ), wanted AS MATERIALIZED (
            SELECT e.position, e.topic, w.id AS webhook_id
              FROM event e JOIN webhooks.webhook w ON w.account_id = e.owner AND w.is_active JOIN accounts.account a ON a.id = w.account_id
             WHERE w.topics && webhooks.patterns(e.topic) AND webhooks.admits(a, e.area, areas)
             UNION
            SELECT e.position, e.topic, w.id FROM event e JOIN area w ON w.area = e.area AND w.topics && webhooks.patterns(e.topic) WHERE e.owner IS NULL
        ), held AS MATERIALIZED (
            -- One that is deleted meanwhile gets nothing; the deletion of any other one waits for this.
            SELECT w.id FROM webhooks.webhook w WHERE w.id IN (SELECT n.webhook_id FROM wanted n) ORDER BY w.id FOR KEY SHARE
        ), woken AS MATERIALIZED (
            SELECT webhooks.wake(array_agg(w.webhook_id), array_agg(w.topic)) AS done
              FROM (SELECT DISTINCT n.webhook_id, n.topic FROM wanted n JOIN held h ON h.id = n.webhook_id) w
        ), told AS MATERIALIZED (
            SELECT w.position, w.topic, w.webhook_id FROM wanted w JOIN held h ON h.id = w.webhook_id CROSS JOIN woken
        ), message AS (
            INSERT INTO webhooks.message (position, topic, body)
            SELECT s.position, s.topic, json_build_object('type', s.topic, 'timestamp', core.iso(s.created_at), 'data', webhooks.bounded(s.data))::text
              FROM (SELECT DISTINCT ON (e.position, e.topic) e.* FROM event e
                     WHERE EXISTS (SELECT FROM told t WHERE t.position = e.position AND t.topic = e.topic) ORDER BY e.position, e.topic) s
             ORDER BY s.position
            RETURNING id, position, topic
        ), delivery AS (
            INSERT INTO webhooks.delivery (webhook_id, message_id, topic)
            SELECT t.webhook_id, m.id, m.topic FROM message m JOIN told t ON t.position = m.position AND t.topic = m.topic ORDER BY m.id, t.webhook_id
            RETURNING 1
        )
        SELECT count(*) INTO made FROM delivery d;
    END IF;
    UPDATE core.event_reader SET position = upto WHERE name = 'webhooks';
    -- After the restoration of an older log the cursor goes back with it.
    fed := greatest(upto - at, 0);
END $$;

-- Sending

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
