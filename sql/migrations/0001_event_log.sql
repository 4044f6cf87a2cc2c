-- The event log: what changed, told in the order in which the changes were committed.
-- Safe beside a running release: creates new objects only.

CREATE SCHEMA operations;

-- A change and its event commit together, with position null. core.relay_events() numbers what is committed:
-- ids are drawn before commit, so they alone are not the order in which others can see the rows.
CREATE TABLE core.event (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    topic      text        NOT NULL,
    payload    text        NOT NULL,   -- one line of JSON, ready for `data:`
    position   bigint,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Two indexes, each over one half of the table: an event costs one index entry when written and one when numbered.
CREATE INDEX event_waiting ON core.event (id) WHERE position IS NULL;
CREATE UNIQUE INDEX event_position_key ON core.event (position) WHERE position IS NOT NULL;

-- One row: the last position given. Its row lock is what makes one relay of many. The name tells this log from that of
-- another installation on the same Redis.
CREATE TABLE core.event_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL DEFAULT 0,
    name     uuid    NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO core.event_head DEFAULT VALUES;

-- Numbers up to $1 waiting events without a gap and returns them; the last row is always the head, with null topic.
-- A function, because the second statement must see what the holder of the lock before us committed: in READ COMMITTED
-- each statement of a volatile function takes its own snapshot, those of one statement with CTEs share one. Never by a
-- sequential scan: statistics gathered during a burst say that most rows wait, and would make every pass read the log.
CREATE FUNCTION core.relay_events(batch integer)
RETURNS TABLE ("position" bigint, topic text, payload text)
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
            RETURNING e.position, e.topic, e.payload
        ), moved AS (
            UPDATE core.event_head h SET position = head + (SELECT count(*) FROM numbered)
        )
        SELECT n.position, n.topic, n.payload FROM numbered n ORDER BY n.position;
    END IF;
    RETURN QUERY SELECT h.position, NULL::text, NULL::text FROM core.event_head h;
END $$;

-- Timestamps as the APIs write them: ISO 8601, UTC, microseconds, Z.
CREATE FUNCTION core.iso(moment timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Surrounding blanks are not part of a value that a client sends.
CREATE FUNCTION core.trimmed(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT btrim(value, E' \t\n\r\f\x0b')
$$;
