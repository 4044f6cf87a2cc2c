-- Figures that are added up anew. docs/api/dashboard.md#figures

-- name: queue_rebuilds() -> value
-- One job for each owner whose figures are still to be added up; a job that waits or runs already is not queued again. How many it queues.
SELECT count(core.enqueue_job('dashboard.rebuild', jsonb_build_object('owner_id', u.owner_id), 'dashboard.rebuild:' || u.owner_id))
  FROM dashboard.unbuilt u;

-- name: rebuild_figures(owner_id) -> value
SELECT dashboard.rebuild($1);
