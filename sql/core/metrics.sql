-- What Prometheus is told of the tables of core and jobs. Counts end at `most`, so that a scrape takes the same time however long a queue is.

-- name: read_figures(seconds, most) -> rows
-- seconds: a worker that was not seen for so long has ended. Names of jobs come from the workers, which know theirs also while none waits,
-- and from the queue, whose distinct names are found one after another in an index.
WITH RECURSIVE alive AS (
    SELECT w.kind, w.jobs FROM jobs.worker w WHERE w.seen_at > now() - make_interval(secs => $1)
), queued AS (
    (SELECT q.entrypoint AS name FROM jobs.pgqueuer q WHERE q.status = 'queued' ORDER BY q.entrypoint LIMIT 1)
    UNION ALL
    SELECT next.name FROM queued, LATERAL (SELECT q.entrypoint AS name FROM jobs.pgqueuer q
                                            WHERE q.status = 'queued' AND q.entrypoint > queued.name ORDER BY q.entrypoint LIMIT 1) next
), picked AS (
    SELECT p.name FROM (SELECT q.entrypoint AS name FROM jobs.pgqueuer q WHERE q.status = 'picked' LIMIT $2) p
), held AS (
    SELECT h.name FROM (SELECT q.entrypoint AS name FROM jobs.pgqueuer q WHERE q.status = 'failed' LIMIT $2) h
), names AS (
    SELECT unnest(a.jobs) AS name FROM alive a UNION SELECT name FROM queued UNION SELECT name FROM picked UNION SELECT name FROM held
), waiting AS (
    SELECT n.name, due.count AS due, due.oldest, later.count AS later
      FROM names n
     CROSS JOIN LATERAL (SELECT count(*), min(d.execute_after) AS oldest
                           FROM (SELECT q.execute_after FROM jobs.pgqueuer q
                                  WHERE q.status = 'queued' AND q.entrypoint = n.name AND q.execute_after <= now()
                                  ORDER BY q.execute_after LIMIT $2) d) due
     CROSS JOIN LATERAL (SELECT count(*) FROM (SELECT FROM jobs.pgqueuer q
                                                WHERE q.status = 'queued' AND q.entrypoint = n.name AND q.execute_after > now() LIMIT $2) l) later
), events AS (
    SELECT count(*), min(e.created_at) AS oldest
      FROM (SELECT v.created_at FROM core.event v WHERE v.position IS NULL ORDER BY v.id LIMIT $2) e
)
SELECT 'due' AS figure, name AS label, due::double precision AS value FROM waiting
UNION ALL SELECT 'later', name, later FROM waiting
UNION ALL SELECT 'oldest_due', name, greatest(0, coalesce(extract(epoch FROM clock_timestamp() - oldest), 0)) FROM waiting
UNION ALL SELECT 'running', n.name, (SELECT count(*) FROM picked p WHERE p.name = n.name) FROM names n
UNION ALL SELECT 'held', n.name, (SELECT count(*) FROM held h WHERE h.name = n.name) FROM names n
UNION ALL SELECT 'workers', '', (SELECT count(*) FROM alive)
UNION ALL SELECT 'events_waiting', '', count FROM events
UNION ALL SELECT 'events_oldest', '', greatest(0, coalesce(extract(epoch FROM clock_timestamp() - oldest), 0)) FROM events
UNION ALL SELECT 'events_head', '', (SELECT position FROM core.event_head)
UNION ALL SELECT 'idempotency_keys', '', (SELECT count(*) FROM (SELECT FROM core.idempotency LIMIT $2) k);
