-- Histories of the warehouse: sessions of all three kinds alike, counted by day, found by search; events that say what they are about.
-- Safe beside a running release: new objects, and new columns with or without a constant default (brief locks, no rewrite);
-- what the running release calls goes on answering what it asks for.

-- A deleted invoice's sessions are not shown. Kept here, so that neither a page nor a count has to look at each invoice.
ALTER TABLE sales.picking_session ADD is_shown boolean NOT NULL DEFAULT true;
ALTER TABLE sales.packing_session ADD is_shown boolean NOT NULL DEFAULT true;
ALTER TABLE sales.delivery_session ADD is_shown boolean NOT NULL DEFAULT true;
UPDATE sales.picking_session s SET is_shown = false FROM sales.invoice i WHERE i.id = s.invoice_id AND NOT i.is_active;
UPDATE sales.packing_session s SET is_shown = false FROM sales.invoice i WHERE i.id = s.invoice_id AND NOT i.is_active;
UPDATE sales.delivery_session s SET is_shown = false FROM sales.invoice i WHERE i.id = s.invoice_id AND NOT i.is_active;

CREATE FUNCTION sales.show_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.is_shown := coalesce((SELECT i.is_active FROM sales.invoice i WHERE i.id = NEW.invoice_id), true);
    RETURN NEW;
END $$;
CREATE TRIGGER picking_session_shown BEFORE INSERT OR UPDATE OF invoice_id ON sales.picking_session
    FOR EACH ROW EXECUTE FUNCTION sales.show_session();
CREATE TRIGGER packing_session_shown BEFORE INSERT OR UPDATE OF invoice_id ON sales.packing_session
    FOR EACH ROW EXECUTE FUNCTION sales.show_session();
CREATE TRIGGER delivery_session_shown BEFORE INSERT OR UPDATE OF invoice_id ON sales.delivery_session
    FOR EACH ROW EXECUTE FUNCTION sales.show_session();

CREATE FUNCTION sales.show_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sales.picking_session SET is_shown = NEW.is_active WHERE invoice_id = NEW.id;
    UPDATE sales.packing_session SET is_shown = NEW.is_active WHERE invoice_id = NEW.id;
    UPDATE sales.delivery_session SET is_shown = NEW.is_active WHERE invoice_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER invoice_sessions_shown AFTER UPDATE OF is_active ON sales.invoice
    FOR EACH ROW WHEN (OLD.is_active <> NEW.is_active) EXECUTE FUNCTION sales.show_sessions();

-- The three kinds under the same names. A query that names the kind reads that table only.
CREATE VIEW sales.session AS
SELECT 'picking' AS kind, id, invoice_id, picker_id AS worker_id, picking_status AS status, '' AS delivery_type,
       '' AS courier_name, '' AS tracking_no, notes, start_time, end_time, created_at, is_shown,
       cancel_reason
  FROM sales.picking_session
 UNION ALL
SELECT 'packing', id, invoice_id, packer_id, packing_status, '', '', '', notes, start_time, end_time, created_at, is_shown, cancel_reason
  FROM sales.packing_session
 UNION ALL
SELECT 'delivery', id, invoice_id, assigned_to, delivery_status, delivery_type, courier_name::text, tracking_no::text, notes,
       start_time, end_time, created_at, is_shown, cancel_reason
  FROM sales.delivery_session;

CREATE INDEX picking_session_status ON sales.picking_session (picking_status, created_at, id);
CREATE INDEX packing_session_status ON sales.packing_session (packing_status, created_at, id);
CREATE INDEX delivery_session_status ON sales.delivery_session (delivery_status, created_at, id);
CREATE INDEX delivery_session_type ON sales.delivery_session (delivery_type, created_at, id);

