-- Events of the books for webhooks, and deliveries that are made of events. docs/api/webhooks.md#topics
-- The area's triggers are listed in functions.sql.

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
