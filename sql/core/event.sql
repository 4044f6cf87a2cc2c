-- The event log, as the relay and the streams of core use it. Positions: 1, 2, 3, … in the order of commit, without gaps.

-- name: relay_events(batch) -> rows
-- Numbers what was committed and returns it; the last row is the head, with null topic.
SELECT position, topic, payload, tags FROM core.relay_events($1);

-- name: get_head() -> value
SELECT position FROM core.event_head;

-- name: get_log() -> row
SELECT position, name FROM core.event_head;

-- name: list_events_after(position, most) -> rows
SELECT position, topic, payload, tags FROM core.event WHERE position > $1 ORDER BY position LIMIT $2;

-- name: list_topic_after(topic, tags, position, until, most) -> rows
-- What a stream missed: one topic's events after the one it has, up to what it will be sent live; where tags are given, those
-- that have one of them, or none at all.
SELECT position, topic, payload, tags
  FROM core.event
 WHERE position > $3 AND position <= $4 AND topic = $1 AND ($2::text[] IS NULL OR tags IS NULL OR tags && $2::text[])
 ORDER BY position LIMIT $5;

-- name: get_oldest() -> value
-- Where the log begins; null when it is empty.
SELECT min(position) FROM core.event WHERE position IS NOT NULL;

-- name: purge_events(hours, most) -> value
-- Looks only at the oldest, so it costs the same however long the log is. What a reader of all events has not read yet stays. Returns how
-- many it removed.
WITH gone AS (
    DELETE FROM core.event
     WHERE position IN (
           SELECT position
             FROM (SELECT position, created_at FROM core.event
                    WHERE position IS NOT NULL ORDER BY position LIMIT $2) oldest
            WHERE created_at < now() - make_interval(secs => $1::double precision * 3600)
              AND position <= ALL (SELECT r.position FROM core.event_reader r))
    RETURNING 1
)
SELECT count(*) FROM gone;