-- How many sessions there are of which day (UTC, of created_at), of whom, in which state: a history's exact `count` without
-- counting, and the day on which its page 4,000 begins. worker_id 0: of everybody, also of nobody.
CREATE TABLE sales.session_tally (
    kind          text    NOT NULL,
    worker_id     bigint  NOT NULL,
    day           date    NOT NULL,
    status        text    NOT NULL,
    delivery_type text    NOT NULL,
    n             integer NOT NULL,
    PRIMARY KEY (kind, worker_id, day, status, delivery_type)
) WITH (fillfactor = 50);

-- What happened since the last fold, inserted only, as sales.invoice_change (migration 0004): no step waits for another's.
CREATE TABLE sales.session_change (
    kind          text     NOT NULL,
    worker_id     bigint,
    day           date     NOT NULL,
    status        text     NOT NULL,
    delivery_type text     NOT NULL,
    n             smallint NOT NULL
);

-- Told the kind, and the columns that hold the worker and the status.
CREATE FUNCTION sales.note_session_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sales.session_change (kind, worker_id, day, status, delivery_type, n)
    SELECT TG_ARGV[0], (s.row ->> TG_ARGV[1])::bigint, ((s.row ->> 'created_at')::timestamptz AT TIME ZONE 'UTC')::date,
           s.row ->> TG_ARGV[2], coalesce(s.row ->> 'delivery_type', ''), s.n
      FROM (VALUES (CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, -1),
                   (CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END, 1)) AS s (row, n)
     WHERE (s.row ->> 'is_shown')::boolean;
    RETURN NULL;
END $$;
CREATE TRIGGER picking_session_counted AFTER INSERT OR DELETE ON sales.picking_session
    FOR EACH ROW EXECUTE FUNCTION sales.note_session_change('picking', 'picker_id', 'picking_status');
CREATE TRIGGER picking_session_recounted AFTER UPDATE ON sales.picking_session
    FOR EACH ROW WHEN ((OLD.picker_id, OLD.picking_status, OLD.created_at, OLD.is_shown)
        IS DISTINCT FROM (NEW.picker_id, NEW.picking_status, NEW.created_at, NEW.is_shown))
    EXECUTE FUNCTION sales.note_session_change('picking', 'picker_id', 'picking_status');
CREATE TRIGGER packing_session_counted AFTER INSERT OR DELETE ON sales.packing_session
    FOR EACH ROW EXECUTE FUNCTION sales.note_session_change('packing', 'packer_id', 'packing_status');
CREATE TRIGGER packing_session_recounted AFTER UPDATE ON sales.packing_session
    FOR EACH ROW WHEN ((OLD.packer_id, OLD.packing_status, OLD.created_at, OLD.is_shown)
        IS DISTINCT FROM (NEW.packer_id, NEW.packing_status, NEW.created_at, NEW.is_shown))
    EXECUTE FUNCTION sales.note_session_change('packing', 'packer_id', 'packing_status');
CREATE TRIGGER delivery_session_counted AFTER INSERT OR DELETE ON sales.delivery_session
    FOR EACH ROW EXECUTE FUNCTION sales.note_session_change('delivery', 'assigned_to', 'delivery_status');
CREATE TRIGGER delivery_session_recounted AFTER UPDATE ON sales.delivery_session
    FOR EACH ROW WHEN ((OLD.assigned_to, OLD.delivery_status, OLD.delivery_type, OLD.created_at, OLD.is_shown)
        IS DISTINCT FROM (NEW.assigned_to, NEW.delivery_status, NEW.delivery_type, NEW.created_at, NEW.is_shown))
    EXECUTE FUNCTION sales.note_session_change('delivery', 'assigned_to', 'delivery_status');

CREATE FUNCTION sales.note_no_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sales.session_change WHERE kind = TG_ARGV[0];
    DELETE FROM sales.session_tally WHERE kind = TG_ARGV[0];
    RETURN NULL;
END $$;
CREATE TRIGGER picking_sessions_truncated AFTER TRUNCATE ON sales.picking_session
    FOR EACH STATEMENT EXECUTE FUNCTION sales.note_no_sessions('picking');
