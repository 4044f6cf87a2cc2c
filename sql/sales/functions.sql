-- Functions and views of the sales area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0004_sales.sql.
--
-- Triggers on sales.invoice
--   invoice_versioned         before a change that readers can see     increments version
--   invoice_announced,        at commit of an insert, of a change      writes the event sales.invoice with the whole document, as it
--   invoice_change_announced                                           is at commit
--   invoice_counted,          after an insert or delete, after a       adds rows to invoice_delta, for the counts
--   invoice_recounted         change of a column that is counted
--   invoices_truncated        after a truncate                         empties the counts
--   invoice_creator_noted     after a write of created_by              adds the name to sales.creator
--   invoice_sessions_shown    after a change of is_active              sets is_shown of its sessions
-- Triggers on sales.session
--   session_shown             before an insert, a change of invoice    sets is_shown from is_active of its invoice
--   session_counted,          after an insert or delete, after a       adds rows to session_delta, for the counts
--   session_recounted         change of a column that is counted
--   sessions_truncated        after a truncate                         empties the counts
-- sales.customer, sales.salesman and sales.invoice_item have no triggers. An event announces a change of the invoice itself. A change
-- of its customer shows when the invoice is read next (docs/api/sales.md#stream). A statement that changes only items has to
-- update the invoice too: SET version = version + 1.

-- The JSON document of an invoice, for the list, the detail and the stream. It is one line: row_to_json over a subquery writes no
-- line breaks, but json_agg over records does.
CREATE OR REPLACE VIEW sales.invoice_document AS
SELECT i.id, row_to_json(document) AS document
  FROM sales.invoice i
  JOIN sales.customer c ON c.id = i.customer_id
  LEFT JOIN sales.salesman s ON s.id = i.salesman_id
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(row_to_json(item) ORDER BY item.id), '[]') AS list,
              round(coalesce(sum(item.quantity * item.mrp), 0), 2) AS total
         FROM (SELECT t.id, t.name, t.item_code, t.quantity, t.mrp, t.company_name, t.packing, t.shelf_location,
                      t.remarks, t.batch_no, t.expiry_date
                 FROM sales.invoice_item t WHERE t.invoice_id = i.id) item
       ) items
 CROSS JOIN LATERAL (
       SELECT c.code, c.name, c.area, c.address1, c.address2, c.phone1, c.phone2, c.email) customer
 CROSS JOIN LATERAL (SELECT s.id, s.name, s.phone) salesman
 CROSS JOIN LATERAL (
       SELECT i.id, i.invoice_no, i.invoice_date, row_to_json(customer) AS customer, i.status,
              CASE WHEN s.id IS NOT NULL THEN row_to_json(salesman) END AS salesman, i.created_by,
              items.list AS items, items.total AS total_amount, i.remarks, core.iso(i.created_at) AS created_at,
              i.is_active) document;

-- Trigger: increments the invoice's version, whichever program writes. The ETag and invoice_change_announced rely on the version.
CREATE OR REPLACE FUNCTION sales.count_invoice_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;

-- Trigger: writes the event. Its tags are for the filters of the stream: the old and the new status, so that readers of either one get
-- the event, and each worker who has an unfinished session of the invoice or ended one in this transaction. `created` tells webhooks that
-- the invoice is new.
-- A transaction that changes very many invoices can switch the events off with set_config('tradepost.quiet', 'on', true). It then has
-- to make the readers load their lists again.
-- An import of many invoices writes their events at once, and says so by `tradepost.together` (sales.tell_stored).
-- Sequential scans are off, because a connection keeps its plan, even if the plan was made while the tables were empty.
CREATE OR REPLACE FUNCTION sales.announce_invoice() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
    tags text[] := ARRAY['status:' || NEW.status] || CASE TG_OP WHEN 'INSERT' THEN ARRAY['created'] END;
BEGIN
    IF 'on' IN (current_setting('tradepost.quiet', true), current_setting('tradepost.together', true)) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status <> NEW.status THEN
            tags := tags || ('status:' || OLD.status);
        END IF;
        tags := tags || ARRAY(
            SELECT DISTINCT 'worker:' || lower(a.email)
              FROM sales.session s JOIN accounts.account a ON a.id = s.worker_id
             WHERE s.invoice_id = NEW.id
               AND (s.status IN ('PREPARING', 'PENDING', 'IN_PROGRESS', 'IN_TRANSIT') OR s.end_time >= now()));
    END IF;
    INSERT INTO core.event (topic, payload, tags)
    SELECT 'sales.invoice', d.document::text, tags FROM sales.invoice_document d WHERE d.id = NEW.id;
    RETURN NULL;
END $$;

