-- The register of files in the storage (core.media_file). unused_from: null while a row uses the file, which triggers keep;
-- else the moment from which it may be removed.

-- name: hold_file(key) -> none
-- Before the file is stored, so that each file has an entry. An hour is far longer than writing its row takes.
INSERT INTO core.media_file (key, unused_from) VALUES ($1, now() + interval '1 hour');

-- name: claim_file(key) -> value
-- Null while a row uses the file. The process that claims it has five minutes to remove it, then others may claim it: no transaction is
-- open meanwhile.
UPDATE core.media_file SET unused_from = now() + interval '5 minutes'
 WHERE key = $1 AND unused_from <= now()
RETURNING key;

-- name: claim_files(most) -> rows
-- The same for those that have waited longest. Rows that another process claims at the same moment are skipped. ANY (ARRAY …)
-- is looked up once; IN could be once a row, each time with other rows within the limit.
UPDATE core.media_file SET unused_from = now() + interval '5 minutes'
 WHERE key = ANY (ARRAY(SELECT key FROM core.media_file WHERE unused_from <= now()
                         ORDER BY unused_from, key LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING key;

-- name: claim_these(keys) -> rows
-- The same for these files, also if they are held for a row that was not written in the end. A transaction that is writing such a row
-- has the entry locked; it is judged again afterwards.
UPDATE core.media_file SET unused_from = now() + interval '5 minutes'
 WHERE key = ANY ($1::text[]) AND unused_from IS NOT NULL
RETURNING key;

-- name: forget_file(key) -> none
-- After the file is gone.
DELETE FROM core.media_file WHERE key = $1 AND unused_from IS NOT NULL;