CREATE TRIGGER packing_sessions_truncated AFTER TRUNCATE ON sales.packing_session
    FOR EACH STATEMENT EXECUTE FUNCTION sales.note_no_sessions('packing');
CREATE TRIGGER delivery_sessions_truncated AFTER TRUNCATE ON sales.delivery_session
    FOR EACH STATEMENT EXECUTE FUNCTION sales.note_no_sessions('delivery');

-- Moves the changes into the tally and returns how many there were; 0 too when another process is at it.
CREATE FUNCTION sales.fold_session_changes() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    folded bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM sales.session_change)
       AND pg_try_advisory_xact_lock('sales.session_tally'::regclass::oid::bigint) THEN
        WITH taken AS (
            DELETE FROM sales.session_change RETURNING kind, worker_id, day, status, delivery_type, n
        ), written AS (
            INSERT INTO sales.session_tally (kind, worker_id, day, status, delivery_type, n)
            SELECT taken.kind, who.id, taken.day, taken.status, taken.delivery_type, sum(taken.n)
              FROM taken CROSS JOIN LATERAL (VALUES (0), (taken.worker_id)) AS who (id)
             WHERE who.id IS NOT NULL
             GROUP BY 1, 2, 3, 4, 5
            ON CONFLICT (kind, worker_id, day, status, delivery_type) DO UPDATE SET n = session_tally.n + EXCLUDED.n
        )
        SELECT count(*) INTO folded FROM taken;
    END IF;
    RETURN folded;
END $$;

INSERT INTO sales.session_tally (kind, worker_id, day, status, delivery_type, n)
SELECT s.kind, who.id, (s.created_at AT TIME ZONE 'UTC')::date, s.status, s.delivery_type, count(*)
  FROM sales.session s CROSS JOIN LATERAL (VALUES (0), (s.worker_id)) AS who (id)
 WHERE s.is_shown AND who.id IS NOT NULL
 GROUP BY 1, 2, 3, 4, 5;

