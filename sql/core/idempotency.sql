-- Keys of repeated requests, and the answers that are kept under them. docs/api/operations.md#idempotency

-- name: claim_key(caller, key) -> row
-- Without a fingerprint nothing is kept under the key, and unless it is taken this transaction holds it now.
SELECT is_taken, fingerprint, status, body FROM core.claim_key($1, $2);

-- name: find_answer(caller, key) -> row
-- What is kept under the key; no row: nothing is.
SELECT fingerprint, status, body FROM core.idempotency WHERE caller = $1 AND key = $2;

-- name: keep_answer(caller, key, fingerprint, status, body) -> none
INSERT INTO core.idempotency (caller, key, fingerprint, status, body) VALUES ($1, $2, $3, $4, $5);

-- name: remove_old_keys(hours, most) -> value
-- Deletes the oldest, at most `most`, and returns how many. Another process at the same time deletes other rows. ANY (ARRAY …) is
-- looked up once; rows are never updated, so a ctid stays that of its row.
WITH gone AS (
    DELETE FROM core.idempotency
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM core.idempotency WHERE created_at < now() - make_interval(hours => $1)
                              ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone;
