-- What server.py restore runs in its transaction, after the data is there, in this order. Each area may have such a file: sql/AREA/restore.sql.
-- The data may be of an earlier release, so these statements use nothing that a later migration has made. psql runs them: no parameters.

-- name: drop_read_events() -> none
-- Readers of the streams must not go on from the positions that they have: since the backup those numbers meant other events. So the log
-- begins again, further on than any position that was ever given out: no log gives out a billion a day for a thousand days. What a reader of
-- all events, such as webhooks, has still to read stays.
DELETE FROM core.event e
 WHERE e.position <= (SELECT coalesce(min(r.position), min(h.position)) FROM core.event_head h LEFT JOIN core.event_reader r ON true);

-- name: move_events() -> none
UPDATE core.event SET position = position + 1000000000000 WHERE position IS NOT NULL;

-- name: move_head() -> none
-- Another name, so that this log and the one that it was copied from do not meet in one Redis.
UPDATE core.event_head SET position = position + 1000000000000, name = gen_random_uuid();

-- name: move_readers() -> none
UPDATE core.event_reader SET position = position + 1000000000000;
