-- Filters, search and orders of the invoice list: what they need to stay quick at a million invoices.
-- Safe beside a running release: new objects; indexes replaced by wider ones; a generated column (sales.invoice_item is
-- rewritten, about 3 s a million rows, in which imports wait).

-- As operations.trigrams, but in PL/pgSQL, whose plans outlive a statement: Postgres plans an SQL function again for each statement
-- that maintains an index over it, which made an import a quarter slower.
CREATE FUNCTION sales.pieces(value text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    low   text := lower(value);
    found text[] := '{}';
BEGIN
    FOR i IN 1 .. length(low) - 2 LOOP
        found[i] := substr(low, i, 3);
    END LOOP;
    RETURN found;
END $$;

-- Search by substring would be a trigram index over every item of every invoice; but items repeat, so each text is indexed once.
-- An item finds its text by `text_key`, which it has without looking anything up: that costs an import nothing.
ALTER TABLE sales.invoice_item
    ADD text_key bigint GENERATED ALWAYS AS (hashtextextended(item_code, hashtextextended(name, 0))) STORED;
CREATE INDEX invoice_item_text_key ON sales.invoice_item (text_key, invoice_id);

-- Every name and code that an item has or had; a text without items is found and leads to no invoice.
CREATE TABLE sales.item_text (
    key       bigint       GENERATED ALWAYS AS (hashtextextended(item_code, hashtextextended(name, 0))) STORED,
    name      varchar(255) NOT NULL,
    item_code varchar(100) NOT NULL,
    PRIMARY KEY (key, name, item_code)
);
INSERT INTO sales.item_text (name, item_code) SELECT DISTINCT name, item_code FROM sales.invoice_item;
CREATE INDEX item_text_searched ON sales.item_text USING gin (sales.pieces(name || E'\n' || item_code));

-- By a trigger, so that rows of another program's plain SQL are found too. In the order of the key: two imports that bring the
-- same new texts must not wait for each other in a circle.
CREATE FUNCTION sales.note_item_texts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sales.item_text (name, item_code)
    SELECT DISTINCT ON (w.text_key, w.name, w.item_code) w.name, w.item_code
      FROM written w
     WHERE NOT EXISTS (SELECT FROM sales.item_text t
                        WHERE t.key = w.text_key AND t.name = w.name AND t.item_code = w.item_code)
     ORDER BY w.text_key, w.name, w.item_code
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER item_text_noted AFTER INSERT ON sales.invoice_item REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION sales.note_item_texts();
CREATE TRIGGER item_text_change_noted AFTER UPDATE ON sales.invoice_item REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION sales.note_item_texts();

-- Likewise who created invoices: few people, many invoices.
CREATE TABLE sales.invoice_creator (
    name varchar(150) PRIMARY KEY
);
INSERT INTO sales.invoice_creator (name) SELECT DISTINCT created_by FROM sales.invoice WHERE created_by <> '';
CREATE INDEX invoice_creator_searched ON sales.invoice_creator USING gin (sales.pieces(name));
CREATE FUNCTION sales.note_invoice_creator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sales.invoice_creator WHERE name = NEW.created_by) THEN
        INSERT INTO sales.invoice_creator (name) VALUES (NEW.created_by) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoice_creator_noted AFTER INSERT OR UPDATE OF created_by ON sales.invoice
    FOR EACH ROW WHEN (NEW.created_by <> '') EXECUTE FUNCTION sales.note_invoice_creator();

-- fastupdate gathers the pieces of many new numbers and files them together, far cheaper than one by one; what is gathered is
-- searched one by one, hence the small limit (kB).
CREATE INDEX invoice_no_searched ON sales.invoice USING gin (sales.pieces(invoice_no)) WITH (gin_pending_list_limit = 512);
CREATE INDEX customer_searched ON sales.customer USING gin (sales.pieces(name || E'\n' || code));

-- One index a filter, with what the filters mostly combined with it need: they are counted without a look at the table.
CREATE INDEX invoice_by_customer ON sales.invoice (customer_id, id) INCLUDE (is_active, status, invoice_date);
CREATE INDEX invoice_by_salesman ON sales.invoice (salesman_id, id) INCLUDE (is_active, status, invoice_date);
CREATE INDEX invoice_by_created_user ON sales.invoice (created_user_id, id) INCLUDE (is_active, status, invoice_date)
    WHERE created_user_id IS NOT NULL;
