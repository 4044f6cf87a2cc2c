-- Functions of the event log, the media register, the keys of repeated requests, and texts. Applied whenever this file changes (core/data/migrations.py).
-- Tables: sql/migrations/0001_core.sql. Triggers: none on core's own tables; other areas' tables call core.use_media_file.

-- Timestamps as the APIs write them: ISO 8601, UTC, microseconds, Z.
CREATE OR REPLACE FUNCTION core.iso(moment timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Microseconds since 1970: how cursors name a moment. A JSON number holds them exactly.
CREATE OR REPLACE FUNCTION core.microseconds(moment timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (extract(epoch FROM moment) * 1000000)::bigint
$$;
CREATE OR REPLACE FUNCTION core.moment(microseconds bigint) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'epoch'::timestamptz + microseconds * interval '1 microsecond'
$$;

-- Surrounding blanks are not part of a value that a client sends.
CREATE OR REPLACE FUNCTION core.trimmed(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT btrim(value, E' \t\n\r\f\x0b')
$$;

-- A pattern for LIKE that finds `part` anywhere in a text in lower case.
CREATE OR REPLACE FUNCTION core.containing(part text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '%' || replace(replace(replace(lower(part), '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;

-- The number of the page served (1-based): the page asked for, or the last one when `page` is null.
CREATE OR REPLACE FUNCTION core.page_number(page bigint, count bigint, page_size bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(page, greatest(1, ceil(count / page_size::numeric)::bigint))
$$;

-- Numbers up to `batch` waiting events without a gap and returns them; the last row is always the head, with null topic.
-- A function, because its second statement must see what the holder of the lock before us committed: in READ COMMITTED each
-- statement of a volatile function takes its own snapshot, whereas the CTEs of one statement share one. No sequential scans:
-- statistics gathered during a burst say that most rows wait, and would make every pass read the whole log.
CREATE OR REPLACE FUNCTION core.relay_events(batch integer)
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

-- Removes a topic's events from the log, so that no reader can be sent them again; positions go on. While a relay numbers
-- events, none of the waiting ones may vanish, or the others would get positions past the head. So waiting events are removed
-- under the relay's lock, and the many that have a position before it is taken.
CREATE OR REPLACE FUNCTION core.forget_events(forgotten text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    head bigint := (SELECT h.position FROM core.event_head h);
BEGIN
    DELETE FROM core.event e WHERE e.topic = forgotten AND e.position <= head;
    PERFORM FROM core.event_head h FOR UPDATE;
    DELETE FROM core.event e WHERE e.topic = forgotten AND (e.position IS NULL OR e.position > head);
END $$;

-- Trigger: keeps the register of media files in step with the column that its argument names.
CREATE OR REPLACE FUNCTION core.use_media_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ->> TG_ARGV[0] END;
    after  text := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END;
BEGIN
    IF before IS DISTINCT FROM after THEN
        UPDATE core.media_file SET unused_from = now() WHERE key = before;
        UPDATE core.media_file SET unused_from = NULL WHERE key = after;
    END IF;
    RETURN NULL;
END $$;

-- Finds the answer that is kept under a caller's key, or holds the key until the end of the transaction. is_taken: another transaction
-- holds it. A function, because the second search must see what the holder before us committed: each statement of a volatile
-- function takes its own snapshot, whereas one statement would search in a snapshot that is older than its lock. The first search
-- keeps repetitions of a finished request from being in each other's way.
CREATE OR REPLACE FUNCTION core.claim_key(
    claimed_by text, claimed text, OUT is_taken boolean, OUT fingerprint bytea, OUT status smallint, OUT body text)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    is_taken := false;
    SELECT i.fingerprint, i.status, i.body INTO fingerprint, status, body
      FROM core.idempotency i WHERE i.caller = claimed_by AND i.key = claimed;
    IF NOT FOUND THEN
        is_taken := NOT pg_try_advisory_xact_lock(hashtextextended(claimed, hashtextextended(claimed_by, 0)));
        IF NOT is_taken THEN
            SELECT i.fingerprint, i.status, i.body INTO fingerprint, status, body
              FROM core.idempotency i WHERE i.caller = claimed_by AND i.key = claimed;
        END IF;
    END IF;
END $$;
