-- Exact counts of filtered lists without counting, and searches that cost the same however much they find.
-- Safe beside a running release, which goes on with sales.find_invoices (a later migration may drop it): new objects, and columns that
-- only the trigger's function replaced here writes. Imports wait while the existing invoices are counted, about 3 s a million.

-- How many invoices there are of a status: of all (key 0), of a customer, of a salesman, of the account that imported them, of a
-- created_by (by its hash). Each of all days together ('-infinity') and of each day (invoice_date); but not of each day of a
-- customer, who has few. Rows that would be 0 are not kept.
CREATE TABLE sales.invoice_count (
    kind   text    NOT NULL,
    key    bigint  NOT NULL,
    day    date    NOT NULL,
    status text    NOT NULL,
    n      integer NOT NULL,
    PRIMARY KEY (kind, key, day, status)
) WITH (fillfactor = 50);

CREATE FUNCTION sales.author_key(created_by text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(nullif(created_by, ''), 0)
$$;

-- What an invoice is counted under; recount_invoices says the same for all at once.
CREATE FUNCTION sales.counted_under(day_ date, customer bigint, salesman bigint, account bigint, author bigint)
RETURNS TABLE (kind text, key bigint, day date) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT k.kind, k.key, d.day
      FROM (VALUES ('all', 0), ('customer', customer), ('salesman', salesman), ('user', account), ('author', author)) AS k (kind, key)
     CROSS JOIN (VALUES (date '-infinity'), (day_)) AS d (day)
     WHERE k.key IS NOT NULL AND (k.kind <> 'customer' OR d.day = '-infinity')
$$;

-- Count all anew, both here and in the tally (migration 0004). Nobody writes invoices meanwhile.
CREATE FUNCTION sales.recount_invoices() RETURNS void LANGUAGE plpgsql SET work_mem = '64MB' AS $$
BEGIN
    LOCK TABLE sales.invoice IN SHARE ROW EXCLUSIVE MODE;
    PERFORM pg_advisory_xact_lock('sales.invoice_tally'::regclass::oid::bigint);
    DELETE FROM sales.invoice_change;
    DELETE FROM sales.invoice_tally;
    DELETE FROM sales.invoice_count;
    INSERT INTO sales.invoice_tally (level, bucket, status, n)
    SELECT level, id >> shift, status, count(*)
      FROM sales.invoice CROSS JOIN (VALUES (0, 62), (1, 6), (2, 10), (3, 14)) AS levels (level, shift)
     WHERE is_active
     GROUP BY 1, 2, 3;
    INSERT INTO sales.invoice_count (kind, key, day, status, n)
    SELECT CASE 0 WHEN grouping(c) THEN 'customer' WHEN grouping(s) THEN 'salesman' WHEN grouping(u) THEN 'user' WHEN grouping(a) THEN 'author'
                  ELSE 'all' END, coalesce(c, s, u, a, 0), CASE grouping(day) WHEN 0 THEN day ELSE '-infinity' END, status, count(*)
      FROM (SELECT customer_id AS c, salesman_id AS s, created_user_id AS u, sales.author_key(created_by) AS a, invoice_date AS day, status
              FROM sales.invoice WHERE is_active) i
     GROUP BY GROUPING SETS ((status), (status, day), (status, c), (status, s), (status, s, day), (status, u), (status, u, day),
                             (status, a), (status, a, day))
    HAVING grouping(s) = 1 AND grouping(u) = 1 AND grouping(a) = 1 OR coalesce(s, u, a) IS NOT NULL;
END $$;
SELECT sales.recount_invoices();
ANALYZE sales.invoice_count;

ALTER TABLE sales.invoice_change
    ADD day date NOT NULL, ADD customer_id bigint NOT NULL, ADD salesman_id bigint, ADD account_id bigint, ADD author bigint;   -- it is empty

-- As migration 0011 has it, with all that is counted.
CREATE OR REPLACE FUNCTION sales.note_invoice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.is_active THEN
        INSERT INTO sales.invoice_change (bucket, status, n, day, customer_id, salesman_id, account_id, author)
        VALUES (OLD.id >> 6, OLD.status, -1, OLD.invoice_date, OLD.customer_id, OLD.salesman_id, OLD.created_user_id,
                sales.author_key(OLD.created_by));
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.is_active THEN
        INSERT INTO sales.invoice_change (bucket, status, n, day, customer_id, salesman_id, account_id, author)
        VALUES (NEW.id >> 6, NEW.status, 1, NEW.invoice_date, NEW.customer_id, NEW.salesman_id, NEW.created_user_id,
                sales.author_key(NEW.created_by));
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER invoice_recounted
    AFTER UPDATE OF id, status, is_active, invoice_date, customer_id, salesman_id, created_user_id, created_by ON sales.invoice
    FOR EACH ROW WHEN ((OLD.id, OLD.status, OLD.is_active, OLD.invoice_date, OLD.customer_id, OLD.salesman_id, OLD.created_user_id, OLD.created_by)
        IS DISTINCT FROM (NEW.id, NEW.status, NEW.is_active, NEW.invoice_date, NEW.customer_id, NEW.salesman_id, NEW.created_user_id, NEW.created_by))
    EXECUTE FUNCTION sales.note_invoice_change();

CREATE OR REPLACE FUNCTION sales.note_no_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sales.invoice_change;
    DELETE FROM sales.invoice_tally;
    DELETE FROM sales.invoice_count;
    RETURN NULL;
END $$;

-- Whoever takes changes out (sales.fold_invoice_changes, also as a process that began before this migration knows it) brings them here.
CREATE FUNCTION sales.count_folded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH difference AS MATERIALIZED (
        SELECT k.kind, k.key, k.day, f.status, sum(f.n)::integer AS n
          FROM folded f CROSS JOIN LATERAL sales.counted_under(f.day, f.customer_id, f.salesman_id, f.account_id, f.author) k
         GROUP BY 1, 2, 3, 4 HAVING sum(f.n) <> 0
    ), emptied AS (
        DELETE FROM sales.invoice_count c USING difference d
         WHERE (c.kind, c.key, c.day, c.status) = (d.kind, d.key, d.day, d.status) AND c.n + d.n = 0
        RETURNING c.kind, c.key, c.day, c.status
    )
    INSERT INTO sales.invoice_count (kind, key, day, status, n)
    SELECT d.kind, d.key, d.day, d.status, d.n
      FROM difference d
     WHERE NOT EXISTS (SELECT FROM emptied e WHERE (e.kind, e.key, e.day, e.status) = (d.kind, d.key, d.day, d.status))
    ON CONFLICT (kind, key, day, status) DO UPDATE SET n = invoice_count.n + EXCLUDED.n;
    RETURN NULL;
END $$;
CREATE TRIGGER invoice_change_folded AFTER DELETE ON sales.invoice_change REFERENCING OLD TABLE AS folded
    FOR EACH STATEMENT EXECUTE FUNCTION sales.count_folded();

-- The counts as they are now.
CREATE VIEW sales.invoice_counted AS
SELECT t.kind, t.key, t.day, t.status, t.n FROM sales.invoice_count t
 UNION ALL
SELECT k.kind, k.key, k.day, c.status, c.n
  FROM sales.invoice_change c CROSS JOIN LATERAL sales.counted_under(c.day, c.customer_id, c.salesman_id, c.account_id, c.author) k;

-- Of one kind, with any of the keys, in any of the statuses, from day to day. Null: all.
CREATE FUNCTION sales.count_invoices(kind_ text, keys bigint[], since date = NULL, until date = NULL, statuses text[] = NULL) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(c.n), 0)::bigint
      FROM sales.invoice_counted c
     WHERE c.kind = kind_ AND c.key = ANY (keys) AND (statuses IS NULL OR c.status = ANY (statuses))
       AND c.day BETWEEN CASE WHEN until IS NULL THEN coalesce(since, '-infinity') ELSE coalesce(since, '4713-01-01 BC') END
                     AND CASE WHEN since IS NULL THEN coalesce(until, '-infinity') ELSE coalesce(until, 'infinity') END
