-- Imports of many invoices: receiving their lines, storing them in batches, and what became of each line. docs/api/sales.md#imports
-- owner: account:ID or key; null: of anybody. Bodies and errors are JSON texts.

-- name: add_lines(id, owner, account_id, numbers, invoice_nos, errors, bodies) -> value
-- The lines of one piece of a body. id: null: of a new import. Returns the import's id; null: it was removed, because nothing came for long.
WITH added AS MATERIALIZED (
    SELECT a.number, a.invoice_no, a.errors, a.body
      FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[]) AS a (number, invoice_no, errors, body)
), counted AS (
    SELECT count(*) AS lines, count(*) FILTER (WHERE a.body IS NULL) AS invalid FROM added a
), begun AS (
    INSERT INTO sales.import (owner, account_id, lines, invalid)
    SELECT $2, $3, c.lines, c.invalid FROM counted c WHERE $1::bigint IS NULL
    RETURNING id
), continued AS (
    UPDATE sales.import i SET lines = i.lines + c.lines, invalid = i.invalid + c.invalid, moved_at = now()
      FROM counted c WHERE i.id = $1::bigint AND i.status = 'receiving'
    RETURNING i.id
), whole AS (
    SELECT b.id FROM begun b UNION ALL SELECT c.id FROM continued c
), written AS (
    INSERT INTO sales.import_line (import_id, line, invoice_no, outcome, errors, body)
    SELECT w.id, a.number, a.invoice_no, CASE WHEN a.body IS NULL THEN 'invalid' END, a.errors, a.body FROM whole w CROSS JOIN added a
)
SELECT w.id FROM whole w;

-- name: accept_import(id, key, fingerprint, is_later) -> row
-- is_known: another import was accepted under the key before; this is that one, and the lines of the present one are removed.
SELECT (a.accepted).id, (a.accepted).status, (a.accepted).lines, (a.accepted).fingerprint, sales.import_document(a.accepted)::text AS document, a.is_known
  FROM sales.accept_import($1, $2, $3, $4) a;

-- name: forget_import(id) -> none
-- One whose body did not come whole, or is refused as a whole.
DELETE FROM sales.import WHERE id = $1 AND status = 'receiving';

-- name: import_batch(id, most, most_bytes) -> row
-- Stores the next lines, in one transaction. No row: there is no such import.
SELECT i.status, sales.import_document(i)::text AS document FROM sales.import_batch($1, $2::integer, $3::bigint) i;

-- name: get_next_line(id) -> value
-- The next line that is to be stored. Null: there is none.
SELECT l.line FROM sales.import i JOIN sales.import_line l ON l.import_id = i.id AND l.line > i.reached AND l.body IS NOT NULL
 WHERE i.id = $1 ORDER BY l.line LIMIT 1;

-- name: refuse_line(id, line, errors) -> value
-- A line can't be stored, although its schema allows it. Null: another process has refused it already.
WITH held AS MATERIALIZED (
    -- The import comes before its lines, as in a batch, which may be under way.
    SELECT i.id FROM sales.import i WHERE i.id = $1 FOR UPDATE
), refused AS (
    UPDATE sales.import_line l SET outcome = 'invalid', body = NULL, errors = $3 FROM held h
     WHERE l.import_id = h.id AND l.line = $2 AND l.body IS NOT NULL
    RETURNING l.line
)
UPDATE sales.import i SET invalid = i.invalid + 1 FROM refused r WHERE i.id = $1 RETURNING r.line;

-- name: get_import(id, owner) -> row
-- One that was accepted.
SELECT i.status, i.position, sales.import_document(i)::text AS document
  FROM sales.import i WHERE i.id = $1 AND ($2::text IS NULL OR i.owner = $2) AND i.status <> 'receiving';

-- name: list_results(id, status, after, most) -> rows
-- What became of the lines after a number, in order. An import has few lines, so a status needs no index.
SELECT l.line, sales.import_result(l)::text AS document
  FROM sales.import_line l
 WHERE l.import_id = $1 AND l.line > $3 AND ($2::text IS NULL OR coalesce(l.outcome, 'waiting') = $2)
 ORDER BY l.line LIMIT $4;

-- filter: of_owner(owner) in list_imports
i.owner = $1

-- name: list_imports(most) -> rows
-- The newest first.
SELECT i.id, sales.import_document(i)::text AS document
  FROM sales.import i WHERE i.status <> 'receiving' /* filters */
 ORDER BY i.id DESC LIMIT $1;

-- name: revive_imports(seconds) -> value
-- Enqueues a job for each import on which nobody works: the process that answered its request was killed. A job that is held stays so.
SELECT count(sales.enqueue_import(i)) FROM sales.import i
 WHERE i.status IN ('queued', 'running') AND i.moved_at < now() - make_interval(secs => $1::double precision)
   AND NOT EXISTS (SELECT FROM jobs.pgqueuer q WHERE q.dedupe_key = 'sales.import:' || i.id);

-- name: give_up_imports(hours) -> value
-- Those that nobody could finish. Their other lines have what became of them. One that is locked is being worked on.
WITH failed AS (
    UPDATE sales.import i SET status = 'failed', finished_at = now()
     WHERE i.id = ANY (ARRAY(SELECT o.id FROM sales.import o
                              WHERE o.status IN ('queued', 'running') AND o.moved_at < now() - make_interval(hours => $1::integer)
                                FOR UPDATE SKIP LOCKED))
    RETURNING i
)
SELECT count(*) FROM (SELECT sales.announce_import(f.i) FROM failed f) told;

-- name: remove_imports(days, hours, most) -> value
-- How many were removed: those that are old, and those whose body never came whole.
WITH gone AS (
    DELETE FROM sales.import i
     WHERE i.id = ANY (
           ARRAY(SELECT o.id FROM sales.import o WHERE o.created_at < now() - make_interval(days => $1::integer)
                  ORDER BY o.created_at LIMIT $3 FOR UPDATE SKIP LOCKED)
        || ARRAY(SELECT o.id FROM sales.import o
                  WHERE o.status = 'receiving' AND o.moved_at < now() - make_interval(hours => $2::integer) LIMIT $3 FOR UPDATE SKIP LOCKED))
    RETURNING i.id
)
SELECT count(*) FROM gone;