-- Search, as accounts are searched (migration 0006). Numbers of invoices are found by invoice_no_searched, which
-- migration 0014 makes, with sales.pieces.
CREATE FUNCTION sales.searched(one text, other text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(one || E'\n' || other)
$$;
CREATE INDEX invoice_no_lower ON sales.invoice (lower(invoice_no));
CREATE INDEX customer_history_searched ON sales.customer USING gin (operations.trigrams(sales.searched(name, email)));
CREATE INDEX delivery_session_searched ON sales.delivery_session
    USING gin (operations.trigrams(sales.searched(courier_name, tracking_no)));

-- The sessions of one kind that have `needle` (lower case) in one of the texts that their history is searched by. The indexes
-- find what has all three-letter pieces of it; of one or two letters there are none, so then all is read.
CREATE FUNCTION sales.search_sessions(kind_ text, needle text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    pieces text[] := operations.trigrams(needle);
    short  boolean := pieces = '{}';
BEGIN
    RETURN QUERY
    SELECT s.id
      FROM sales.session s
     WHERE s.kind = kind_ AND s.invoice_id IN (
           SELECT i.id FROM sales.invoice i
            WHERE (short OR sales.pieces(i.invoice_no) @> sales.pieces(needle)) AND position(needle IN lower(i.invoice_no)) > 0
            UNION ALL
           SELECT i.id FROM sales.customer c JOIN sales.invoice i ON i.customer_id = c.id
            WHERE (short OR operations.trigrams(sales.searched(c.name, c.email)) @> pieces)
              AND (position(needle IN lower(c.name)) > 0 OR position(needle IN lower(c.email)) > 0))
     UNION
    SELECT s.id
      FROM sales.session s
     WHERE s.kind = kind_ AND s.worker_id IN (
           SELECT a.id FROM accounts.account a
            WHERE (short OR operations.trigrams(accounts.searched(a.email, a.name, a.username)) @> pieces)
              AND position(needle IN lower(a.email)) > 0)
     UNION
    SELECT d.id
      FROM sales.delivery_session d
     WHERE kind_ = 'delivery' AND (short OR operations.trigrams(sales.searched(d.courier_name, d.tracking_no)) @> pieces)
       AND (position(needle IN lower(d.courier_name)) > 0 OR position(needle IN lower(d.tracking_no)) > 0);
END $$;

-- One page of a history: how many sessions all given filters let through, the page served (1-based; null asks for the last),
-- and its sessions, newest first; ids is null for a page that isn't there. walks: the page_size + 1 that follow (before_at,
-- before_id) instead, or the first ones, and nothing is counted. Days are UTC, inclusive; numbers: invoice_no ignoring case,
-- must all be the one. Planned anew on each call: one plan for all combinations could use none of the indexes.
CREATE FUNCTION sales.list_history(
    kind_ text, worker bigint, state text, type_ text, first_day date, last_day date, invoice bigint, numbers text[],
    needle text, page_number bigint, page_size bigint, walks boolean, before_at timestamptz, before_id bigint
) RETURNS TABLE (count bigint, page bigint, ids bigint[])
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    invoices bigint[];
    since    timestamptz := first_day::timestamp AT TIME ZONE 'UTC';
    until    timestamptz := (last_day + 1)::timestamp AT TIME ZONE 'UTC';
    first    bigint := 0;   -- sessions to skip
    most     bigint;
    is_whole boolean := invoice IS NULL AND numbers IS NULL;
BEGIN
    IF numbers IS NOT NULL THEN
        invoices := ARRAY(SELECT i.id FROM sales.invoice i
                           WHERE lower(i.invoice_no) = lower(numbers[1])
                             AND lower(i.invoice_no) = ALL (SELECT lower(n) FROM unnest(numbers) AS n));
    END IF;
    IF invoice IS NOT NULL THEN
        invoices := ARRAY(SELECT invoice WHERE invoices IS NULL OR invoice = ANY (invoices));
    END IF;
    most := page_size + walks::integer;
    IF needle IS NOT NULL THEN
        WITH matching AS MATERIALIZED (
            SELECT s.id, s.created_at
              FROM sales.search_sessions(kind_, lower(needle)) AS found (id) JOIN sales.session s USING (id)
             WHERE s.kind = kind_ AND s.is_shown
               AND (invoices IS NULL OR s.invoice_id = ANY (invoices))
               AND (worker IS NULL OR s.worker_id = worker)
               AND (state IS NULL OR s.status = state)
               AND (type_ IS NULL OR s.delivery_type = type_)
               AND (since IS NULL OR s.created_at >= since)
               AND (until IS NULL OR s.created_at < until)
               AND (before_at IS NULL OR (s.created_at, s.id) < (before_at, before_id))
        ), counted AS (
            SELECT count(*) AS n FROM matching
        ), asked AS (
            SELECT c.n, coalesce(page_number, greatest(1, ceil(c.n / page_size::numeric)::bigint)) AS number FROM counted c
        )
        SELECT a.n, a.number, CASE WHEN a.number = 1 OR (a.number - 1) * page_size < a.n THEN ARRAY(
               SELECT m.id FROM matching m
                ORDER BY m.created_at DESC, m.id DESC OFFSET (a.number - 1) * page_size LIMIT most) END
          INTO count, page, ids
          FROM asked a;
        RETURN NEXT;
        RETURN;
    END IF;
    IF NOT walks AND is_whole THEN
        -- Counted by day, without looking at the sessions; that also tells the day on which the page begins.
        WITH days AS (
            SELECT t.day, sum(t.n)::bigint AS n
              FROM (SELECT y.day, y.status, y.delivery_type, y.n FROM sales.session_tally y
                     WHERE y.kind = kind_ AND y.worker_id = coalesce(worker, 0)
                    UNION ALL
                    SELECT c.day, c.status, c.delivery_type, c.n FROM sales.session_change c
                     WHERE c.kind = kind_ AND (worker IS NULL OR c.worker_id = worker)) t
             WHERE (first_day IS NULL OR t.day >= first_day) AND (last_day IS NULL OR t.day <= last_day)
               AND (state IS NULL OR t.status = state) AND (type_ IS NULL OR t.delivery_type = type_)
             GROUP BY t.day
        ), summed AS (
            SELECT d.day, d.n, sum(d.n) OVER (ORDER BY d.day DESC)::bigint - d.n AS before FROM days d
        ), counted AS (
            SELECT coalesce(sum(d.n), 0)::bigint AS n FROM days d
        ), asked AS (
            SELECT c.n, coalesce(page_number, greatest(1, ceil(c.n / page_size::numeric)::bigint)) AS number FROM counted c
        )
        SELECT a.n, a.number, (a.number - 1) * page_size - coalesce(s.before, 0),
               least(until, (s.day + 1)::timestamp AT TIME ZONE 'UTC')
          INTO count, page, first, until
          FROM asked a LEFT JOIN summed s
            ON (a.number - 1) * page_size >= s.before AND (a.number - 1) * page_size < s.before + s.n;
    ELSIF NOT walks THEN
        SELECT count(*) INTO count
          FROM sales.session s
         WHERE s.kind = kind_ AND s.is_shown
           AND (invoices IS NULL OR s.invoice_id = ANY (invoices))
           AND (worker IS NULL OR s.worker_id = worker)
           AND (state IS NULL OR s.status = state)
           AND (type_ IS NULL OR s.delivery_type = type_)
           AND (since IS NULL OR s.created_at >= since)
           AND (until IS NULL OR s.created_at < until);
        page := coalesce(page_number, greatest(1, ceil(count / page_size::numeric)::bigint));
        first := (page - 1) * page_size;
    END IF;
    IF walks OR page = 1 OR (page - 1) * page_size < count THEN
        ids := ARRAY(
            SELECT s.id
              FROM sales.session s
             WHERE s.kind = kind_ AND s.is_shown
                   AND (invoices IS NULL OR s.invoice_id = ANY (invoices))
               AND (worker IS NULL OR s.worker_id = worker)
               AND (state IS NULL OR s.status = state)
               AND (type_ IS NULL OR s.delivery_type = type_)
               AND (since IS NULL OR s.created_at >= since)
               AND (until IS NULL OR s.created_at < until)
               AND (before_at IS NULL OR (s.created_at, s.id) < (before_at, before_id))
             ORDER BY s.created_at DESC, s.id DESC OFFSET first LIMIT most);
    END IF;
    RETURN NEXT;
END $$;

-- The members of several JSON objects (without blanks around them) in one, in their order; jsonb would sort them. Null: none.
CREATE FUNCTION core.joined(VARIADIC parts json[]) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('{' || string_agg(substr(part::text, 2, length(part::text) - 2), ',' ORDER BY place) || '}')::json
      FROM unnest(parts) WITH ORDINALITY AS each (part, place) WHERE part IS NOT NULL
$$;

-- Sessions of one kind as the histories show them. What an absent person would say is absent.
CREATE FUNCTION sales.write_history(kind_ text, ids bigint[]) RETURNS TABLE (id bigint, created_at timestamptz, document json)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    person text := CASE kind_ WHEN 'picking' THEN 'picker' WHEN 'packing' THEN 'packer' ELSE 'delivery_user' END;
BEGIN
    RETURN QUERY
    SELECT s.id, s.created_at, core.joined(
           (SELECT row_to_json(x) FROM (
                   SELECT s.id, i.invoice_no, i.invoice_date, i.status AS invoice_status, i.remarks AS invoice_remarks,
                          i.customer ->> 'name' AS customer_name, i.customer ->> 'email' AS customer_email,
                          i.customer ->> 'phone1' AS customer_phone, i.customer ->> 'address1' AS customer_address) x),
           (SELECT row_to_json(x) FROM (SELECT i.salesman ->> 'name' AS salesman_name) x WHERE i.salesman IS NOT NULL),
           (SELECT row_to_json(x) FROM (SELECT s.delivery_type) x WHERE kind_ = 'delivery'),
           CASE WHEN a.id IS NOT NULL THEN format('{"%s_email":%s,"%s_name":%s}', person, to_json(a.email), person,
                                                  to_json(accounts.full_name(a)))::json END,
           (SELECT row_to_json(x) FROM (SELECT s.courier_name, s.tracking_no) x WHERE kind_ = 'delivery'),
           format('{"%s_status":%s}', kind_, to_json(s.status))::json,
           (SELECT row_to_json(x) FROM (
                   SELECT i.items, i.total_amount, core.iso(s.start_time) AS start_time,
                          core.iso(s.end_time) AS end_time,
                          sales.minutes(s.start_time, s.end_time) AS duration, s.notes,
                          core.iso(s.created_at) AS created_at) x),
           (SELECT row_to_json(x) FROM (SELECT s.cancel_reason) x WHERE s.cancel_reason IS NOT NULL))
      FROM sales.session s
     CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = s.invoice_id OFFSET 0) d
     CROSS JOIN LATERAL json_to_record(d.document) AS i (
           invoice_no text, invoice_date text, status text, remarks text, customer json, salesman json, items json, total_amount json)
      LEFT JOIN accounts.account a ON a.id = s.worker_id
     WHERE s.kind = kind_ AND s.id = ANY (ids);
