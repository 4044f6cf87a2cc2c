-- Core: held jobs are counted for each scrape of the metrics, also while the queue is long.
-- Safe beside a running release: creates an index of a table that is short, as jobs leave it when they are done.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX pgqueuer_held ON jobs.pgqueuer (entrypoint) WHERE status = 'failed';
