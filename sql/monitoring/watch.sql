-- What the server does by itself: it copies the runs of its jobs, looks for what is wrong, records its health, and removes what is old.
-- docs/api/monitoring.md#by-itself

-- name: copy_runs(queues, most) -> value
SELECT monitoring.copy_runs($1::jsonb, $2::integer);

-- name: watch(queues, cpu, memory, memory_share) -> value
SELECT monitoring.watch($1::jsonb, $2::numeric, $3::numeric, $4::numeric);

-- name: purge(days, most) -> value
SELECT monitoring.purge($1::integer, $2::integer);