END $$;

-- What an event is about, in words that a reader of the stream can ask for; null: of interest to all who read the topic.
ALTER TABLE core.event ADD tags text[];

-- As migration 0001 has it, with tags. Another process may still call the old one until this commits; both take the same lock.
DROP FUNCTION core.relay_events(integer);
CREATE FUNCTION core.relay_events(batch integer)
RETURNS TABLE ("position" bigint, topic text, payload text, tags text[])
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off AS $$
DECLARE
    head bigint;
BEGIN
    PERFORM FROM core.event e WHERE e.position IS NULL ORDER BY e.id LIMIT 1;
    IF FOUND THEN
        SELECT h.position INTO head FROM core.event_head h FOR UPDATE;
        RETURN QUERY
        WITH waiting AS (
            SELECT w.id, row_number() OVER (ORDER BY w.id) AS place
              FROM (SELECT e.id FROM core.event e WHERE e.position IS NULL ORDER BY e.id LIMIT batch) w
        ), numbered AS (
            UPDATE core.event e SET position = head + w.place
              FROM waiting w WHERE e.id = w.id AND e.position IS NULL
            RETURNING e.position, e.topic, e.payload, e.tags
        ), moved AS (
            UPDATE core.event_head h SET position = head + (SELECT count(*) FROM numbered)
        )
        SELECT n.position, n.topic, n.payload, n.tags FROM numbered n ORDER BY n.position;
    END IF;
    RETURN QUERY SELECT h.position, NULL::text, NULL::text, NULL::text[] FROM core.event_head h;
END $$;

-- As migration 0011 has it, with tags: the status that the change left and the one it led to, so that a board of either is told;
-- and whoever has an unfinished session of the invoice, or had until this very transaction.
CREATE OR REPLACE FUNCTION sales.announce_invoice() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
    told text[] := ARRAY['status:' || NEW.status];
BEGIN
    IF coalesce(current_setting('tradepost.quiet', true), '') <> 'on' THEN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.status <> NEW.status THEN
                told := told || ('status:' || OLD.status);
            END IF;
            told := told || ARRAY(
                SELECT DISTINCT 'worker:' || lower(a.email)
                  FROM sales.session s JOIN accounts.account a ON a.id = s.worker_id
                 WHERE s.invoice_id = NEW.id
                   AND (s.status IN ('PREPARING', 'PENDING', 'IN_PROGRESS', 'IN_TRANSIT') OR s.end_time >= now()));
        END IF;
        INSERT INTO core.event (topic, payload, tags)
        SELECT 'sales.invoice', d.document::text, told FROM sales.invoice_document d WHERE d.id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
