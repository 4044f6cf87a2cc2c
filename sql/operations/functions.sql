-- Functions of operations: the audit, and counting tables for the developer options. Applied whenever this file changes
-- (core/data/migrations.py). Tables and triggers: sql/migrations/0002_operations.sql.
--
-- Trigger on operations.audit
--   audit_is_append_only   before an update, delete or truncate   refuses it


CREATE OR REPLACE FUNCTION operations.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

-- The members of `one` that `other` doesn't have alike. Hashes of secrets are told as "***", the time of a change not at all.
CREATE OR REPLACE FUNCTION operations.differing(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_object_agg(key, CASE WHEN key LIKE '%\_hash' AND value <> 'null' THEN '"***"'::jsonb ELSE value END)
      FROM jsonb_each(one)
     WHERE key <> 'updated_at' AND (other IS NULL OR other -> key IS DISTINCT FROM value)
$$;

-- Writes one entry. actor: {"account_id", "email", "address", "request_id"}. before and after: the object whole, null where
-- it did not or does not exist; only what differs is kept, and a change that changes nothing leaves no entry.
-- Call it in the SELECT list of the statement that makes the change: it runs once for each row.
CREATE OR REPLACE FUNCTION operations.note(actor jsonb, action text, object_type text, object_id text, before jsonb, after jsonb)
RETURNS bigint LANGUAGE sql VOLATILE AS $$
    INSERT INTO operations.audit (account_id, email, address, request_id, action, object_type, object_id, before, after)
    SELECT (actor ->> 'account_id')::bigint, coalesce(actor ->> 'email', ''), coalesce(actor ->> 'address', ''),
           coalesce(actor ->> 'request_id', ''), action, object_type, coalesce(object_id, ''),
           operations.differing(before, after), operations.differing(after, before)
     WHERE before IS NULL OR after IS NULL OR operations.differing(before, after) IS NOT NULL
        OR operations.differing(after, before) IS NOT NULL
    RETURNING id
$$;

-- How many rows a table has; with `kind`, how many of that kind; 0 where relation is null. Stable: all counts of one statement are
-- of one moment.
CREATE OR REPLACE FUNCTION operations.count_rows(relation text, kind text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    n bigint := 0;
BEGIN
    IF relation IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s %s', relation::regclass, CASE WHEN kind IS NOT NULL THEN 'WHERE kind = $1' END) INTO n USING kind;
    END IF;
    RETURN n;
END $$;

-- Lets every identity column in these schemas, but those of the tables spared, go on at its highest number + 1, from 1 in an
-- empty table; returns how many. Nobody can draw a number meanwhile: an INSERT locks its table before it does. RESTART, not
-- setval(), which no rollback undoes.
CREATE OR REPLACE FUNCTION operations.reset_sequences(schemas text[], spared text[]) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
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
