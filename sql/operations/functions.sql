-- Functions of operations: the audit, and the developer options. This file is applied whenever its text has changed
-- (core/data/migrations.py). Tables and triggers: sql/migrations/0002_operations.sql.
--
-- Trigger on operations.audit
--   audit_is_append_only   before an update, delete or truncate   refuses it

CREATE OR REPLACE FUNCTION operations.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

-- The members of `one` that are missing or different in `other`. The value of a hash of a secret is "***"; updated_at is left out.
CREATE OR REPLACE FUNCTION operations.differing(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_object_agg(key, CASE WHEN key LIKE '%\_hash' AND value <> 'null' THEN '"***"'::jsonb ELSE value END)
      FROM jsonb_each(one)
     WHERE key <> 'updated_at' AND (other IS NULL OR other -> key IS DISTINCT FROM value)
$$;

-- The person who acts, for operations.note. account_id and email are null for a person without an account.
CREATE OR REPLACE FUNCTION operations.actor(account_id bigint, email text, address text, request_id text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('account_id', account_id, 'email', email, 'address', address, 'request_id', request_id)
$$;

-- Writes one entry and returns its id. actor: as operations.actor. before, after: the whole object; null if it did not exist before,
-- or does not exist after. The entry keeps only the members that differ; without a difference no entry is written (null).
-- The statement that makes the change calls it in its SELECT list, once for each row.
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

-- The number of rows of a table; with `kind`, the number of rows of that kind; 0 if relation is null. The function is STABLE, so all
-- counts of one statement are of the same moment.
CREATE OR REPLACE FUNCTION operations.count_rows(relation text, kind text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    n bigint := 0;
BEGIN
    IF relation IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s %s', relation::regclass, CASE WHEN kind IS NOT NULL THEN 'WHERE kind = $1' END) INTO n USING kind;
    END IF;
    RETURN n;
END $$;

-- Sets every identity column in these schemas, except those of the `spared` tables, to continue after its highest number, or at 1 in
-- an empty table. Returns the number of columns. The table lock keeps an INSERT from drawing a number meanwhile. A rollback undoes
-- RESTART, but not setval().
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