DROP INDEX sales.invoice_customer, sales.invoice_salesman, sales.invoice_created_user;
CREATE INDEX invoice_by_date ON sales.invoice (invoice_date, id) INCLUDE (is_active, status);
CREATE INDEX invoice_by_created_by ON sales.invoice (coalesce(created_by, ''), id) INCLUDE (created_by, is_active, status, invoice_date);
CREATE INDEX invoice_by_created_at ON sales.invoice (created_at, id);
CREATE INDEX invoice_deleted ON sales.invoice (id) WHERE NOT is_active;
CREATE INDEX picking_session_worker ON sales.picking_session (picker_id, invoice_id) WHERE picking_status <> 'CANCELLED';
CREATE INDEX packing_session_worker ON sales.packing_session (packer_id, invoice_id) WHERE packing_status <> 'CANCELLED';
CREATE INDEX delivery_session_worker ON sales.delivery_session (assigned_to, invoice_id) WHERE delivery_status <> 'CANCELLED';

-- A page of the invoices that all given filters (not null) let through. ordering: a column of sales.invoice.
-- By page (keyset false): count, page (null asks for the last; echoed), ids; ids is null for a page that isn't there.
-- By keyset: ids of `size` + 1 invoices after (after_key, after_id), which may be null, and their keys as text; nothing is counted.
--
-- Each statement is planned for its values, when it is known which filters are null. Three ways lead to a page:
--   probe  the first PROBED invoices in the order asked for, filtered: finds a page of a filter that lets many through
--   walk   in the order of an index that begins with the filter (customer, salesman, user; newest first)
--   sort   all that match, found by the filters' indexes; its order is disguised (id + 0), or Postgres, which takes matches to
--          be spread evenly, would walk over half a million newer invoices to those of a long gone month
CREATE FUNCTION sales.find_invoices(
    statuses text[], since date, until date, customer_code text, salesman text, account uuid, author text, worker text, search text,
    ordering text, descending boolean, page_asked bigint, size integer, keyset boolean, after_key text, after_id bigint,
    OUT count bigint, OUT page bigint, OUT ids bigint[], OUT keys text[]
) LANGUAGE plpgsql STABLE
  SET plan_cache_mode = force_custom_plan SET jit = off
  SET enable_seqscan = off    -- also right after many rows came, when the statistics don't know of them
  SET enable_hashagg = off    -- ids are told apart twice as fast by sorting
  SET work_mem = '32MB' AS $$
