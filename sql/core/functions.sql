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

-- Jobs (core/jobs). Their queue is PgQueuer's: what these functions write is what PgQueuer 1.6 itself would write, which
-- tests/core/test_jobs_queue.py compares. They do it under one condition more: the job must still be the caller's.

-- Enqueues a job in the transaction of the caller; returns its id, or null when a job with the same dedupe_key waits or runs already.
-- Of several statements that say the same, the one that commits first wins, and the others wait for it.
CREATE OR REPLACE FUNCTION core.enqueue_job(
    name text, payload jsonb DEFAULT '{}', dedupe_key text DEFAULT NULL, execute_after interval DEFAULT '0', priority integer DEFAULT 0)
RETURNS bigint LANGUAGE sql VOLATILE AS $$
    -- A name of a column goes before that of a parameter, so the parameters are numbers here.
    WITH inserted AS (
        INSERT INTO jobs.pgqueuer (priority, entrypoint, payload, execute_after, dedupe_key, headers, status)
        VALUES ($5, $1, convert_to($2::text, 'UTF8'), now() + $4, $3, 'null', 'queued')
        ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL DO NOTHING
        RETURNING id, entrypoint, priority
    ), logged AS (
        INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
        SELECT i.id, 'queued', i.entrypoint, i.priority FROM inserted i
    )
    SELECT i.id FROM inserted i
$$;

-- Enqueues the job of a schedule for one of its moments, once however many workers ask. The first moment that is seen of a
-- schedule is only noted: it lies before the schedule was there. Returns whether the job was enqueued.
CREATE OR REPLACE FUNCTION core.enqueue_tick(of_schedule text, at_tick timestamptz, name text, payload jsonb)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    last timestamptz := (SELECT max(t.tick) FROM jobs.tick t WHERE t.schedule = of_schedule);
BEGIN
    IF last >= at_tick THEN
        RETURN false;
    END IF;
    INSERT INTO jobs.tick (schedule, tick) VALUES (of_schedule, at_tick) ON CONFLICT DO NOTHING;
    IF NOT FOUND OR last IS NULL THEN
        RETURN false;
    END IF;
    PERFORM core.enqueue_job(name, payload);
    RETURN true;
END $$;

