-- Exact counts of filtered lists without counting, and searches that cost the same however much they find.
-- Safe beside a running release: a new table, new columns that only a trigger's function replaced here writes, functions replaced by
-- ones that give the old ones' columns too. Imports wait while the existing invoices are counted, about 6 s a million; reads don't.

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

-- What an invoice is counted under.
CREATE FUNCTION sales.counted_under(day_ date, customer bigint, salesman bigint, account bigint, author bigint)
RETURNS TABLE (kind text, key bigint, day date) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT k.kind, k.key, d.day
      FROM (VALUES ('all', 0), ('customer', customer), ('salesman', salesman), ('user', account), ('author', author)) AS k (kind, key)
     CROSS JOIN (VALUES (date '-infinity'), (day_)) AS d (day)
     WHERE k.key IS NOT NULL AND (k.kind <> 'customer' OR d.day = '-infinity')
$$;

-- Count all anew, both here and in the tally (migration 0004). Nobody writes invoices meanwhile.
CREATE FUNCTION sales.recount_invoices() RETURNS void LANGUAGE plpgsql AS $$
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
    SELECT k.kind, k.key, k.day, i.status, count(*)
      FROM sales.invoice i
     CROSS JOIN LATERAL sales.counted_under(i.invoice_date, i.customer_id, i.salesman_id, i.created_user_id, sales.author_key(i.created_by)) k
     WHERE i.is_active
     GROUP BY 1, 2, 3, 4;
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

