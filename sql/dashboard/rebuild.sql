-- Figures that are added up anew. docs/api/dashboard.md#figures

-- name: queue_rebuilds() -> value
-- One job for each owner whose figures are still to be added up; a job that waits, runs or is held already is not queued again: the keys of held
-- jobs are free, so each look would add another one that fails likewise. How many it queues.
SELECT count(core.enqueue_job('dashboard.rebuild', jsonb_build_object('owner_id', u.owner_id), 'dashboard.rebuild:' || u.owner_id))
  FROM dashboard.unbuilt u
 WHERE NOT EXISTS (SELECT FROM jobs.pgqueuer q WHERE q.entrypoint = 'dashboard.rebuild' AND q.dedupe_key = 'dashboard.rebuild:' || u.owner_id);

-- name: rebuild_figures(owner_id) -> value
SELECT dashboard.rebuild($1);