-- Begins a run of a job that `owner` has picked from the queue. outcome: `begun`, with the run's id; `taken`: another process has picked
-- it meanwhile; `held`: `most_losses` processes ended while they had the job, so it is given up.
CREATE OR REPLACE FUNCTION core.begin_job(job bigint, owner uuid, worker text, most_losses integer, OUT outcome text, OUT run bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    picked record;
    losses integer;
BEGIN
    SELECT q.entrypoint, q.payload, q.attempts, q.priority INTO picked
      FROM jobs.pgqueuer q WHERE q.id = job AND q.queue_manager_id = owner AND q.status = 'picked' FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'taken';
        RETURN;
    END IF;
    UPDATE jobs.run r SET status = 'lost', finished_at = clock_timestamp(), error = 'Its process ended or stood still.'
     WHERE r.job_id = job AND r.status = 'running';
    -- The runs that were lost since the job was last queued, for which the queue's log has an entry.
    SELECT count(*) INTO losses FROM jobs.run r
     WHERE r.job_id = job AND r.status = 'lost'
       AND r.started_at >= coalesce((SELECT max(l.created) FROM jobs.pgqueuer_log l WHERE l.job_id = job AND l.status = 'queued'), '-infinity');
    INSERT INTO jobs.run (job_id, name, payload, attempt, worker)
    VALUES (job, picked.entrypoint, convert_from(picked.payload, 'UTF8')::jsonb, picked.attempts + 1, worker)
    RETURNING id INTO run;
    outcome := 'begun';
    IF losses >= most_losses THEN
        PERFORM core.fail_job(job, owner, run, format('%s processes that began it have ended.', losses), NULL, NULL);
        outcome := 'held';
    END IF;
END $$;

-- Ends a run with success: the job leaves the queue in the transaction of what it has done. False: another process has the job now, or
-- has done it, so the transaction must be rolled back.
CREATE OR REPLACE FUNCTION core.finish_job(job bigint, owner uuid, run bigint, result jsonb) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE jobs.run r SET status = 'succeeded', finished_at = clock_timestamp(), result = $4 WHERE r.id = run AND r.status = 'running';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    WITH deleted AS (
        DELETE FROM jobs.pgqueuer q WHERE q.id = job AND q.queue_manager_id = owner AND q.status = 'picked'
        RETURNING q.id, q.entrypoint, q.priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT d.id, 'successful', d.entrypoint, d.priority FROM deleted d;
    RETURN FOUND;
END $$;

-- Ends a run without success: the job runs again after `retry_after`, or is held where that is null. False: another process has it now.
CREATE OR REPLACE FUNCTION core.fail_job(job bigint, owner uuid, run bigint, error text, traceback text, retry_after interval)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    WITH ended AS (
        UPDATE jobs.pgqueuer q
           SET status = CASE WHEN retry_after IS NULL THEN 'failed' ELSE 'queued' END::jobs.pgqueuer_status,
               execute_after = CASE WHEN retry_after IS NULL THEN q.execute_after ELSE now() + retry_after END,
               attempts = CASE WHEN retry_after IS NULL THEN q.attempts ELSE q.attempts + 1 END,
               updated = now(), queue_manager_id = NULL
         WHERE q.id = job AND q.queue_manager_id = owner AND q.status = 'picked'
        RETURNING q.id, q.status, q.entrypoint, q.priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT e.id, e.status, e.entrypoint, e.priority FROM ended e;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE jobs.run r SET status = CASE WHEN retry_after IS NULL THEN 'held' ELSE 'retried' END,
                          finished_at = clock_timestamp(), error = $4, traceback = $5
     WHERE r.id = run AND r.status = 'running';
    RETURN true;
END $$;

-- Gives back all jobs that `owner` has picked, so that another process runs them at once; returns how many.
CREATE OR REPLACE FUNCTION core.release_jobs(owner uuid) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    WITH released AS (
        UPDATE jobs.pgqueuer q SET status = 'queued', updated = now(), queue_manager_id = NULL
         WHERE q.queue_manager_id = owner AND q.status = 'picked'
        RETURNING q.id, q.entrypoint, q.priority
    ), logged AS (
        INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
        SELECT r.id, 'queued', r.entrypoint, r.priority FROM released r
    ), ended AS (
        UPDATE jobs.run n SET status = 'released', finished_at = clock_timestamp(), error = 'Its process was stopped.'
          FROM released r WHERE n.job_id = r.id AND n.status = 'running'
    )
    SELECT count(*) FROM released
$$;

-- Queues held jobs again: these, or all where `wanted` is null. Returns their ids. A job keeps its dedupe_key, so it stays held while another one with
-- the same key waits or runs; of several held ones with the same key, the first is queued.
CREATE OR REPLACE FUNCTION core.retry_jobs(wanted bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    LOOP
        BEGIN
            RETURN QUERY
            WITH held AS (
                SELECT DISTINCT ON (coalesce(h.dedupe_key, h.id::text), h.dedupe_key IS NULL) h.id
                  FROM jobs.pgqueuer h
                 WHERE h.status = 'failed' AND (wanted IS NULL OR h.id = ANY (wanted))
                   AND NOT EXISTS (SELECT FROM jobs.pgqueuer o WHERE o.dedupe_key = h.dedupe_key AND o.status IN ('queued', 'picked'))
                 ORDER BY coalesce(h.dedupe_key, h.id::text), h.dedupe_key IS NULL, h.id
            ), requeued AS (
                UPDATE jobs.pgqueuer q
                   SET status = 'queued', execute_after = now(), updated = now(), attempts = 0, queue_manager_id = NULL
                  FROM held WHERE q.id = held.id AND q.status = 'failed'
                RETURNING q.id, q.entrypoint, q.priority
            ), logged AS (
                INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
                SELECT r.id, 'queued', r.entrypoint, r.priority FROM requeued r
            )
            SELECT r.id FROM requeued r ORDER BY r.id;
            RETURN;
        EXCEPTION WHEN unique_violation THEN
            -- Another transaction has taken a key since this one looked. The next look sees it.
        END;
    END LOOP;
END $$;

-- Removes held jobs for good; returns their ids.
CREATE OR REPLACE FUNCTION core.remove_jobs(unwanted bigint[]) RETURNS SETOF bigint LANGUAGE sql VOLATILE AS $$
    WITH removed AS (
        DELETE FROM jobs.pgqueuer q WHERE q.status = 'failed' AND q.id = ANY (unwanted) RETURNING q.id, q.entrypoint, q.priority
    ), logged AS (
        INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
        SELECT r.id, 'deleted', r.entrypoint, r.priority FROM removed r
    )
    SELECT r.id FROM removed r ORDER BY r.id
$$;

-- What a state of the queue is called: held, waits or runs.
CREATE OR REPLACE FUNCTION core.job_status(status text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status WHEN 'failed' THEN 'held' WHEN 'queued' THEN 'waits' WHEN 'picked' THEN 'runs' ELSE status END
$$;