-- As migration 0004 has it, with the counts.
CREATE OR REPLACE FUNCTION sales.fold_invoice_changes() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    folded bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM sales.invoice_change)
       AND pg_try_advisory_xact_lock('sales.invoice_tally'::regclass::oid::bigint) THEN
        WITH taken AS (
            DELETE FROM sales.invoice_change RETURNING *
        ), tallied AS (
            INSERT INTO sales.invoice_tally (level, bucket, status, n)
            SELECT level, bucket >> shift, status, sum(n)
              FROM taken CROSS JOIN (VALUES (0, 62), (1, 0), (2, 4), (3, 8)) AS levels (level, shift)
             GROUP BY 1, 2, 3
            ON CONFLICT (level, bucket, status) DO UPDATE SET n = invoice_tally.n + EXCLUDED.n
        ), difference AS MATERIALIZED (
            SELECT k.kind, k.key, k.day, t.status, sum(t.n)::integer AS n
              FROM taken t CROSS JOIN LATERAL sales.counted_under(t.day, t.customer_id, t.salesman_id, t.account_id, t.author) k
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

-- The invoices whose number has `word` (lower case, three letters or more) in it. In a number it is digits that tell: letters are
-- in all of them, and comparing their long lists would be most of the work. Only by the index of pieces: Postgres, told
-- how common some are, would rather make the pieces of a million numbers anew, 6 µs each.
CREATE FUNCTION sales.invoices_numbered(word text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 100
  SET plan_cache_mode = force_custom_plan SET jit = off
  SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
DECLARE
    wanted text[] := sales.pieces(left(word, 40));   -- the rest of a longer text is compared only
    digits text[] := ARRAY(SELECT p FROM unnest(wanted) AS p WHERE p ~ '[0-9]');
BEGIN
    RETURN QUERY SELECT i.id FROM sales.invoice i
                  WHERE sales.pieces(i.invoice_no) @> CASE WHEN digits = '{}' THEN wanted ELSE digits END
                    AND strpos(lower(i.invoice_no), word) > 0;
END $$;

-- A page of the invoices that all given filters (not null) let through. ordering: a column of sales.invoice.
-- By page (keyset false): count, page (null asks for the last; echoed), ids; ids is null for a page that isn't there.
-- By keyset: ids of `size` + 1 invoices after (after_key, after_id), which may be null, and their keys as text; nothing is counted.
-- exact: false when there may be more than `count`: what a search finds, a worker has, or several filters let through, is counted
-- no further than ENOUGH, or than the page asked for. Other counts are kept (sales.invoice_count).
--
-- Invoices come from sources, each an index that begins with what is asked for and goes on by id: that of the filter which lets the
-- fewest through (the leader), a worker's sessions, or what a search found. The other filters are asked of each invoice found;
-- they are written so (status || '') that Postgres can't take their index instead. In the order of ids each source gives no more
-- than the page needs; for another order all are sorted. Where many match, filtering the first PROBED finds a page sooner.
-- Each statement is planned for its values.
DROP FUNCTION sales.find_invoices;
CREATE FUNCTION sales.find_invoices(
    statuses text[], since date, until date, customer_code text, salesman text, account uuid, author text, worker text, search text,
    ordering text, descending boolean, page_asked bigint, size integer, keyset boolean, after_key text, after_id bigint,
    OUT count bigint, OUT exact boolean, OUT page bigint, OUT ids bigint[], OUT keys text[]
) LANGUAGE plpgsql STABLE
  SET plan_cache_mode = force_custom_plan SET jit = off
  SET enable_seqscan = off    -- also right after many rows came, when the statistics don't know of them
  SET enable_hashagg = off    -- ids are told apart twice as fast by sorting
  SET work_mem = '32MB' AS $$
#variable_conflict use_variable
DECLARE
    ENOUGH    CONSTANT bigint := 10000;
    FEW       CONSTANT bigint := 5000;   -- invoices that are asked one by one whether a search finds them
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
    given     text[];   -- the filters there are, by what sales.invoice_count calls them
    leader    text;
    led       bigint;   -- how many invoices it lets through, when that was looked up
    counted   text;     -- the filter whose counts are kept
    direction text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
    column_   text := CASE ordering WHEN 'created_by' THEN $s$coalesce(i.created_by, '')$s$ ELSE format('i.%I', ordering) END;
    key       text := CASE ordering WHEN 'created_at' THEN '(extract(epoch FROM p.value) * 1000000)::bigint' ELSE 'p.value' END || '::text';
    in_order  text := format(CASE ordering WHEN 'id' THEN '%1$s %2$s' ELSE '%1$s %2$s, i.id %2$s' END, column_, direction);
    beyond    text := CASE WHEN after_id IS NULL THEN 'true'
        WHEN ordering = 'id' THEN format('i.id %s $2', CASE WHEN descending THEN '<' ELSE '>' END)
        ELSE format('(%s, i.id) %s (%s, $2)', column_, CASE WHEN descending THEN '<' ELSE '>' END, CASE ordering
            WHEN 'created_at' THEN $s$'epoch'::timestamptz + $1::bigint * interval '1 microsecond'$s$
            WHEN 'invoice_date' THEN '$1::date' ELSE '$1' END) END;
    -- One or two letters are in almost every number and name; they find whole numbers and codes, and whole words of names.
    in_number text := CASE WHEN length(word) > 2 THEN 'strpos(lower(i.invoice_no), $12) > 0' ELSE 'i.invoice_no IN ($12, upper($12))' END;
    -- OFFSET 0 keeps Postgres from gathering all items with these texts first.
    is_found  text := CASE WHEN search IS NULL THEN 'true' ELSE format($s$(%s OR i.customer_id = ANY ($11)
        OR EXISTS (SELECT FROM sales.invoice_item t WHERE t.invoice_id = i.id AND t.text_key = ANY ($10) OFFSET 0))$s$, in_number) END;
    in_days   text := CASE WHEN coalesce(since, until) IS NULL THEN 'true' ELSE 'i.invoice_date BETWEEN $4 AND $5' END;
    filters   text;     -- what the others ask
    leads     text;     -- what it asks
    sources   text[];   -- FROM and WHERE; %s: = the value that the source begins with
    begin_    text[];   -- which are these: a parameter that is an array; null: %s doesn't occur
    whole     text;     -- all that the sources have, without order
    found     bigint[];
    step      text;
    cap       bigint;
    most      bigint;
    met       bigint;
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
    IF length(word) > 2 THEN
        texts := ARRAY(SELECT t.key FROM sales.item_text t
                        WHERE sales.pieces(t.name || E'\n' || t.item_code) @> sales.pieces(left(word, 40))
                          AND (strpos(lower(t.name), word) > 0 OR strpos(lower(t.item_code), word) > 0));
        customers := ARRAY(SELECT c.id FROM sales.customer c
                            WHERE sales.pieces(c.name || E'\n' || c.code) @> sales.pieces(left(word, 40))
                              AND (strpos(lower(c.name), word) > 0 OR strpos(lower(c.code), word) > 0));
    ELSIF search IS NOT NULL THEN
        texts := ARRAY(SELECT t.key FROM sales.item_text t
                        WHERE strpos(' ' || lower(t.name) || ' ', ' ' || word || ' ') > 0 OR lower(t.item_code) = word);
        customers := ARRAY(SELECT c.id FROM sales.customer c
                            WHERE strpos(' ' || lower(c.name) || ' ', ' ' || word || ' ') > 0 OR lower(c.code) = word);
    END IF;
    IF in_days <> 'true' THEN
        since := coalesce(since, '4713-01-01 BC');   -- the first there is
        until := coalesce(until, 'infinity');
    END IF;

    -- Who leads.
    SELECT coalesce(array_agg(f.kind), '{}') INTO given
      FROM (VALUES ('customer', customer IS NOT NULL), ('salesman', seller IS NOT NULL), ('user', owner IS NOT NULL),
                   ('author', author IS NOT NULL), ('all', in_days <> 'true'), ('status', statuses IS NOT NULL)) AS f (kind, is_given)
     WHERE f.is_given;
    IF worker IS NOT NULL THEN
        leader := 'worker';
    ELSIF cardinality(given) > 1 OR given <> '{}' AND search IS NOT NULL THEN
        SELECT f.kind, f.n INTO leader, led
          FROM (SELECT g.kind, CASE g.kind
                       WHEN 'customer' THEN sales.count_invoices('customer', ARRAY[customer])
                       WHEN 'salesman' THEN sales.count_invoices('salesman', ARRAY[seller])
                       WHEN 'user' THEN sales.count_invoices('user', ARRAY[owner])
                       WHEN 'author' THEN sales.count_invoices('author', authors)
                       WHEN 'all' THEN sales.count_invoices('all', '{0}', since, until)
                       -- Its index has none of the other columns, and statuses come in long runs: of last year all are DELIVERED.
                       ELSE 10 * sales.count_invoices('all', '{0}', NULL, NULL, statuses) END AS n
                  FROM unnest(given) AS g (kind)) f
         ORDER BY f.n LIMIT 1;
    ELSE
        leader := given[1];
    END IF;
    IF search IS NOT NULL AND worker IS NULL AND (leader IS NULL OR led > FEW) THEN
        leader := 'search';
    END IF;
    leads := CASE leader WHEN 'customer' THEN 'i.customer_id = $6' WHEN 'salesman' THEN 'i.salesman_id = $7' WHEN 'user' THEN 'i.created_user_id = $8'
        WHEN 'author' THEN $s$coalesce(i.created_by, '') %s$s$ WHEN 'all' THEN 'i.invoice_date %s' WHEN 'status' THEN 'i.status %s' ELSE 'true' END;
    filters := concat_ws(' AND ', 'i.is_active', CASE WHEN leader <> 'search' THEN is_found END,
        CASE WHEN customer IS NOT NULL AND leader <> 'customer' THEN 'i.customer_id + 0 = $6' END,
        CASE WHEN seller IS NOT NULL AND leader <> 'salesman' THEN 'i.salesman_id + 0 = $7' END,
        CASE WHEN owner IS NOT NULL AND leader <> 'user' THEN 'i.created_user_id + 0 = $8' END,
        CASE WHEN author IS NOT NULL AND leader <> 'author' THEN $s$coalesce(i.created_by, '') || '' = ANY ($9)$s$ END,
        CASE WHEN in_days <> 'true' AND leader <> 'all' THEN 'i.invoice_date + 0 BETWEEN $4 AND $5' END,
        CASE WHEN statuses IS NOT NULL AND leader <> 'status' THEN $s$i.status || '' = ANY ($3)$s$ END);

    -- The sources.
    IF leader = 'worker' THEN
        sources := ARRAY(SELECT format('sales.%1$s_session s JOIN sales.invoice i ON i.id = s.invoice_id
                WHERE s.%1$s_status <> ''CANCELLED'' AND s.%2$s = $13', t.kind, t.who)
              FROM (VALUES ('picking', 'picker_id'), ('packing', 'packer_id'), ('delivery', 'assigned_to')) AS t (kind, who));
    ELSIF leader = 'search' THEN
        sources := ARRAY['sales.invoice_item t JOIN sales.invoice i ON i.id = t.invoice_id WHERE t.text_key %s', 'sales.invoice i WHERE i.customer_id %s',
            CASE WHEN length(word) < 3 THEN 'sales.invoice i WHERE ' || in_number
                 -- What a quarter of the newest numbers have is soon found among the newest.
                 WHEN (SELECT count(*) FROM (SELECT i.invoice_no FROM sales.invoice i ORDER BY i.id DESC LIMIT 400) i
                        WHERE strpos(lower(i.invoice_no), word) > 0) > 100
                      THEN '(SELECT * FROM sales.invoice ORDER BY id DESC) i WHERE ' || in_number
                 -- OFFSET 0: one by one; Postgres, expecting a hundred, might walk over all instead.
                 ELSE 'sales.invoices_numbered($12) AS n (id) CROSS JOIN LATERAL (SELECT * FROM sales.invoice WHERE id = n.id OFFSET 0) i WHERE true' END];
        begin_ := '{$10,$11,NULL}';
    ELSE
        sources := ARRAY['sales.invoice i WHERE ' || leads];
        begin_ := ARRAY[CASE leader WHEN 'author' THEN '$9' WHEN 'all' THEN '$14' WHEN 'status' THEN '$3' END];
        IF leader = 'all' THEN
            days := ARRAY(SELECT DISTINCT c.day FROM sales.invoice_counted c
                           WHERE c.kind = 'all' AND c.key = 0 AND c.day BETWEEN since AND until AND (statuses IS NULL OR c.status = ANY (statuses)));
        END IF;
    END IF;
    whole := (SELECT string_agg(format('(SELECT i.id, %s AS value FROM %s AND %s LIMIT $15)', column_,
                                       format(s.source, '= ANY (' || s.values || ')'), filters), ' UNION ALL ')
                FROM unnest(sources, begin_) AS s (source, values));

    IF NOT keyset THEN
        counted := coalesce((array_remove(array_remove(given, 'all'), 'status'))[1], 'all');
        IF coalesce(search, worker) IS NULL AND given <@ ARRAY[counted, 'all', 'status'] AND NOT given @> '{customer,all}' THEN
            count := sales.count_invoices(counted, CASE counted WHEN 'customer' THEN ARRAY[customer] WHEN 'salesman' THEN ARRAY[seller]
                WHEN 'user' THEN ARRAY[owner] WHEN 'author' THEN authors ELSE '{0}' END, since, until, statuses);
        ELSE
            cap := CASE WHEN page_asked IS NOT NULL THEN greatest(ENOUGH, page_asked * size + 1) END;
            most := cap;
            LOOP
                EXECUTE format('SELECT count(*), array_agg(DISTINCT w.id ORDER BY w.id %s) FROM (%s) w', direction, whole) INTO met, found
                  USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, person, days, most, skip;
                count := coalesce(cardinality(found), 0);
                EXIT WHEN most IS NULL OR met < most OR count >= cap;
                most := most * 2;   -- some were met more than once
            END LOOP;
            exact := cap IS NULL OR count < cap;
            count := least(count, cap);
        END IF;
        page := coalesce(page_asked, greatest(1, ceil(count / size::numeric)::bigint));
        skip := (page - 1) * size;
        ids := CASE WHEN page = 1 OR skip < count THEN '{}'::bigint[] END;
        IF skip >= count THEN RETURN; END IF;
        IF found IS NOT NULL AND exact AND ordering = 'id' THEN
            ids := found[skip + 1:skip + size];
            RETURN;
        END IF;
    END IF;

    IF skip < PROBED / 4 AND (keyset OR count > PROBED)
       AND (ordering <> 'id' AND leader <> 'worker' OR leader = 'search' OR cardinality(days) > 100) THEN
        EXECUTE format($s$
            SELECT array_agg(p.id), array_agg(%1$s)
              FROM (SELECT i.id, %2$s AS value
                      FROM (SELECT i.* FROM sales.invoice i WHERE %3$s AND %4$s ORDER BY %5$s LIMIT %6$s) i
                     WHERE %7$s AND %8$s AND %9$s ORDER BY %5$s LIMIT $15 OFFSET $16) p$s$,
                key, column_, beyond, CASE WHEN ordering = 'invoice_date' THEN in_days ELSE 'true' END, in_order, PROBED,
                format(leads, '= ANY (' || begin_[1] || ')'), filters, is_found)
           INTO ids, keys
          USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, person, days,
                size + keyset::integer, skip;
        IF cardinality(ids) = size + keyset::integer THEN RETURN; END IF;
    END IF;

    IF leader IS NULL OR given = '{all}' AND search IS NULL AND ordering = 'invoice_date' THEN
        -- Deleted ones, which an index has, are left out without a look at each invoice.
        step := format($s$SELECT i.id, %s AS value FROM sales.invoice i WHERE i.id NOT IN (SELECT d.id FROM sales.invoice d WHERE NOT d.is_active)
                           AND %s AND %s ORDER BY %s LIMIT $15 OFFSET $16$s$, column_, in_days, beyond, in_order);
    ELSIF ordering = 'id' AND cardinality(sources) = 1 AND begin_[1] IS NULL THEN
        step := format('SELECT i.id, i.id AS value FROM %s AND %s AND %s ORDER BY i.id %s LIMIT $15 OFFSET $16', sources[1], filters, beyond, direction);
    ELSIF ordering = 'id' THEN
        step := (SELECT string_agg(format(
                    CASE WHEN s.values IS NULL THEN '(SELECT i.id FROM %2$s AND %3$s AND %4$s ORDER BY i.id %5$s LIMIT $15 + $16)'
                         -- An invoice may have items of two such texts.
                         ELSE 'SELECT x.id FROM unnest(%1$s) AS one (value) CROSS JOIN LATERAL (
                               SELECT DISTINCT i.id FROM %2$s AND %3$s AND %4$s ORDER BY i.id %5$s LIMIT $15 + $16) x' END,
                    s.values, format(s.source, '= one.value'), filters, beyond, direction), ' UNION ALL ')
                   FROM unnest(sources, begin_) AS s (source, values));
        step := format('SELECT DISTINCT x.id, x.id AS value FROM (%s) x ORDER BY x.id %s LIMIT $15 OFFSET $16', step, direction);
    ELSE
        step := format('SELECT DISTINCT i.id, i.value FROM (%s) i WHERE %s ORDER BY i.value %s, i.id %3$s LIMIT $15 OFFSET $16',
                       replace(whole, ' LIMIT $15', ''), replace(beyond, column_, 'i.value'), direction);
    END IF;
    EXECUTE format('SELECT coalesce(array_agg(p.id), ''{}''), array_agg(%s) FROM (%s) p', key, step)
       INTO ids, keys
      USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, person, days,
            size + keyset::integer, skip;
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
           SELECT n.id FROM sales.invoices_numbered(needle) AS n (id) WHERE NOT short
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