#variable_conflict use_variable
DECLARE
    PROBED CONSTANT integer := CASE WHEN search IS NULL THEN 2000 ELSE 500 END;
    customer  bigint;
    seller    bigint;
    owner     bigint;
    person    bigint;
    creators  text[];
    word      text := lower(search);
    pieces    text[] := sales.pieces(left(search, 40));   -- the rest of a longer text is compared only
    texts     bigint[];
    customers bigint[];
    direction text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
    column_   text := CASE ordering WHEN 'created_by' THEN $s$coalesce(i.created_by, '')$s$ ELSE format('i.%I', ordering) END;
    key       text := CASE ordering WHEN 'created_at' THEN '(extract(epoch FROM p.value) * 1000000)::bigint' ELSE 'p.value' END || '::text';
    in_order  text := format(CASE ordering WHEN 'id' THEN '%1$s %2$s' ELSE '%1$s %2$s, i.id %2$s' END, column_, direction);
    disguised text := format('%1$s %2$s, i.id + 0 %2$s', CASE ordering
        WHEN 'id' THEN 'i.id + 0' WHEN 'invoice_date' THEN 'i.invoice_date + 0' WHEN 'created_at' THEN $s$i.created_at + interval '0'$s$
        ELSE column_ || $s$ || ''$s$ END, direction);
    beyond    text := CASE WHEN after_id IS NULL THEN 'true'
        WHEN ordering = 'id' THEN format('i.id %s $2', CASE WHEN descending THEN '<' ELSE '>' END)
        ELSE format('(%s, i.id) %s (%s, $2)', column_, CASE WHEN descending THEN '<' ELSE '>' END, CASE ordering
            WHEN 'created_at' THEN $s$'epoch'::timestamptz + $1::bigint * interval '1 microsecond'$s$
            WHEN 'invoice_date' THEN '$1::date' ELSE '$1' END) END;
    others    boolean := coalesce(since, until) IS NOT NULL OR coalesce(customer_code, salesman, author, worker, search) IS NOT NULL
                         OR account IS NOT NULL;
    filters   text := CASE WHEN others OR statuses IS NOT NULL THEN $s$i.is_active
        AND ($3 IS NULL OR i.status = ANY ($3)) AND ($4 IS NULL OR i.invoice_date >= $4) AND ($5 IS NULL OR i.invoice_date <= $5)
        AND ($6 IS NULL OR i.customer_id = $6) AND ($7 IS NULL OR i.salesman_id = $7)
        AND ($8 IS NULL OR i.created_user_id = $8) AND ($9 IS NULL OR coalesce(i.created_by, '') = ANY ($9))$s$
        ELSE 'i.id NOT IN (SELECT d.id FROM sales.invoice d WHERE NOT d.is_active)' END;   -- an index has it whole
    -- One or two letters are in almost every number and name; they find whole numbers and codes, and whole words of names.
    in_number text := CASE WHEN length(word) > 2 THEN 'strpos(lower(i.invoice_no), $12) > 0' ELSE 'i.invoice_no IN ($12, upper($12))' END;
    number_of text := CASE length(word) WHEN 1 THEN in_number WHEN 2 THEN in_number WHEN 3 THEN 'sales.pieces(i.invoice_no) @> $13'
        ELSE 'sales.pieces(i.invoice_no) @> $13 AND ' || in_number END;
    searched  text := $s$SELECT t.invoice_id AS id FROM sales.invoice_item t WHERE t.text_key = ANY ($10)
        UNION SELECT i.id FROM sales.invoice i WHERE i.customer_id = ANY ($11)
        UNION SELECT i.id FROM sales.invoice i WHERE $s$ || number_of;
    worked    text := $s$SELECT s.invoice_id AS id FROM sales.picking_session s WHERE s.picker_id = $14 AND s.picking_status <> 'CANCELLED'
        UNION SELECT s.invoice_id FROM sales.packing_session s WHERE s.packer_id = $14 AND s.packing_status <> 'CANCELLED'
        UNION SELECT s.invoice_id FROM sales.delivery_session s WHERE s.assigned_to = $14 AND s.delivery_status <> 'CANCELLED'$s$;
    -- OFFSET 0 keeps Postgres from gathering all items with these texts first.
    is_found  text := CASE WHEN search IS NULL THEN 'true' ELSE format($s$(%s OR i.customer_id = ANY ($11)
        OR EXISTS (SELECT FROM sales.invoice_item t WHERE t.invoice_id = i.id AND t.text_key = ANY ($10) OFFSET 0))$s$, in_number) END;
    matched   text;
    skip      bigint := 0;
    walks     boolean;
    narrowed  boolean;
    few       bigint;