-- The key of this created_by in sales.invoice_count; null: it is empty, and not counted.
CREATE OR REPLACE FUNCTION sales.creator_key(created_by text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(nullif(created_by, ''), 0)
$$;

-- Trigger: writes each change of the counts to invoice_delta: -1 for the old row, +1 for the new one. A deleted invoice is not counted.
CREATE OR REPLACE FUNCTION sales.count_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND current_setting('tradepost.together', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.is_active THEN
        INSERT INTO sales.invoice_delta (bucket, status, n, day, customer_id, salesman_id, account_id, creator)
        VALUES (OLD.id >> 6, OLD.status, -1, OLD.invoice_date, OLD.customer_id, OLD.salesman_id, OLD.created_user_id,
                sales.creator_key(OLD.created_by));
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.is_active THEN
        INSERT INTO sales.invoice_delta (bucket, status, n, day, customer_id, salesman_id, account_id, creator)
        VALUES (NEW.id >> 6, NEW.status, 1, NEW.invoice_date, NEW.customer_id, NEW.salesman_id, NEW.created_user_id,
                sales.creator_key(NEW.created_by));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sales.count_no_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sales.invoice_delta;
    DELETE FROM sales.invoice_tally;
    DELETE FROM sales.invoice_count;
    RETURN NULL;
END $$;

-- The keys of all rows of sales.invoice_count that count an invoice, without its status.
CREATE OR REPLACE FUNCTION sales.counted_under(day_ date, customer bigint, salesman bigint, account bigint, creator bigint)
RETURNS TABLE (kind text, key bigint, day date) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT k.kind, k.key, d.day
      FROM (VALUES ('all', 0), ('customer', customer), ('salesman', salesman), ('user', account), ('creator', creator)) AS k (kind, key)
     CROSS JOIN (VALUES (date '-infinity'), (day_)) AS d (day)
     WHERE k.key IS NOT NULL AND (k.kind <> 'customer' OR d.day = '-infinity')
$$;

-- Moves the changes from invoice_delta into invoice_tally and invoice_count. Returns the number of changes, or 0 if another process is
-- doing this now. A reader adds the changes to the counts in one statement, so it sees each change in exactly one of the two.
CREATE OR REPLACE FUNCTION sales.fold_invoice_deltas() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    folded bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM sales.invoice_delta)
       AND pg_try_advisory_xact_lock('sales.invoice_tally'::regclass::oid::bigint) THEN
        WITH taken AS (
            DELETE FROM sales.invoice_delta
            RETURNING bucket, status, n, day, customer_id, salesman_id, account_id, creator
        ), tallied AS (
            INSERT INTO sales.invoice_tally (level, bucket, status, n)
            SELECT level, bucket >> shift, status, sum(n)
              FROM taken CROSS JOIN (VALUES (0, 62), (1, 0), (2, 4), (3, 8)) AS levels (level, shift)
             GROUP BY 1, 2, 3
            ON CONFLICT (level, bucket, status) DO UPDATE SET n = invoice_tally.n + EXCLUDED.n
        ), difference AS MATERIALIZED (
            SELECT k.kind, k.key, k.day, t.status, sum(t.n)::integer AS n
              FROM taken t CROSS JOIN LATERAL sales.counted_under(t.day, t.customer_id, t.salesman_id, t.account_id, t.creator) k
             GROUP BY 1, 2, 3, 4 HAVING sum(t.n) <> 0
        ), emptied AS (
            DELETE FROM sales.invoice_count c USING difference d
             WHERE (c.kind, c.key, c.day, c.status) = (d.kind, d.key, d.day, d.status) AND c.n + d.n = 0
            RETURNING c.kind, c.key, c.day, c.status
        ), counted AS (
            INSERT INTO sales.invoice_count (kind, key, day, status, n)
            SELECT d.kind, d.key, d.day, d.status, d.n
              FROM difference d
             WHERE NOT EXISTS (SELECT FROM emptied e WHERE (e.kind, e.key, e.day, e.status) = (d.kind, d.key, d.day, d.status))
            ON CONFLICT (kind, key, day, status) DO UPDATE SET n = invoice_count.n + EXCLUDED.n
        )
        SELECT count(*) INTO folded FROM taken;
    END IF;
    RETURN folded;
END $$;

-- Computes all counts of invoices from the rows. An administrator calls it after a program has written without the triggers. Writers
-- of invoices wait until it is done.
CREATE OR REPLACE FUNCTION sales.recount_invoices() RETURNS void LANGUAGE plpgsql SET work_mem = '64MB' AS $$
BEGIN
    LOCK TABLE sales.invoice IN SHARE ROW EXCLUSIVE MODE;
    PERFORM pg_advisory_xact_lock('sales.invoice_tally'::regclass::oid::bigint);
    DELETE FROM sales.invoice_delta;
    DELETE FROM sales.invoice_tally;
    DELETE FROM sales.invoice_count;
    INSERT INTO sales.invoice_tally (level, bucket, status, n)
    SELECT level, id >> shift, status, count(*)
      FROM sales.invoice CROSS JOIN (VALUES (0, 62), (1, 6), (2, 10), (3, 14)) AS levels (level, shift)
     WHERE is_active
     GROUP BY 1, 2, 3;
    INSERT INTO sales.invoice_count (kind, key, day, status, n)
    SELECT k.kind, k.key, k.day, i.status, count(*)
      FROM sales.invoice i
     CROSS JOIN LATERAL sales.counted_under(i.invoice_date, i.customer_id, i.salesman_id, i.created_user_id, sales.creator_key(i.created_by)) k
     WHERE i.is_active
     GROUP BY 1, 2, 3, 4;
END $$;

-- The current counts: invoice_count together with the changes that are not in it yet.
CREATE OR REPLACE VIEW sales.invoice_counted AS
SELECT t.kind, t.key, t.day, t.status, t.n FROM sales.invoice_count t
 UNION ALL
SELECT k.kind, k.key, k.day, d.status, d.n
  FROM sales.invoice_delta d CROSS JOIN LATERAL sales.counted_under(d.day, d.customer_id, d.salesman_id, d.account_id, d.creator) k;

-- The number of invoices by one kind of count, with any of the keys and statuses (null: all statuses), from first_day to last_day
-- (null: no limit on that side).
CREATE OR REPLACE FUNCTION sales.count_invoices(kind_ text, keys bigint[], first_day date, last_day date, statuses text[]) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(c.n), 0)::bigint
      FROM sales.invoice_counted c
     WHERE c.kind = kind_ AND c.key = ANY (keys) AND (statuses IS NULL OR c.status = ANY (statuses))
       -- The row with day -infinity counts all days together. A range that begins at 4713-01-01 BC excludes this row.
       AND c.day BETWEEN CASE WHEN last_day IS NULL THEN coalesce(first_day, '-infinity') ELSE coalesce(first_day, '4713-01-01 BC') END
                     AND CASE WHEN first_day IS NULL THEN coalesce(last_day, '-infinity') ELSE coalesce(last_day, 'infinity') END
