-- Jobs: what core/jobs asks of the queue, of its history and of the workers. The functions are in functions.sql, PgQueuer's own
-- statements in PgQueuer.

-- name: enqueue_job(name, payload, dedupe_key, execute_after, priority) -> value
SELECT core.enqueue_job($1, $2::jsonb, $3, $4, $5);

-- name: enqueue_tick(schedule, tick, name, payload) -> value
SELECT core.enqueue_tick($1, $2, $3, $4::jsonb);

-- name: now() -> value
-- The clock of Postgres is the one that all workers share.
SELECT clock_timestamp();

-- name: begin_job(job, owner, worker, most_losses) -> row
SELECT outcome, run FROM core.begin_job($1, $2, $3, $4);

-- name: finish_job(job, owner, run, result) -> value
SELECT core.finish_job($1, $2, $3, $4::jsonb);

-- name: fail_job(job, owner, run, error, traceback, retry_after) -> value
SELECT core.fail_job($1, $2, $3, $4, $5, $6);

-- name: release_jobs(owner) -> value
SELECT core.release_jobs($1);

-- name: retry_jobs(ids) -> rows
SELECT id FROM core.retry_jobs($1::bigint[]) AS id;

-- name: remove_jobs(ids) -> rows
SELECT id FROM core.remove_jobs($1::bigint[]) AS id;

-- name: list_jobs(most) -> rows
-- The held ones first, then those that wait longest; with the error of their last run.
SELECT q.id, q.status::text, q.entrypoint AS name, convert_from(q.payload, 'UTF8') AS payload, q.execute_after, last.attempt, last.error
  FROM jobs.pgqueuer q
  LEFT JOIN LATERAL (SELECT r.attempt, r.error FROM jobs.run r WHERE r.job_id = q.id ORDER BY r.id DESC LIMIT 1) last ON true
 ORDER BY q.status = 'failed' DESC, q.execute_after, q.id
 LIMIT $1;

-- name: count_jobs(seconds) -> row
-- seconds: a worker that was not seen for so long counts as gone. stranded: jobs that are due for so long, and no worker knows their kind.
SELECT (SELECT count(*) FROM jobs.pgqueuer q WHERE q.status = 'queued') AS waiting,
       (SELECT count(*) FROM jobs.pgqueuer q
         WHERE q.status = 'queued' AND q.execute_after < now() - make_interval(secs => $1)
           AND NOT EXISTS (SELECT FROM jobs.worker w WHERE w.seen_at > now() - make_interval(secs => $1) AND q.entrypoint = ANY (w.jobs))) AS stranded,
       (SELECT count(*) FROM jobs.pgqueuer q WHERE q.status = 'picked') AS running,
       (SELECT count(*) FROM jobs.pgqueuer q WHERE q.status = 'failed') AS held,
       (SELECT count(*) FROM jobs.worker w WHERE w.seen_at > now() - make_interval(secs => $1)) AS workers;

-- name: see_worker(id, name, kind, jobs, running) -> none
INSERT INTO jobs.worker (id, name, kind, jobs, running) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET seen_at = now(), running = EXCLUDED.running;

-- name: forget_worker(id) -> none
DELETE FROM jobs.worker WHERE id = $1;

-- name: purge(days, most) -> value
-- Deletes the oldest, at most `most` of each kind, and returns how many. A worker that was not seen for a day has ended, or will
-- write its row again. The newest tick of a schedule stays, because it says which ticks are past.
WITH runs AS (
    DELETE FROM jobs.run WHERE id = ANY (ARRAY(SELECT r.id FROM jobs.run r
                                                WHERE r.started_at < now() - make_interval(days => $1)
                                                ORDER BY r.started_at LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING 1
), entries AS (
    DELETE FROM jobs.pgqueuer_log WHERE id = ANY (ARRAY(SELECT l.id FROM jobs.pgqueuer_log l
                                                         WHERE l.created < now() - make_interval(days => $1)
                                                         ORDER BY l.created LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING 1
), ticks AS (
    DELETE FROM jobs.tick t WHERE t.tick < now() - make_interval(days => $1)
       AND t.tick < (SELECT max(n.tick) FROM jobs.tick n WHERE n.schedule = t.schedule)
    RETURNING 1
), workers AS (
    DELETE FROM jobs.worker WHERE seen_at < now() - interval '1 day' RETURNING 1
)
SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM entries) + (SELECT count(*) FROM ticks) + (SELECT count(*) FROM workers);
