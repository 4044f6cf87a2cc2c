-- Developer options: counting, emptying and renumbering tables by name, also tables that a later migration brings; and taking
-- a topic out of the event log.
-- Safe beside a running release: creates new objects only.

-- The tables that the developer options speak of, in the order in which they are shown. One that does not exist (yet) holds nothing.
CREATE VIEW operations.developer_table (place, key, relation, description) AS VALUES
    (1,  'invoices',          'sales.invoice',          'Sales invoices/orders'),
    (2,  'invoice_items',     'sales.invoice_item',     'Invoice line items'),
    (3,  'invoice_returns',   'sales.invoice_return',   'Invoice return/review records'),
    (4,  'picking_sessions',  'sales.picking_session',  'Picking workflow sessions'),
    (5,  'packing_sessions',  'sales.packing_session',  'Packing workflow sessions'),
    (6,  'delivery_sessions', 'sales.delivery_session', 'Delivery workflow sessions'),
    (7,  'customers',         'sales.customer',         'Customer records'),
    (8,  'salesmen',          'sales.salesman',         'Salesman records'),
    (9,  'couriers',          'sales.courier',          'Courier service providers'),
    (10, 'users',             'accounts.account',       'System users (staff)'),
    (11, 'departments',       'accounts.department',    'Organization departments'),
    (12, 'job_titles',        'accounts.job_title',     'Job title definitions');

-- How many rows a table has; 0 when there is no such table. Stable: all counts of one statement are of one moment.
CREATE FUNCTION operations.count_rows(relation text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    n bigint := 0;
BEGIN
    IF to_regclass(relation) IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s', to_regclass(relation)) INTO n;
    END IF;
    RETURN n;
END $$;

-- Empties those of these tables (keys of developer_table) that exist and returns how many rows each had. Locks them in the
-- order given, which should be the one in which others write them. Never CASCADE: a table that refers to one of these and
-- is not named makes it fail. A volatile function's second statement sees what its first one waited for.
CREATE FUNCTION operations.empty_tables(keys text[]) RETURNS json LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    tables text;
    counts json;
BEGIN
    SELECT string_agg(to_regclass(t.relation)::text, ', ' ORDER BY array_position(keys, t.key)) INTO tables
      FROM operations.developer_table t WHERE t.key = ANY (keys) AND to_regclass(t.relation) IS NOT NULL;
    IF tables IS NOT NULL THEN
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tables);
    END IF;
    SELECT json_object_agg(t.key, operations.count_rows(t.relation) ORDER BY t.place) INTO counts
      FROM operations.developer_table t WHERE t.key = ANY (keys);
    IF tables IS NOT NULL THEN
        EXECUTE format('TRUNCATE %s', tables);
    END IF;
    RETURN counts;
END $$;

-- Lets every identity column in these schemas, but those of the tables spared, go on at its highest number + 1, from 1 in an
-- empty table; returns how many. Nobody can draw a number meanwhile: an INSERT locks its table before it does. RESTART, not
-- setval(), which no rollback undoes.
CREATE FUNCTION operations.reset_sequences(schemas text[], spared text[]) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    tables regclass[] := (
        SELECT array_agg(c.oid::regclass ORDER BY c.oid)
          FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
         WHERE s.nspname = ANY (schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM unnest(spared) AS kept (name) WHERE to_regclass(kept.name) = c.oid)
           AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity <> ''));
    numbered record;
    highest bigint;
    n integer := 0;
BEGIN
    IF tables IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', array_to_string(tables, ', '));
    FOR numbered IN
        SELECT t.relation, a.attname AS name, pg_get_serial_sequence(t.relation::text, a.attname) AS sequence
          FROM unnest(tables) AS t (relation) JOIN pg_attribute a ON a.attrelid = t.relation
         WHERE a.attidentity <> ''
    LOOP
        EXECUTE format('SELECT max(%I) FROM %s', numbered.name, numbered.relation) INTO highest;
        EXECUTE format('ALTER SEQUENCE %s RESTART WITH %s', numbered.sequence, coalesce(highest, 0) + 1);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

-- Takes a topic's events out of the log, so that nobody can be sent them again; positions go on. While a relay numbers
-- events none that waits may vanish: the others would be given positions past the head. So those waiting go under the
-- relay's lock, and the many that have a position before it.
CREATE FUNCTION core.forget_events(forgotten text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    head bigint := (SELECT h.position FROM core.event_head h);
BEGIN
    DELETE FROM core.event e WHERE e.topic = forgotten AND e.position <= head;
    PERFORM FROM core.event_head h FOR UPDATE;
    DELETE FROM core.event e WHERE e.topic = forgotten AND (e.position IS NULL OR e.position > head);
END $$;