$$;

-- Trigger: adds the name to sales.creator, where the filter created_by of the list searches.
CREATE OR REPLACE FUNCTION sales.note_creator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('tradepost.together', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF NOT EXISTS (SELECT FROM sales.creator WHERE name = NEW.created_by) THEN
        INSERT INTO sales.creator (name) VALUES (NEW.created_by) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

-- The invoice with this number. If no number is exactly the same, the one that differs only in the case of its letters, unless
-- several do; else null.
CREATE OR REPLACE FUNCTION sales.find_invoice(number text) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    found_id bigint := (SELECT i.id FROM sales.invoice i WHERE i.invoice_no = number AND i.is_active);
BEGIN
    IF found_id IS NULL THEN
        found_id := (SELECT min(i.id) FROM sales.invoice i
                      WHERE lower(i.invoice_no) = lower(number) AND i.is_active HAVING count(*) = 1);
    END IF;
    RETURN found_id;
END $$;

-- The three kinds of sessions: the states of the invoice before, during and after the work, and of the session during and after.
CREATE OR REPLACE VIEW sales.session_kind (kind, invoice_before, invoice_during, invoice_after, begun, finished) AS VALUES
    ('picking',  'PENDING', 'PICKING',    'PICKED',    'PREPARING',   'PICKED'),
    ('packing',  'PICKED',  'PACKING',    'PACKED',    'IN_PROGRESS', 'PACKED'),
    ('delivery', 'PACKED',  'DISPATCHED', 'DELIVERED', 'IN_TRANSIT',  'DELIVERED');

-- Minutes between two moments, to 2 decimals; null while there is no second one.
CREATE OR REPLACE FUNCTION sales.minutes(since timestamptz, until timestamptz) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT round((extract(epoch FROM until - since) / 60)::numeric, 2)
$$;

-- The document of a session in the answers of start, complete and cancel. The column is_there says whether the member exists: without
-- a worker there is no name and no e-mail. PL/pgSQL keeps the plan; an SQL function of this size would be planned on every call.
CREATE OR REPLACE FUNCTION sales.session_document(s sales.session, invoice_no text, worker accounts.account) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    of_delivery boolean := s.kind = 'delivery';
    person      text := CASE s.kind WHEN 'picking' THEN 'picker' WHEN 'packing' THEN 'packer' ELSE 'assigned_to' END;
BEGIN
    RETURN (
        SELECT json_object_agg(member, value ORDER BY place)
          FROM (VALUES
               (1,  'id',                to_json(s.id),                                        true),
               (2,  'invoice',           to_json(s.invoice_id),                                true),
               (3,  'invoice_no',        to_json(invoice_no),                                  true),
               (4,  'delivery_type',     to_json(s.delivery_type),                             of_delivery),
               (5,  person,              to_json(worker.public_id),                            true),
               (6,  person || '_name',   to_json(accounts.full_name(worker)),                  worker.id IS NOT NULL),
               (7,  person || '_email',  to_json(worker.email),                                worker.id IS NOT NULL),
               (8,  'courier_name',      to_json(s.courier_name),                              of_delivery),
               (9,  'tracking_no',       to_json(s.tracking_no),                               of_delivery),
               (10, 'start_time',        to_json(core.iso(s.start_time)),                      true),
               (11, 'end_time',          to_json(core.iso(s.end_time)),                        true),
               (12, s.kind || '_status', to_json(s.status),                                    true),
               (13, 'notes',             to_json(s.notes),                                     true),
               (14, 'duration_minutes',  to_json(sales.minutes(s.start_time, s.end_time)),     true),
               (15, 'created_at',        to_json(core.iso(s.created_at)),                      true),
               (16, 'cancel_reason',     to_json(s.cancel_reason),                             s.status = 'CANCELLED')
               ) AS members (place, member, value, is_there)
         WHERE is_there);
END $$;

-- The document of a session in the histories. invoice: its document from sales.invoice_document.
CREATE OR REPLACE FUNCTION sales.history_document(s sales.session, invoice json, worker accounts.account) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    of_delivery boolean := s.kind = 'delivery';
    person      text := CASE s.kind WHEN 'picking' THEN 'picker' WHEN 'packing' THEN 'packer' ELSE 'delivery_user' END;
BEGIN
    RETURN (
        SELECT json_object_agg(member, value ORDER BY place)
          FROM (VALUES
               (1,  'id',                to_json(s.id),                                        true),
               (2,  'invoice_no',        invoice -> 'invoice_no',                              true),
               (3,  'invoice_date',      invoice -> 'invoice_date',                            true),
               (4,  'invoice_status',    invoice -> 'status',                                  true),
               (5,  'invoice_remarks',   invoice -> 'remarks',                                 true),
               (6,  'customer_name',     invoice #> '{customer,name}',                         true),
               (7,  'customer_email',    invoice #> '{customer,email}',                        true),
               (8,  'customer_phone',    invoice #> '{customer,phone1}',                       true),
               (9,  'customer_address',  invoice #> '{customer,address1}',                     true),
               (10, 'salesman_name',     invoice #> '{salesman,name}',                         invoice #> '{salesman,name}' IS NOT NULL),
               (11, 'delivery_type',     to_json(s.delivery_type),                             of_delivery),
               (12, person || '_email',  to_json(worker.email),                                worker.id IS NOT NULL),
               (13, person || '_name',   to_json(accounts.full_name(worker)),                  worker.id IS NOT NULL),
               (14, 'courier_name',      to_json(s.courier_name),                              of_delivery),
               (15, 'tracking_no',       to_json(s.tracking_no),                               of_delivery),
               (16, s.kind || '_status', to_json(s.status),                                    true),
               (17, 'items',             invoice -> 'items',                                   true),
               (18, 'total_amount',      invoice -> 'total_amount',                            true),
               (19, 'start_time',        to_json(core.iso(s.start_time)),                      true),
               (20, 'end_time',          to_json(core.iso(s.end_time)),                        true),
               (21, 'duration',          to_json(sales.minutes(s.start_time, s.end_time)),     true),
               (22, 'notes',             to_json(s.notes),                                     true),
               (23, 'created_at',        to_json(core.iso(s.created_at)),                      true),
               (24, 'cancel_reason',     to_json(s.cancel_reason),                             s.cancel_reason IS NOT NULL)
               ) AS members (place, member, value, is_there)
         WHERE is_there);
END $$;

-- Triggers: the sessions of a deleted invoice are not shown. With the column is_shown, histories need not read each invoice.
CREATE OR REPLACE FUNCTION sales.show_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.is_shown := coalesce((SELECT i.is_active FROM sales.invoice i WHERE i.id = NEW.invoice_id), true);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION sales.show_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sales.session SET is_shown = NEW.is_active WHERE invoice_id = NEW.id;
    RETURN NULL;
END $$;

-- Trigger: writes each change of the counts to session_delta: -1 for the old row, +1 for the new one.
CREATE OR REPLACE FUNCTION sales.count_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.is_shown THEN
        INSERT INTO sales.session_delta (kind, worker_id, day, status, delivery_type, n)
        VALUES (OLD.kind, OLD.worker_id, (OLD.created_at AT TIME ZONE 'UTC')::date, OLD.status, coalesce(OLD.delivery_type, ''), -1);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.is_shown THEN
        INSERT INTO sales.session_delta (kind, worker_id, day, status, delivery_type, n)
        VALUES (NEW.kind, NEW.worker_id, (NEW.created_at AT TIME ZONE 'UTC')::date, NEW.status, coalesce(NEW.delivery_type, ''), 1);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sales.count_no_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sales.session_delta;
    DELETE FROM sales.session_tally;
    RETURN NULL;
END $$;

-- Moves the changes from session_delta into session_tally. Returns the number of changes, or 0 if another process is doing this now.
CREATE OR REPLACE FUNCTION sales.fold_session_deltas() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    folded bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM sales.session_delta)
       AND pg_try_advisory_xact_lock('sales.session_tally'::regclass::oid::bigint) THEN
        WITH taken AS (
            DELETE FROM sales.session_delta RETURNING kind, worker_id, day, status, delivery_type, n
        ), tallied AS (
            INSERT INTO sales.session_tally (kind, worker_id, day, status, delivery_type, n)
            SELECT taken.kind, worker.id, taken.day, taken.status, taken.delivery_type, sum(taken.n)
              FROM taken CROSS JOIN LATERAL (VALUES (0), (taken.worker_id)) AS worker (id)
             WHERE worker.id IS NOT NULL
             GROUP BY 1, 2, 3, 4, 5
            ON CONFLICT (kind, worker_id, day, status, delivery_type) DO UPDATE SET n = session_tally.n + EXCLUDED.n
        )
        SELECT count(*) INTO folded FROM taken;
    END IF;
    RETURN folded;
END $$;

-- The current counts: session_tally together with the changes that are not in it yet. worker_id 0: the sessions of all workers.
CREATE OR REPLACE VIEW sales.session_counted AS
SELECT t.kind, t.worker_id, t.day, t.status, t.delivery_type, t.n FROM sales.session_tally t
 UNION ALL
SELECT d.kind, worker.id, d.day, d.status, d.delivery_type, d.n
  FROM sales.session_delta d CROSS JOIN LATERAL (VALUES (0), (d.worker_id)) AS worker (id)
 WHERE worker.id IS NOT NULL;

-- Whether `word` is the code, or one of the words of the name, which blanks separate. The regular expression makes the index on
-- sales.searched usable; the second condition is the exact test.
CREATE OR REPLACE FUNCTION sales.has_word(name text, code text, word text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sales.searched(name, code) ~ ('(^|[ \u001f])' || regexp_replace(lower(word), '([^[:alnum:]])', '\\\1', 'g') || '($|[ \u001f])')
       AND (strpos(' ' || lower(name) || ' ', ' ' || lower(word) || ' ') > 0 OR lower(code) = lower(word))
$$;

-- Whether the number of an invoice contains `part`. Most numbers share their letters, so searching the index for letters would be
-- slow. If `part` has three digits in a row, the index is searched for its digits only. The second condition is the exact test.
CREATE OR REPLACE FUNCTION sales.number_has(invoice_no text, part text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(invoice_no) LIKE CASE WHEN part ~ '[0-9]{3}' THEN '%' || regexp_replace(part, '[^0-9]+', '%', 'g') || '%'
                                       ELSE core.containing(part) END
       AND strpos(lower(invoice_no), lower(part)) > 0
$$;

-- Finds invoices that contain `part`: up to `most` by number, by customer and by item each. An invoice may be found several times.
-- Each call is planned for its `part`: if nearly every text contains it, reading some rows is quicker than the index.
CREATE OR REPLACE FUNCTION sales.search_invoices(part text, most bigint) RETURNS TABLE (source text, id bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY SELECT 'number', i.id FROM sales.invoice i WHERE sales.number_has(i.invoice_no, part) LIMIT most;
    RETURN QUERY SELECT 'customer', i.id
                   FROM sales.customer c CROSS JOIN LATERAL (SELECT i.id FROM sales.invoice i WHERE i.customer_id = c.id OFFSET 0) i
                  WHERE sales.searched(c.name, c.code) LIKE core.containing(part) LIMIT most;
    RETURN QUERY SELECT 'item', t.invoice_id FROM sales.invoice_item t
                  WHERE sales.searched(t.name, t.item_code) LIKE core.containing(part) LIMIT most;
END $$;

-- The sessions of one kind that have `part` in one of the texts that their history is searched by. Planned on every call, for the
-- same reason.
CREATE OR REPLACE FUNCTION sales.search_sessions(kind_ text, part text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT s.id FROM sales.invoice i JOIN sales.session s ON s.invoice_id = i.id
     WHERE s.kind = kind_ AND sales.number_has(i.invoice_no, part)
     UNION
    SELECT s.id FROM sales.customer c JOIN sales.invoice i ON i.customer_id = c.id JOIN sales.session s ON s.invoice_id = i.id
     WHERE s.kind = kind_ AND sales.searched(c.name, c.email) LIKE core.containing(part)
     UNION
    SELECT s.id FROM accounts.account a JOIN sales.session s ON s.worker_id = a.id
     WHERE s.kind = kind_ AND accounts.searched(a.email, a.name, a.username) LIKE core.containing(part)
       AND (strpos(lower(a.email), lower(part)) > 0 OR strpos(lower(a.name), lower(part)) > 0)
     UNION
    SELECT s.id FROM sales.session s
     WHERE kind_ = 'delivery' AND s.kind = 'delivery'
       AND sales.searched(s.courier_name, s.tracking_no) LIKE core.containing(part);
END $$;

-- Imports of many invoices: docs/api/sales.md#imports.

-- What a client is told of an import.
CREATE OR REPLACE FUNCTION sales.import_document(i sales.import) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', i.id, 'status', i.status, 'lines', i.lines, 'created', i.created, 'duplicates', i.duplicates, 'invalid', i.invalid,
        'waiting', i.lines - i.created - i.duplicates - i.invalid, 'created_at', core.iso(i.created_at), 'finished_at', core.iso(i.finished_at))
$$;

-- What became of a line.
CREATE OR REPLACE FUNCTION sales.import_result(l sales.import_line) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('line', l.line, 'invoice_no', l.invoice_no, 'status', coalesce(l.outcome, 'waiting'), 'id', l.invoice_id, 'errors', l.errors::json)
$$;

-- Announces how far an import is. The tag `end` marks its last event.
CREATE OR REPLACE FUNCTION sales.announce_import(i sales.import) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO core.event (topic, payload, tags)
    VALUES ('sales.import', sales.import_document(i)::text,
            ARRAY['import:' || i.id] || CASE WHEN i.status IN ('done', 'failed') THEN ARRAY['end'] ELSE ARRAY[]::text[] END)
$$;

-- Stores the next lines of an import, at most `most` of them, and none after `most_bytes` of text; returns how many were made, how many
-- were there already, and the number of the last one. Raises unique_violation: another transaction has stored one of the invoices since
-- this one began to look.
--
-- The lines have the effect that they would have one after another: of several lines with one customer the last one that names a field
-- decides it, and a line whose invoice_no is taken changes nothing. Rows are written in the lock order of sales, and within a table in the
-- order of their keys, so that two imports wait for each other and never in a circle. The ids follow the order of the lines.
CREATE OR REPLACE FUNCTION sales.store_lines(
    its_id bigint, after integer, most integer, most_bytes bigint, importer bigint,
    OUT made integer, OUT repeated integer, OUT last integer)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off AS $$
BEGIN
    WITH taken AS MATERIALIZED (
        SELECT t.line, t.body::jsonb AS body
          FROM (SELECT l.line, l.body, sum(octet_length(l.body)) OVER (ORDER BY l.line) - octet_length(l.body) AS before
                  FROM sales.import_line l
                 WHERE l.import_id = its_id AND l.line > after AND l.body IS NOT NULL
                 ORDER BY l.line LIMIT most) t
         WHERE t.before < most_bytes
    ), sent AS MATERIALIZED (
        SELECT t.line, core.trimmed(b.invoice_no) AS invoice_no, b.invoice_date, core.trimmed(b.salesman) AS salesman,
               core.trimmed(b.created_by) AS created_by, core.trimmed(b.remarks) AS remarks, b.customer, b.items
          FROM taken t CROSS JOIN LATERAL jsonb_to_record(t.body) AS b (
               invoice_no text, invoice_date date, salesman text, created_by text, remarks text, customer jsonb, items jsonb)
    ), looked_up AS MATERIALIZED (
        SELECT s.*, (SELECT i.id FROM sales.invoice i WHERE i.invoice_no = s.invoice_no AND i.is_active) AS stored_id,
               row_number() OVER (PARTITION BY s.invoice_no ORDER BY s.line) AS place
          FROM sent s
    ), numbered AS MATERIALIZED (
        -- Above the sort, so that the ids are drawn in the order of the lines.
        SELECT l.*, CASE WHEN l.stored_id IS NULL AND l.place = 1 THEN nextval(pg_get_serial_sequence('sales.invoice', 'id')) END AS id
          FROM (SELECT l.* FROM looked_up l ORDER BY l.line) l
    ), fresh AS MATERIALIZED (
        SELECT n.*, core.trimmed(n.customer ->> 'code') AS code FROM numbered n WHERE n.id IS NOT NULL
    ), wanted AS MATERIALIZED (
        SELECT c.code, (array_agg(c.name ORDER BY c.line DESC))[1] AS name,
               (array_agg(c.area     ORDER BY c.line DESC) FILTER (WHERE c.area     IS NOT NULL))[1] AS area,
               (array_agg(c.address1 ORDER BY c.line DESC) FILTER (WHERE c.address1 IS NOT NULL))[1] AS address1,
               (array_agg(c.address2 ORDER BY c.line DESC) FILTER (WHERE c.address2 IS NOT NULL))[1] AS address2,
               (array_agg(c.phone1   ORDER BY c.line DESC) FILTER (WHERE c.phone1   IS NOT NULL))[1] AS phone1,
               (array_agg(c.phone2   ORDER BY c.line DESC) FILTER (WHERE c.phone2   IS NOT NULL))[1] AS phone2,
               (array_agg(c.email    ORDER BY c.line DESC) FILTER (WHERE c.email    IS NOT NULL))[1] AS email
          FROM (SELECT f.line, f.code, core.trimmed(s.name) AS name, core.trimmed(s.area) AS area,
                       core.trimmed(s.address1) AS address1, core.trimmed(s.address2) AS address2,
                       core.trimmed(s.phone1) AS phone1, core.trimmed(s.phone2) AS phone2, core.trimmed(s.email) AS email
                  FROM fresh f CROSS JOIN LATERAL jsonb_to_record(f.customer) AS s (
                       name text, area text, address1 text, address2 text, phone1 text, phone2 text, email text)) c
         GROUP BY c.code
    ), known_customer AS MATERIALIZED (
        -- Only read: writing it would make imports with the same customer wait for each other.
        SELECT w.code, c.id
          FROM wanted w JOIN sales.customer c ON c.code = w.code
         WHERE c.name = w.name
           AND c.area = coalesce(w.area, c.area)
           AND c.address1 = coalesce(w.address1, c.address1)
           AND c.address2 = coalesce(w.address2, c.address2)
           AND c.phone1 = coalesce(w.phone1, c.phone1)
           AND c.phone2 = coalesce(w.phone2, c.phone2)
           AND c.email = coalesce(w.email, c.email)
    ), written_customer AS (
        INSERT INTO sales.customer AS c (code, name, area, address1, address2, phone1, phone2, email)
        SELECT w.code, w.name, coalesce(w.area, ''), coalesce(w.address1, ''), coalesce(w.address2, ''), coalesce(w.phone1, ''),
               coalesce(w.phone2, ''), coalesce(w.email, '')
          FROM wanted w
         WHERE w.code <> ALL (ARRAY(SELECT k.code FROM known_customer k))
         ORDER BY w.code
        ON CONFLICT (code) DO UPDATE
           SET (name, area, address1, address2, phone1, phone2, email) = (
               SELECT w.name, coalesce(w.area, c.area), coalesce(w.address1, c.address1), coalesce(w.address2, c.address2),
                      coalesce(w.phone1, c.phone1), coalesce(w.phone2, c.phone2), coalesce(w.email, c.email)
                 FROM wanted w WHERE w.code = c.code)
        RETURNING c.code, c.id
    ), customer AS MATERIALIZED (
        -- The ids by their codes, as one object. Postgres expects a batch to be one line, so it would compare each line with each customer.
        SELECT coalesce(jsonb_object_agg(c.code, c.id), '{}') AS ids
          FROM (SELECT k.code, k.id FROM known_customer k UNION ALL SELECT w.code, w.id FROM written_customer w) c
    ), named AS MATERIALIZED (
        -- The count makes the customers come first.
        SELECT DISTINCT f.salesman AS name FROM fresh f WHERE (SELECT count(*) FROM customer) >= 0
    ), known_salesman AS MATERIALIZED (
        SELECT s.name, s.id FROM named n JOIN sales.salesman s ON s.name = n.name
    ), written_salesman AS (
        INSERT INTO sales.salesman AS s (name)
        SELECT n.name FROM named n WHERE n.name <> ALL (ARRAY(SELECT k.name FROM known_salesman k)) ORDER BY n.name
        ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
        RETURNING s.name, s.id
    ), salesman AS MATERIALIZED (
        SELECT coalesce(jsonb_object_agg(s.name, s.id), '{}') AS ids
          FROM (SELECT k.name, k.id FROM known_salesman k UNION ALL SELECT w.name, w.id FROM written_salesman w) s
    ), invoice AS (
        INSERT INTO sales.invoice (id, invoice_no, invoice_date, customer_id, salesman_id, created_by, created_user_id, remarks)
        OVERRIDING SYSTEM VALUE
        SELECT f.id, f.invoice_no, f.invoice_date, (c.ids ->> f.code)::bigint, (s.ids ->> f.salesman)::bigint, f.created_by, importer, f.remarks
          FROM fresh f CROSS JOIN customer c CROSS JOIN salesman s
         ORDER BY f.invoice_no
    ), item AS (
        INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp, company_name, packing, shelf_location,
                                        remarks, batch_no, expiry_date)
        SELECT f.id, core.trimmed(t.name), core.trimmed(t.item_code), t.quantity::integer,
               CASE WHEN scale(t.mrp) > 6 THEN round(t.mrp, 6) ELSE t.mrp END,
               coalesce(core.trimmed(t.company_name), ''), coalesce(core.trimmed(t.packing), ''),
               core.trimmed(t.shelf_location), core.trimmed(t.remarks), core.trimmed(t.batch_no), t.expiry_date
          FROM fresh f
         CROSS JOIN LATERAL ROWS FROM (jsonb_to_recordset(f.items) AS (
               name text, item_code text, quantity numeric, mrp numeric, company_name text, packing text,
               shelf_location text, remarks text, batch_no text, expiry_date date)) WITH ORDINALITY AS t
         ORDER BY f.id, t.ordinality
    ), noted AS (
        UPDATE sales.import_line l
           SET body = NULL, outcome = CASE WHEN n.id IS NOT NULL THEN 'created' ELSE 'duplicate' END,
               invoice_id = coalesce(n.id, n.stored_id, n.twin_id)
          FROM (SELECT n.*, max(n.id) OVER (PARTITION BY n.invoice_no) AS twin_id FROM numbered n) n
         WHERE l.import_id = its_id AND l.line = n.line
        RETURNING l.line, l.outcome
    )
    SELECT count(*) FILTER (WHERE n.outcome = 'created'), count(*) FILTER (WHERE n.outcome = 'duplicate'), max(n.line)
      INTO made, repeated, last
      FROM noted n;
END $$;

-- Does what the triggers of sales.invoice would do for each invoice (`tradepost.together`), for all of an import's batch at once: that takes
-- a third of the time. It also notes new creators in the order of their names, which two batches need so as not to wait in a circle.
CREATE OR REPLACE FUNCTION sales.tell_stored(its_id bigint, after integer, last integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET jit = off AS $$
BEGIN
    INSERT INTO sales.creator (name)
    SELECT DISTINCT i.created_by
      FROM sales.import_line l JOIN sales.invoice i ON i.id = l.invoice_id
     WHERE l.import_id = its_id AND l.line > after AND l.line <= last AND l.outcome = 'created' AND i.created_by <> ''
       AND NOT EXISTS (SELECT FROM sales.creator c WHERE c.name = i.created_by)
     ORDER BY 1
        ON CONFLICT DO NOTHING;
    INSERT INTO sales.invoice_delta (bucket, status, n, day, customer_id, salesman_id, account_id, creator)
    SELECT i.id >> 6, i.status, 1, i.invoice_date, i.customer_id, i.salesman_id, i.created_user_id, sales.creator_key(i.created_by)
      FROM sales.import_line l JOIN sales.invoice i ON i.id = l.invoice_id
     WHERE l.import_id = its_id AND l.line > after AND l.line <= last AND l.outcome = 'created';
    INSERT INTO core.event (topic, payload, tags)
    SELECT 'sales.invoice', d.document::text, ARRAY['status:PENDING', 'created']
      FROM sales.import_line l CROSS JOIN LATERAL (SELECT d.document FROM sales.invoice_document d WHERE d.id = l.invoice_id OFFSET 0) d
     WHERE l.import_id = its_id AND l.line > after AND l.line <= last AND l.outcome = 'created'
     ORDER BY l.line;
END $$;

-- Does the next batch of an import, and returns the import as it is then; of one that has nothing to do, as it is. A call at
-- the same time waits for the import's row, and does the batch after this one.
CREATE OR REPLACE FUNCTION sales.import_batch(its_id bigint, most integer, most_bytes bigint) RETURNS SETOF sales.import
LANGUAGE plpgsql VOLATILE ROWS 1 SET enable_seqscan = off SET jit = off AS $$
DECLARE
    found    sales.import;
    importer bigint;
    stored   record;
    broken   text;
BEGIN
    SELECT i.* INTO found FROM sales.import i WHERE i.id = its_id FOR UPDATE;
    IF found.status IN ('queued', 'running') THEN
        SELECT a.id INTO importer FROM accounts.account a WHERE a.id = found.account_id FOR KEY SHARE;
        PERFORM set_config('tradepost.together', 'on', true);
        LOOP
            BEGIN
                SELECT s.* INTO stored FROM sales.store_lines(its_id, found.reached, most, most_bytes, importer) s;
                EXIT;
            EXCEPTION WHEN unique_violation THEN
                GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
                IF broken <> 'invoice_invoice_no_key' THEN
                    RAISE;
                END IF;
                -- The next look finds that invoice, and the line is a duplicate.
            END;
        END LOOP;
        PERFORM sales.tell_stored(its_id, found.reached, stored.last);
        UPDATE sales.import i
           SET created = i.created + stored.made, duplicates = i.duplicates + stored.repeated, reached = coalesce(stored.last, i.reached),
               moved_at = now(), status = CASE WHEN more.is_there THEN 'running' ELSE 'done' END,
               finished_at = CASE WHEN more.is_there THEN NULL ELSE now() END
          FROM (SELECT EXISTS (SELECT FROM sales.import_line l
                                WHERE l.import_id = its_id AND l.line > coalesce(stored.last, found.reached) AND l.body IS NOT NULL) AS is_there) more
         WHERE i.id = its_id
        RETURNING i.* INTO found;
        PERFORM sales.announce_import(found);
    END IF;
    IF found.id IS NOT NULL THEN
        RETURN NEXT found;
    END IF;
END $$;

-- Accepts an import whose lines are all there: takes its key, and has it done, by a job if is_later. is_known: an import was accepted under
-- that key before, and is returned in place of this one, which is removed.
CREATE OR REPLACE FUNCTION sales.accept_import(
    its_id bigint, its_key text, its_fingerprint bytea, is_later boolean, OUT accepted sales.import, OUT is_known boolean)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    LOOP
        SELECT i.* INTO accepted FROM sales.import i
         WHERE its_key IS NOT NULL AND i.key = its_key AND i.owner = (SELECT o.owner FROM sales.import o WHERE o.id = its_id);
        is_known := FOUND;
        IF is_known THEN
            DELETE FROM sales.import WHERE id = its_id;
            RETURN;
        END IF;
        BEGIN
            UPDATE sales.import i
               SET status = CASE WHEN i.lines > i.invalid THEN 'queued' ELSE 'done' END, key = its_key, fingerprint = its_fingerprint,
                   position = h.position, moved_at = now(), finished_at = CASE WHEN i.lines > i.invalid THEN NULL ELSE now() END
              FROM core.event_head h
             WHERE i.id = its_id AND i.status = 'receiving'
            RETURNING i.* INTO accepted;
            EXIT;
        EXCEPTION WHEN unique_violation THEN
            -- Another request has taken the key at this moment.
        END;
    END LOOP;
    IF accepted.id IS NOT NULL THEN
        IF is_later AND accepted.status = 'queued' THEN
            PERFORM sales.enqueue_import(accepted);
        END IF;
        PERFORM sales.announce_import(accepted);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION sales.enqueue_import(i sales.import) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT core.enqueue_job('sales.import', jsonb_strip_nulls(jsonb_build_object('id', i.id, 'owner_id', i.account_id)),
                            dedupe_key => 'sales.import:' || i.id)
$$;

-- The administration (handlers/sales/admin_*.py). docs/api/sales.md#administration

-- Invoices, also deleted ones, in whose number, customer or items all words occur: of at most 1,000 by number, by customer and by item that have the
-- longest word.
CREATE OR REPLACE FUNCTION sales.find_invoices(longest text, words text[]) RETURNS SETOF bigint LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT DISTINCT f.id
      FROM sales.search_invoices(longest, 1000) f
     CROSS JOIN LATERAL (SELECT i.invoice_no, i.customer_id FROM sales.invoice i WHERE i.id = f.id OFFSET 0) i
     CROSS JOIN LATERAL (SELECT sales.searched(c.name, c.code) AS buyer FROM sales.customer c WHERE c.id = i.customer_id OFFSET 0) c
     WHERE NOT EXISTS (
           SELECT FROM unnest(words) AS word
            WHERE strpos(lower(i.invoice_no), lower(word)) = 0 AND strpos(c.buyer, lower(word)) = 0
              AND NOT EXISTS (SELECT FROM sales.invoice_item t
                               WHERE t.invoice_id = f.id AND strpos(sales.searched(t.name, t.item_code), lower(word)) > 0 OFFSET 0))
$$;