$$;

-- Invoices whose number has `word` (lower case, three letters or more) in it; null `most`: all. In a number it is digits that tell:
-- letters are in all of them, and comparing their long lists would be most of the work. Only by the index of pieces: Postgres, told
-- how common some are, would rather make the pieces of a million numbers anew, 6 µs each.
CREATE FUNCTION sales.invoices_numbered(word text, most bigint) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 100
  SET plan_cache_mode = force_custom_plan SET jit = off
  SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
DECLARE
    wanted text[] := sales.pieces(left(word, 40));   -- the rest of a longer text is compared only
    digits text[] := ARRAY(SELECT p FROM unnest(wanted) AS p WHERE p ~ '[0-9]');
BEGIN
    RETURN QUERY SELECT i.id FROM sales.invoice i
                  WHERE sales.pieces(i.invoice_no) @> CASE WHEN digits = '{}' THEN wanted ELSE digits END
                    AND strpos(lower(i.invoice_no), word) > 0
                  LIMIT most;
END $$;

-- Where filter_invoices has invoices from, by the filter that leads: indexes that begin with what is asked for and go on by id. A FROM
-- and WHERE, with i for the invoice. %s: the comparison with any of the values `begins`, a parameter that is an array; null: none.
CREATE FUNCTION sales.invoice_sources(leader text, short boolean) RETURNS TABLE (source text, begins text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT s.source, s.begins
      FROM (VALUES
           ('none',     'sales.invoice i WHERE true', NULL),
           ('customer', 'sales.invoice i WHERE i.customer_id = $6', NULL),
           ('salesman', 'sales.invoice i WHERE i.salesman_id = $7', NULL),
           ('user',     'sales.invoice i WHERE i.created_user_id = $8', NULL),
           ('author',   'sales.invoice i WHERE coalesce(i.created_by, '''') %s', '$9'),
           ('all',      'sales.invoice i WHERE i.invoice_date %s', '$14'),
           ('status',   'sales.invoice i WHERE i.status %s', '$3'),
           ('worker',   'sales.picking_session s JOIN sales.invoice i ON i.id = s.invoice_id WHERE s.picking_status <> ''CANCELLED'' AND s.picker_id = $13', NULL),
           ('worker',   'sales.packing_session s JOIN sales.invoice i ON i.id = s.invoice_id WHERE s.packing_status <> ''CANCELLED'' AND s.packer_id = $13', NULL),
           ('worker',   'sales.delivery_session s JOIN sales.invoice i ON i.id = s.invoice_id WHERE s.delivery_status <> ''CANCELLED'' AND s.assigned_to = $13', NULL),
           ('search',   'sales.invoice_item t JOIN sales.invoice i ON i.id = t.invoice_id WHERE t.text_key %s', '$10'),
           ('search',   'sales.invoice i WHERE i.customer_id %s', '$11'),
           ('search',   CASE WHEN short THEN 'sales.invoice i WHERE lower(i.invoice_no) = $12'
                             -- OFFSET 0: one by one; Postgres, expecting a hundred, might walk over all instead.
                             ELSE 'sales.invoices_numbered($12, $17) AS n (id) CROSS JOIN LATERAL (SELECT * FROM sales.invoice WHERE id = n.id OFFSET 0) i WHERE true' END,
                        NULL)) AS s (leader, source, begins)
     WHERE s.leader = invoice_sources.leader
$$;

-- A statement that gives the first $15 ids of each source, and of each value that a source begins with, in the order of ids.
CREATE FUNCTION sales.first_of_sources(leader text, short boolean, filters text, direction text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format(
               CASE WHEN s.begins IS NULL THEN '(SELECT i.id FROM %2$s AND %3$s ORDER BY i.id %4$s LIMIT $15)'
                    -- Of an invoice's items two may have such a text.
                    ELSE 'SELECT x.id FROM unnest(%1$s) AS one (value) CROSS JOIN LATERAL (
                          SELECT DISTINCT i.id FROM %2$s AND %3$s ORDER BY i.id %4$s LIMIT $15) x' END,
               s.begins, format(s.source, '= one.value'), filters, direction), ' UNION ALL ')
      FROM sales.invoice_sources(leader, short) s
$$;

-- A page of the invoices that all given filters (not null) let through. ordering: a column of sales.invoice.
-- By page (keyset false): count, page (null asks for the last; echoed), ids; ids is null for a page that isn't there.
-- By keyset: ids of `size` + 1 invoices after (after_key, after_id), which may be null, and their keys as text; nothing is counted.
-- exact: false when there may be more than `count`. The counts of one filter, alone or with days and statuses, are kept
-- (sales.invoice_count); for a search, a worker, several filters, or a customer's days a limited number is looked at, and there is no
-- last page unless that was all.
--
-- Invoices come from the sources of the leader (sales.invoice_sources): the filter that lets the fewest through. The other filters are
-- asked of each invoice; they are written so (status || '') that Postgres can't take their index instead. A search leads only
-- where what it finds is rare: else asking one invoice after the other soon has a page. In the order of ids the sources give no
-- more than the page needs. Another order is walked as far as PROBED invoices, in the hope of a page; then all are sorted.
-- Each statement is planned for its values.
CREATE FUNCTION sales.filter_invoices(
    statuses text[], since date, until date, customer_code text, salesman text, account uuid, author text, worker text, search text,
    ordering text, descending boolean, page_asked bigint, size integer, keyset boolean, after_key text, after_id bigint,
    OUT count bigint, OUT exact boolean, OUT page bigint, OUT ids bigint[], OUT keys text[]
) LANGUAGE plpgsql STABLE
  SET plan_cache_mode = force_custom_plan SET jit = off
  SET enable_seqscan = off    -- also right after many rows came, when the statistics don't know of them
  SET enable_hashagg = off    -- ids are told apart twice as fast by sorting
  SET enable_mergejoin = off SET enable_hashjoin = off   -- they would walk over all invoices to the few of a rare text
  SET work_mem = '32MB' AS $$
#variable_conflict use_variable
DECLARE
    ENOUGH    CONSTANT bigint := 10000;    -- is counted
    FEW       CONSTANT bigint := 5000;     -- are asked one by one without looking whether that is wise
    SAMPLED   CONSTANT integer := 200;     -- are asked to find out
    COMMON    CONSTANT numeric := 0.02;    -- of these found: it is
    PROBED    CONSTANT integer := CASE WHEN search IS NULL THEN 2000 ELSE 500 END;
    customer  bigint;
    seller    bigint;
    owner     bigint;
    person    bigint;
    creators  text[];
    authors   bigint[];
    texts     bigint[];
    customers bigint[];
    days      date[];
    word      text := lower(search);
    short     boolean := length(search) < 3;   -- so few letters are in almost every name: they find whole numbers, codes and words
    given     text[];   -- the filters there are, by what sales.invoice_count calls them
    asks      text[];   -- what each asks of an invoice
    leader    text := 'none';
    led       bigint;   -- how many invoices it lets through, when that was looked up
    values_   integer;  -- how many its sources begin with
    share     numeric;  -- of some of these that a search finds
    counted   text;     -- the filter whose counts are kept, or whose sources are counted
    direction text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
    column_   text := CASE ordering WHEN 'created_by' THEN $s$coalesce(i.created_by, '')$s$ ELSE format('i.%I', ordering) END;
    key       text := CASE ordering WHEN 'created_at' THEN '(extract(epoch FROM p.value) * 1000000)::bigint' ELSE 'p.value' END || '::text';
    in_order  text := format(CASE ordering WHEN 'id' THEN '%1$s %2$s' ELSE '%1$s %2$s, i.id %2$s' END, column_, direction);
    beyond    text := CASE WHEN after_id IS NULL THEN 'true'
        WHEN ordering = 'id' THEN format('i.id %s $2', CASE WHEN descending THEN '<' ELSE '>' END)
        ELSE format('(%s, i.id) %s (%s, $2)', column_, CASE WHEN descending THEN '<' ELSE '>' END, CASE ordering
            WHEN 'created_at' THEN $s$'epoch'::timestamptz + $1::bigint * interval '1 microsecond'$s$
            WHEN 'invoice_date' THEN '$1::date' ELSE '$1' END) END;
    in_days   text := CASE WHEN coalesce(since, until) IS NULL THEN 'true' ELSE 'i.invoice_date BETWEEN $4 AND $5' END;
    -- OFFSET 0 keeps Postgres from gathering all items with these texts first.
    is_found  text := CASE WHEN search IS NULL THEN 'true' ELSE format($s$(%s OR i.customer_id = ANY ($11)
        OR EXISTS (SELECT FROM sales.invoice_item t WHERE t.invoice_id = i.id AND t.text_key = ANY ($10) OFFSET 0))$s$,
        CASE WHEN short THEN 'lower(i.invoice_no) = $12' ELSE 'strpos(lower(i.invoice_no), $12) > 0' END) END;
    filters   text;
    step      text;
    most      bigint;
    met       bigint;
    found     bigint[];
    skip      bigint := 0;
BEGIN
    count := 0;
    exact := true;
    page := coalesce(page_asked, 1);
    ids := CASE WHEN keyset OR page = 1 THEN '{}'::bigint[] END;

    -- What the filters name. What nobody knows is found nowhere.
    IF customer_code IS NOT NULL THEN
        SELECT c.id INTO customer FROM sales.customer c WHERE c.code = customer_code;
        IF customer IS NULL THEN RETURN; END IF;
    END IF;
    IF salesman IS NOT NULL THEN
        SELECT s.id INTO seller FROM sales.salesman s WHERE s.name = salesman;
        IF seller IS NULL AND salesman ~ '^[0-9]{1,18}$' THEN
            SELECT s.id INTO seller FROM sales.salesman s WHERE s.id = salesman::bigint;
        END IF;
        IF seller IS NULL THEN RETURN; END IF;
    END IF;
    IF account IS NOT NULL THEN
        SELECT a.id INTO owner FROM accounts.account a WHERE a.public_id = account;
        IF owner IS NULL THEN RETURN; END IF;
    END IF;
    IF worker IS NOT NULL THEN
        SELECT a.id INTO person FROM accounts.account a WHERE lower(a.email) = lower(worker);
        IF person IS NULL THEN RETURN; END IF;
    END IF;
    IF author IS NOT NULL THEN
        -- Under three letters there are no pieces, and all the names are looked through.
        creators := ARRAY(SELECT c.name FROM sales.invoice_creator c
                           WHERE sales.pieces(c.name) @> sales.pieces(left(author, 40)) AND strpos(lower(c.name), lower(author)) > 0);
        IF creators = '{}' THEN RETURN; END IF;
        authors := ARRAY(SELECT sales.author_key(name) FROM unnest(creators) AS name);
    END IF;
    IF short THEN
        texts := ARRAY(SELECT t.key FROM sales.item_text t
                        WHERE strpos(' ' || lower(t.name) || ' ', ' ' || word || ' ') > 0 OR lower(t.item_code) = word);
        customers := ARRAY(SELECT c.id FROM sales.customer c
                            WHERE strpos(' ' || lower(c.name) || ' ', ' ' || word || ' ') > 0 OR lower(c.code) = word);
    ELSIF search IS NOT NULL THEN
        texts := ARRAY(SELECT t.key FROM sales.item_text t
                        WHERE sales.pieces(t.name || E'\n' || t.item_code) @> sales.pieces(left(word, 40))
                          AND (strpos(lower(t.name), word) > 0 OR strpos(lower(t.item_code), word) > 0));
        customers := ARRAY(SELECT c.id FROM sales.customer c
                            WHERE sales.pieces(c.name || E'\n' || c.code) @> sales.pieces(left(word, 40))
                              AND (strpos(lower(c.name), word) > 0 OR strpos(lower(c.code), word) > 0));
    END IF;
    IF in_days <> 'true' THEN
        since := coalesce(since, '4713-01-01 BC');   -- the first there is
        until := coalesce(until, 'infinity');
    END IF;

    -- Who leads.
    SELECT coalesce(array_agg(f.kind), '{}'), coalesce(array_agg(f.ask), '{}') INTO given, asks
      FROM (VALUES ('customer', customer IS NOT NULL, 'i.customer_id + 0 = $6'),
                   ('salesman', seller IS NOT NULL, 'i.salesman_id + 0 = $7'),
                   ('user', owner IS NOT NULL, 'i.created_user_id + 0 = $8'),
                   ('author', author IS NOT NULL, $s$coalesce(i.created_by, '') || '' = ANY ($9)$s$),
                   ('all', in_days <> 'true', 'i.invoice_date + 0 BETWEEN $4 AND $5'),
                   ('status', statuses IS NOT NULL, $s$i.status || '' = ANY ($3)$s$),
                   ('worker', person IS NOT NULL, $s$(
                    EXISTS (SELECT FROM sales.picking_session s WHERE s.invoice_id = i.id AND s.picker_id + 0 = $13 AND s.picking_status <> 'CANCELLED')
                    OR EXISTS (SELECT FROM sales.packing_session s WHERE s.invoice_id = i.id AND s.packer_id + 0 = $13 AND s.packing_status <> 'CANCELLED')
                    OR EXISTS (SELECT FROM sales.delivery_session s WHERE s.invoice_id = i.id AND s.assigned_to + 0 = $13 AND s.delivery_status <> 'CANCELLED'))$s$)
           ) AS f (kind, is_given, ask)
     WHERE f.is_given;
    IF cardinality(given) > 1 OR given <> '{}' AND search IS NOT NULL THEN
        SELECT f.kind, f.n INTO leader, led
          FROM (SELECT g.kind, CASE g.kind
                       WHEN 'customer' THEN sales.count_invoices('customer', ARRAY[customer])
                       WHEN 'salesman' THEN sales.count_invoices('salesman', ARRAY[seller])
                       WHEN 'user' THEN sales.count_invoices('user', ARRAY[owner])
                       WHEN 'author' THEN sales.count_invoices('author', authors)
                       WHEN 'all' THEN sales.count_invoices('all', '{0}', since, until)
                       WHEN 'worker' THEN (SELECT coalesce(sum(t.n), 0) FROM sales.session_tally t
                                            WHERE t.kind IN ('picking', 'packing', 'delivery') AND t.worker_id = person AND t.status <> 'CANCELLED')
                       -- Its index has none of the other columns, and statuses come in long runs: of last year all are DELIVERED.
                       ELSE 10 * sales.count_invoices('all', '{0}', NULL, NULL, statuses) END AS n
                  FROM unnest(given) AS g (kind)) f
         ORDER BY f.n LIMIT 1;
    ELSIF given <> '{}' THEN
        leader := given[1];
    END IF;
    IF in_days <> 'true' AND (leader = 'all' OR led > FEW) THEN
        days := ARRAY(SELECT DISTINCT c.day FROM sales.invoice_counted c
                       WHERE c.kind = 'all' AND c.key = 0 AND c.day BETWEEN since AND until AND (statuses IS NULL OR c.status = ANY (statuses)));
        IF leader <> 'all' THEN
            -- Ids come nearly in the order of days, so this leads past all that a salesman had after them.
            asks := asks || (SELECT format('i.id <= %s', coalesce(max(last.id), 0))
                               FROM unnest(days) AS d (day)
                              CROSS JOIN LATERAL (SELECT i.id FROM sales.invoice i WHERE i.invoice_date = d.day ORDER BY i.id DESC LIMIT 1) last);
            given := given || 'ids'::text;
            days := NULL;
        END IF;
    END IF;
    filters := concat_ws(' AND ', 'i.is_active', (SELECT string_agg(a.ask, ' AND ') FROM unnest(given, asks) AS a (kind, ask) WHERE a.kind <> leader));
    IF search IS NOT NULL AND (led IS NULL OR led > FEW) THEN
        values_ := CASE leader WHEN 'all' THEN cardinality(days) WHEN 'author' THEN cardinality(creators) WHEN 'status' THEN cardinality(statuses) ELSE 1 END;
        most := ceil(SAMPLED::numeric / greatest(values_, 1));
        EXECUTE format('SELECT count(*) FILTER (WHERE %2$s)::numeric / greatest(count(*), 1) FROM (%1$s) s JOIN sales.invoice i USING (id)',
                       sales.first_of_sources(leader, short, filters || ' AND ' || CASE ordering WHEN 'id' THEN beyond ELSE 'true' END, direction), is_found)
           INTO share
          USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, person, days, most;
        -- Each day must give a page of its own.
        IF share < greatest(COMMON, values_ * size / 100000.0) THEN
            leader := 'search';
            filters := concat_ws(' AND ', 'i.is_active', (SELECT string_agg(a.ask, ' AND ') FROM unnest(asks) AS a (ask)));
        END IF;
    END IF;

    IF NOT keyset THEN
        given := array_remove(given, 'ids');
        counted := coalesce((array_remove(array_remove(given, 'all'), 'status'))[1], 'all');
        IF search IS NULL AND given <@ ARRAY[counted, 'all', 'status'] AND counted <> 'worker' AND NOT given @> '{customer,all}' THEN
            count := sales.count_invoices(counted, CASE counted WHEN 'customer' THEN ARRAY[customer] WHEN 'salesman' THEN ARRAY[seller]
                WHEN 'user' THEN ARRAY[owner] WHEN 'author' THEN authors ELSE '{0}' END, since, until, statuses);
        ELSE
            -- What a search alone finds is soon gathered, but for letters that every other number has.
            counted := CASE WHEN given = '{}' AND (share < 0.5 OR 25 > (
                SELECT count(*) FROM generate_series(0, 49) AS n CROSS JOIN LATERAL (
                       SELECT i.invoice_no FROM sales.invoice i WHERE i.id >= n * (SELECT max(id) FROM sales.invoice) / 50 ORDER BY i.id LIMIT 1) i
                 WHERE strpos(lower(i.invoice_no), word) > 0)) THEN 'search' ELSE leader END;
            most := CASE WHEN search IS NULL AND worker IS NULL THEN 5 * ENOUGH ELSE ENOUGH END + 1;   -- the index tells most
            step := (SELECT string_agg(format('SELECT i.id, %s AS fits, row_number() OVER () AS n FROM (SELECT i.* FROM %s %s LIMIT $15) i',
                                              filters || CASE counted WHEN 'search' THEN '' ELSE ' AND ' || is_found END,
                                              format(s.source, '= ANY (' || s.begins || ')'),
                                              CASE WHEN s.begins IS NULL THEN 'ORDER BY i.id DESC' END), ' UNION ALL ')
                       FROM sales.invoice_sources(counted, short) s);
            EXECUTE format('SELECT array_agg(DISTINCT w.id ORDER BY w.id %s) FILTER (WHERE w.fits), max(w.n) FROM (%s) w', direction, step)
               INTO found, met
              USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, person, days, most, 0, most;
            count := coalesce(cardinality(found), 0);
            exact := coalesce(met, 0) < most AND count <= ENOUGH;
            count := least(count, ENOUGH);
        END IF;
        IF exact THEN
            page := coalesce(page_asked, greatest(1, ceil(count / size::numeric)::bigint));
        ELSIF page_asked IS NULL THEN
            ids := NULL;
            RETURN;
        END IF;
        skip := (page - 1) * size;
        IF NOT exact AND skip > 0 AND skip >= sales.count_invoices('all', '{0}') THEN
            ids := NULL;
            RETURN;
        END IF;
        IF exact THEN
            ids := CASE WHEN page = 1 OR skip < count THEN '{}'::bigint[] END;
            IF skip >= count THEN RETURN; END IF;
            IF found IS NOT NULL AND ordering = 'id' THEN
                ids := found[skip + 1:skip + size];
                RETURN;
            END IF;
        END IF;
    END IF;
    most := size + 1;

    IF skip < PROBED / 4 AND (keyset OR NOT exact OR count > PROBED)
       AND (ordering <> 'id' AND (leader <> 'none' OR search IS NOT NULL) OR cardinality(days) > 20) THEN
        EXECUTE format($s$
            SELECT array_agg(p.id), array_agg(%1$s)
              FROM (SELECT i.id, %2$s AS value
                      FROM (SELECT i.* FROM sales.invoice i WHERE %3$s AND %4$s ORDER BY %5$s LIMIT %6$s) i
                     WHERE i.is_active AND %7$s AND %8$s ORDER BY %5$s LIMIT $15 OFFSET $16) p$s$,
                key, column_, beyond, CASE WHEN ordering = 'invoice_date' THEN in_days ELSE 'true' END, in_order, PROBED,
                coalesce(array_to_string(nullif(asks, '{}'), ' AND '), 'true'), is_found)
           INTO ids, keys
          USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, person, days, most, skip;
    END IF;
    IF cardinality(ids) IS DISTINCT FROM most THEN
        IF leader = 'none' OR given = '{all}' AND search IS NULL AND ordering = 'invoice_date' THEN
            IF NOT keyset AND exact AND skip > count / 2 THEN   -- it is nearer from the other end
                most := least(size, count - skip);
                skip := count - skip - most;
                in_order := replace(replace(replace(in_order, 'DESC', 'asc'), 'ASC', 'DESC'), 'asc', 'ASC');
            END IF;
            -- Deleted ones, which an index has, are left out without a look at each invoice.
            step := format($step$SELECT * FROM (
                SELECT i.id, %s AS value FROM sales.invoice i WHERE i.id NOT IN (SELECT d.id FROM sales.invoice d WHERE NOT d.is_active)
                   AND %s AND %s AND %s ORDER BY %s LIMIT $15 OFFSET $16) i ORDER BY i.value %6$s, i.id %6$s$step$,
                column_, in_days, is_found, beyond, in_order, direction);
        ELSIF ordering = 'id' AND leader IN ('customer', 'salesman', 'user') THEN
            step := format('SELECT i.id, i.id AS value FROM %s AND %s AND %s AND %s ORDER BY i.id %s LIMIT $15 OFFSET $16',
                           (SELECT s.source FROM sales.invoice_sources(leader, short) s), filters, is_found, beyond, direction);
        ELSIF ordering = 'id' THEN
            step := sales.first_of_sources(leader, short, format('%s AND %s AND %s', filters, CASE leader WHEN 'search' THEN 'true' ELSE is_found END, beyond), direction);
            step := format('SELECT DISTINCT x.id, x.id AS value FROM (%s) x ORDER BY x.id %s LIMIT $15 OFFSET $16', replace(step, 'LIMIT $15', 'LIMIT $15 + $16'), direction);
        ELSE
            step := (SELECT string_agg(format('(SELECT i.id, %s AS value FROM %s AND %s AND %s OFFSET 0)', column_,
                                              format(s.source, '= ANY (' || s.begins || ')'), filters, CASE leader WHEN 'search' THEN 'true' ELSE is_found END), ' UNION ALL ')
                       FROM sales.invoice_sources(leader, short) s);
            step := format('SELECT DISTINCT i.id, i.value FROM (%s) i WHERE %s ORDER BY i.value %s, i.id %3$s LIMIT $15 OFFSET $16',
                           step, replace(beyond, column_, 'i.value'), direction);
        END IF;
        EXECUTE format('SELECT coalesce(array_agg(p.id), ''{}''), array_agg(%s) FROM (%s) p', key, step)
           INTO ids, keys
          USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, person, days, most, skip, NULL::bigint;
    END IF;
    IF NOT keyset THEN
        IF NOT exact THEN
            -- The page knows whether it is the last one, and then how many there are.
            exact := cardinality(ids) <= size AND (ids <> '{}' OR skip = 0);
            count := CASE WHEN exact THEN skip + cardinality(ids) WHEN ids <> '{}' THEN greatest(count, skip + cardinality(ids)) ELSE count END;
        END IF;
        ids := CASE WHEN page = 1 OR ids <> '{}' THEN ids[1:size] END;
    END IF;
END $$;

-- As migration 0013 has it, but numbers are found as above.
CREATE OR REPLACE FUNCTION sales.search_sessions(kind_ text, needle text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    pieces text[] := operations.trigrams(needle);
    short  boolean := pieces = '{}';
BEGIN
    RETURN QUERY
    SELECT s.id
      FROM sales.session s
     WHERE s.kind = kind_ AND s.invoice_id IN (
           SELECT i.id FROM sales.invoice i WHERE short AND position(needle IN lower(i.invoice_no)) > 0
            UNION ALL
           SELECT n.id FROM sales.invoices_numbered(needle, NULL) AS n (id) WHERE NOT short
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