BEGIN
    count := 0;
    page := coalesce(page_asked, 1);
    ids := CASE WHEN keyset OR page = 1 THEN '{}'::bigint[] END;
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
    END IF;
    IF cardinality(pieces) > 0 THEN
        texts := ARRAY(SELECT t.key FROM sales.item_text t
                        WHERE sales.pieces(t.name || E'\n' || t.item_code) @> pieces
                          AND (strpos(lower(t.name), word) > 0 OR strpos(lower(t.item_code), word) > 0));
        customers := ARRAY(SELECT c.id FROM sales.customer c
                            WHERE sales.pieces(c.name || E'\n' || c.code) @> pieces
                              AND (strpos(lower(c.name), word) > 0 OR strpos(lower(c.code), word) > 0));
    ELSIF search IS NOT NULL THEN
        texts := ARRAY(SELECT t.key FROM sales.item_text t
                        WHERE strpos(' ' || lower(t.name) || ' ', ' ' || word || ' ') > 0 OR lower(t.item_code) = word);
        customers := ARRAY(SELECT c.id FROM sales.customer c
                            WHERE strpos(' ' || lower(c.name) || ' ', ' ' || word || ' ') > 0 OR lower(c.code) = word);
    END IF;

    narrowed := statuses IS NOT NULL OR coalesce(since, until) IS NOT NULL OR coalesce(customer, seller, owner) IS NOT NULL
                OR author IS NOT NULL;
    IF worker IS NOT NULL THEN
        matched := format('(%s) found JOIN sales.invoice i USING (id) WHERE %s AND %s', worked, filters, is_found);
    ELSIF search IS NOT NULL AND narrowed THEN
        EXECUTE format('SELECT count(*) FROM (SELECT FROM sales.invoice i WHERE %s LIMIT 5001) few', filters) INTO few
          USING after_key, after_id, statuses, since, until, customer, seller, owner, creators;
        matched := CASE WHEN few > 5000 THEN format('(%s) found JOIN sales.invoice i USING (id) WHERE %s', searched, filters)
                        ELSE format('sales.invoice i WHERE %s AND %s', filters, is_found) END;
    ELSIF search IS NOT NULL THEN
        matched := format('(%s) found JOIN sales.invoice i USING (id) WHERE i.is_active', searched);
    ELSE
        matched := 'sales.invoice i WHERE ' || filters;
    END IF;
    IF coalesce(search, worker) IS NOT NULL AND ordering = 'id' AND NOT narrowed AND (search IS NULL OR worker IS NULL) THEN
        -- Only to leave out the deleted ones, the invoices themselves need not be read.
        matched := format('(%s) i WHERE i.id NOT IN (SELECT d.id FROM sales.invoice d WHERE NOT d.is_active)', coalesce(
            CASE WHEN worker IS NOT NULL THEN worked END, searched));
    END IF;

    IF NOT keyset AND (search IS NOT NULL OR worker IS NOT NULL) THEN
        EXECUTE format($s$
            WITH matched AS MATERIALIZED (SELECT i.id, %s AS key FROM %s),
                 total AS MATERIALIZED (SELECT count(*) AS n FROM matched),
                 place AS MATERIALIZED (SELECT n, coalesce($17, greatest(1, ceil(n / $15::numeric)::bigint)) AS page FROM total)
            SELECT n, page,
                   CASE WHEN page = 1 OR (page - 1) * $15 < n THEN ARRAY(
                        SELECT m.id FROM matched m ORDER BY m.key %s, m.id %3$s LIMIT $15 OFFSET (SELECT (page - 1) * $15 FROM place)) END
              FROM place$s$, column_, matched, direction)
           INTO count, page, ids
          USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, pieces, person,
                size, skip, page_asked;
        RETURN;
    END IF;

    IF NOT keyset THEN
        IF others THEN
            EXECUTE 'SELECT count(*) FROM ' || matched INTO count
              USING after_key, after_id, statuses, since, until, customer, seller, owner, creators;
        ELSE
            SELECT coalesce(sum(c.n), 0) INTO count
              FROM (SELECT t.n FROM sales.invoice_tally t WHERE t.level = 0 AND (statuses IS NULL OR t.status = ANY (statuses))
                     UNION ALL
                    SELECT c.n FROM sales.invoice_change c WHERE statuses IS NULL OR c.status = ANY (statuses)) c;
        END IF;
        page := coalesce(page_asked, greatest(1, ceil(count / size::numeric)::bigint));
        skip := (page - 1) * size;
        ids := CASE WHEN page = 1 OR skip < count THEN '{}'::bigint[] END;
        IF skip >= count THEN RETURN; END IF;
    END IF;

    walks := NOT others AND statuses IS NULL
             OR ordering = 'id' AND search IS NULL AND worker IS NULL AND coalesce(customer, seller, owner) IS NOT NULL;
    IF NOT walks AND worker IS NULL AND skip < PROBED / 4 AND (keyset OR count > PROBED) THEN
        EXECUTE format($s$
            SELECT array_agg(p.id), array_agg(%1$s)
              FROM (SELECT i.id, %7$s AS value
                      FROM (SELECT i.* FROM sales.invoice i WHERE %2$s ORDER BY %3$s LIMIT %4$s) i
                     WHERE %5$s AND %6$s ORDER BY %3$s LIMIT $15 OFFSET $16) p$s$, key, beyond, in_order, PROBED, filters, is_found, column_)
           INTO ids, keys
          USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, pieces, person,
                size + keyset::integer, skip;
        IF cardinality(ids) = size + keyset::integer THEN RETURN; END IF;
    END IF;

    EXECUTE format($s$
        SELECT coalesce(array_agg(p.id), '{}'), array_agg(%s)
          FROM (SELECT i.id, %s AS value FROM %s AND %s ORDER BY %s LIMIT $15 OFFSET $16) p$s$,
        key, column_, matched, beyond, CASE WHEN walks THEN in_order ELSE disguised END)
       INTO ids, keys
      USING after_key, after_id, statuses, since, until, customer, seller, owner, creators, texts, customers, word, pieces, person,
            size + keyset::integer, skip;
END $$;
