-- The administration's list of alerts that are not resolved, the latest first: they are few, and may all be old.
-- Safe beside a running release: creates an index. Its table's writers wait while it is built; there are thousands of alerts at most.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX alert_open_idx ON monitoring.alert (triggered_at, id) WHERE resolved_at IS NULL;
