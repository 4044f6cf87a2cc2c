-- Sessions of work on invoices: picking, packing and delivery. docs/api/sales.md#workflow
--
-- Every step is one statement, and so one transaction. It locks its invoice first, so that of two steps at the same time the second
-- one sees what the first one did. `refusal` names the first check that fails, in the order of docs/api/sales.md#workflow-refusals;
-- null: the step was done.
-- body: what was scanned in it, invoice_no and user_email, is in its canonical form already (core/http/conform.py).
-- kind: selects a row of the view sales.session_kind, which has the states of the invoice and the session.
-- caller_may: 'all' (an administrator), 'own' (only as the worker: WORKFLOW_REQUIRE_SELF), or 'any'.
-- Triggers announce the change of the invoice at commit, and count the session (sql/sales/functions.sql).

-- name: start_session(kind, body, caller_id, caller_may) -> row
-- Other transactions may commit while this statement waits for the lock of the invoice. The statement does not see a session that
-- they created, but then the status of the invoice has changed. It sees the old version of a session that they cancelled, so
-- `existing` locks that session, which reads the new version. The unique indexes session_invoice_key and session_worker_active_key
-- refuse all other conflicts.
WITH sent AS MATERIALIZED (
    SELECT k.*, sales.find_invoice(b.invoice_no) AS invoice_id, b.user_email, coalesce(core.trimmed(b.notes), '') AS notes
      FROM jsonb_to_record($2::jsonb) AS b (invoice_no text, user_email text, notes text), sales.session_kind k
     WHERE k.kind = $1::text
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.id = sent.invoice_id
     WHERE i.is_active FOR NO KEY UPDATE OF i
), existing AS MATERIALIZED (
    SELECT s.id
      FROM sent, invoice JOIN sales.session s ON s.invoice_id = invoice.id
     WHERE invoice.status = sent.invoice_before AND s.kind = $1 AND s.status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id, a AS account
      FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email)
     -- These roles do not belong to the firm.
     WHERE a.is_active AND a.role NOT IN ('SALESREP', 'VENDOR', 'MEMBER')
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN invoice.status <> sent.invoice_before THEN 'state'
                WHEN existing.id IS NOT NULL THEN 'session'
                WHEN worker.id IS NULL THEN 'no user'
                WHEN $4::text = 'own' AND worker.id <> $3::bigint THEN 'not own'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN existing ON true LEFT JOIN worker ON true
), session AS (
    INSERT INTO sales.session AS s (kind, invoice_id, worker_id, started_by, status, notes)
    SELECT sent.kind, invoice.id, worker.id, $3, sent.begun, sent.notes
      FROM sent, invoice, worker, decided WHERE decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = sent.invoice_during
      FROM sent, invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, accounts.full_name(worker.account) AS name,
       CASE WHEN decided.refusal IS NULL THEN sales.session_document(session.whole, invoice.invoice_no, worker.account)::text END AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN worker ON true LEFT JOIN session ON true;

-- name: complete_session(kind, body, caller_id, caller_may) -> row
WITH sent AS MATERIALIZED (
    SELECT k.*, sales.find_invoice(b.invoice_no) AS invoice_id, b.user_email, core.trimmed(b.notes) AS notes
      FROM jsonb_to_record($2::jsonb) AS b (invoice_no text, user_email text, notes text), sales.session_kind k
     WHERE k.kind = $1::text
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.id = sent.invoice_id
     WHERE i.is_active FOR NO KEY UPDATE OF i
), session AS MATERIALIZED (
    SELECT s.id, s.worker_id, s.status
      FROM invoice JOIN sales.session s ON s.invoice_id = invoice.id
     WHERE s.kind = $1 AND s.status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), scanned AS MATERIALIZED (
    SELECT a.id FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email) WHERE a.is_active OR $4::text = 'all'
), worker AS MATERIALIZED (
    SELECT a AS account FROM session JOIN accounts.account a ON a.id = session.worker_id
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN session.id IS NULL THEN 'no session'
                WHEN scanned.id IS NULL THEN 'no user'
                WHEN session.worker_id IS NULL AND $4::text <> 'all' THEN 'worker gone'
                WHEN session.worker_id <> scanned.id THEN 'other worker'
                WHEN $4::text = 'own' AND scanned.id <> $3::bigint THEN 'not own'
                WHEN session.status <> sent.begun THEN 'done'
                WHEN invoice.status <> sent.invoice_during THEN 'state'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN scanned ON true
), finished AS (
    UPDATE sales.session s
       SET status = sent.finished, end_time = greatest(now(), s.start_time), ended_by = $3,
           notes = concat_ws(E'\n', nullif(s.notes, ''), nullif(sent.notes, ''))
      FROM sent, session, decided WHERE s.id = session.id AND decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = sent.invoice_after
      FROM sent, invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, invoice.invoice_no, accounts.full_name(worker.account) AS name, (worker.account).email,
       CASE WHEN decided.refusal IS NULL THEN sales.session_document(finished.whole, invoice.invoice_no, worker.account)::text END AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN worker ON true LEFT JOIN finished ON true;

-- name: cancel_session(kind, body, caller_id, caller_may) -> row
-- The session stays as CANCELLED, and the invoice returns to its status before the step. Everybody except an administrator has to
-- name the session's worker: schemas/sales/session_cancel_own.json requires user_email.
WITH sent AS MATERIALIZED (
    SELECT k.*, sales.find_invoice(b.invoice_no) AS invoice_id, b.user_email, core.trimmed(b.reason) AS reason, b.session_id::bigint AS session_id
      FROM jsonb_to_record($2::jsonb) AS b (invoice_no text, user_email text, reason text, session_id numeric), sales.session_kind k
     WHERE k.kind = $1::text
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.id = sent.invoice_id
     WHERE i.is_active FOR NO KEY UPDATE OF i
), session AS MATERIALIZED (
    SELECT s.id, s.worker_id, s.status, coalesce(s.delivery_type, '') = 'COURIER' AS is_courier, s.courier_name
      FROM sent CROSS JOIN invoice JOIN sales.session s ON s.invoice_id = invoice.id
     WHERE s.kind = $1 AND s.status <> 'CANCELLED' AND s.id = coalesce(sent.session_id, s.id) FOR NO KEY UPDATE OF s
), scanned AS MATERIALIZED (
    SELECT a.id FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email) WHERE a.is_active OR $4::text = 'all'
), worker AS MATERIALIZED (
    SELECT a AS account FROM session JOIN accounts.account a ON a.id = session.worker_id
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN session.id IS NULL THEN 'no session'
                WHEN scanned.id IS NULL AND sent.user_email <> '' THEN 'no user'
                WHEN session.is_courier AND $4::text <> 'all' THEN 'courier'
                WHEN session.worker_id IS NULL AND $4::text <> 'all' THEN 'worker gone'
                WHEN session.worker_id IS DISTINCT FROM scanned.id AND $4::text <> 'all' THEN 'other worker'
                WHEN $4::text = 'own' AND scanned.id <> $3::bigint THEN 'not own'
                WHEN CASE WHEN $1 = 'delivery' THEN session.status = sent.finished ELSE session.status <> sent.begun END THEN 'done'
                WHEN invoice.status <> sent.invoice_during THEN 'state'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN scanned ON true
), cancelled AS (
    UPDATE sales.session s
       SET status = 'CANCELLED', end_time = greatest(now(), s.start_time), ended_by = $3, cancel_reason = sent.reason
      FROM sent, session, decided WHERE s.id = session.id AND decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = sent.invoice_before
      FROM sent, invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, invoice.invoice_no, session.courier_name, accounts.full_name(worker.account) AS name,
       (worker.account).email,
       CASE WHEN decided.refusal IS NULL THEN sales.session_document(cancelled.whole, invoice.invoice_no, worker.account)::text END AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN worker ON true LEFT JOIN cancelled ON true;

-- name: get_blocking_session(kind, user_email) -> value
-- The worker's unfinished session of this kind, as JSON for the refusal. If it was ended in the meantime: the worker's latest one.
SELECT row_to_json(data)::text
  FROM (SELECT i.invoice_no, core.iso(s.start_time) AS started_at
          FROM accounts.account a JOIN sales.session s ON s.id = coalesce(
               (SELECT id FROM sales.session WHERE worker_id = a.id AND kind = $1::text AND status IN ('PREPARING', 'IN_PROGRESS')),
               (SELECT id FROM sales.session WHERE worker_id = a.id AND kind = $1 ORDER BY created_at DESC, id DESC LIMIT 1))
          JOIN sales.invoice i ON i.id = s.invoice_id
         WHERE lower(a.email) = lower($2)) data;

-- name: get_active_session(kind, caller_id, email, public_id) -> row
-- The account with the requested e-mail or uuid, or else the caller's account; and the unfinished task of this account, or null.
SELECT a.id AS account_id, a.email,
       (SELECT json_build_object('task_type', upper($1::text), 'session_id', s.id, 'start_time', core.iso(s.start_time),
                                 'invoice', d.document)::text
          FROM sales.session s
         CROSS JOIN LATERAL (SELECT document FROM sales.invoice_document WHERE id = s.invoice_id OFFSET 0) d
         WHERE s.worker_id = a.id AND s.kind = $1 AND s.status IN ('PREPARING', 'IN_PROGRESS')) AS task
  FROM accounts.account a
 WHERE a.id = coalesce((SELECT id FROM accounts.account WHERE lower(email) = lower($3::text)),
                       (SELECT id FROM accounts.account WHERE public_id = $4::uuid), $2::bigint);

-- name: start_delivery(body, caller_id, caller_may) -> row
-- Like start_session. A courier has no account, so an e-mail is ignored if the type is COURIER.
WITH sent AS MATERIALIZED (
    SELECT sales.find_invoice(b.invoice_no) AS invoice_id, b.delivery_type, b.user_email,
           coalesce(core.trimmed(b.courier_name), '') AS courier_name,
           coalesce(core.trimmed(b.tracking_no), '') AS tracking_no, coalesce(core.trimmed(b.notes), '') AS notes
      FROM jsonb_to_record($1::jsonb) AS b (
           invoice_no text, delivery_type text, user_email text, courier_name text, tracking_no text, notes text)
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.id = sent.invoice_id
     WHERE i.is_active FOR NO KEY UPDATE OF i
), existing AS MATERIALIZED (
    SELECT s.id
      FROM invoice JOIN sales.session s ON s.invoice_id = invoice.id
     WHERE invoice.status = 'PACKED' AND s.kind = 'delivery' AND s.status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id, a AS account
      FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email)
     -- These roles do not belong to the firm.
     WHERE a.is_active AND a.role NOT IN ('SALESREP', 'VENDOR', 'MEMBER')
       AND sent.delivery_type <> 'COURIER'
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN invoice.status <> 'PACKED' THEN 'state'
                WHEN existing.id IS NOT NULL THEN 'session'
                WHEN worker.id IS NULL AND sent.delivery_type <> 'COURIER' THEN 'no user'
                WHEN $3::text = 'own' AND worker.id <> $2::bigint THEN 'not own'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN existing ON true LEFT JOIN worker ON true
), session AS (
    INSERT INTO sales.session AS s (kind, invoice_id, worker_id, started_by, status, delivery_type, courier_name, tracking_no, notes)
    SELECT 'delivery', invoice.id, worker.id, $2, 'IN_TRANSIT', sent.delivery_type, sent.courier_name, sent.tracking_no, sent.notes
      FROM decided CROSS JOIN sent CROSS JOIN invoice LEFT JOIN worker ON true WHERE decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = 'DISPATCHED'
      FROM invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status,
       CASE WHEN decided.refusal IS NULL THEN sales.session_document(session.whole, invoice.invoice_no, worker.account)::text END AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN worker ON true LEFT JOIN session ON true;

-- name: complete_delivery(body, caller_id, caller_may, most_notes) -> row
-- IN_TRANSIT leaves the session open and the invoice DISPATCHED. It still announces the invoice, by incrementing its version. It may
-- be sent any number of times, so the notes of one delivery are limited to most_notes characters in total.
WITH sent AS MATERIALIZED (
    SELECT sales.find_invoice(b.invoice_no) AS invoice_id, coalesce(b.user_email, '') AS user_email,
           coalesce(b.delivery_status, 'DELIVERED') AS delivery_status, coalesce(core.trimmed(b.notes), '') AS notes
      FROM jsonb_to_record($1::jsonb) AS b (invoice_no text, user_email text, delivery_status text, notes text)
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.id = sent.invoice_id
     WHERE i.is_active FOR NO KEY UPDATE OF i
), session AS MATERIALIZED (
    SELECT s.id, s.delivery_type <> 'COURIER' AS is_ours, s.worker_id, s.status, length(s.notes) AS noted
      FROM invoice JOIN sales.session s ON s.invoice_id = invoice.id
     WHERE s.kind = 'delivery' AND s.status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), scanned AS MATERIALIZED (
    SELECT a.id FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email) WHERE a.is_active OR $3::text = 'all'
), worker AS MATERIALIZED (
    SELECT a AS account FROM session JOIN accounts.account a ON a.id = session.worker_id
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN session.id IS NULL THEN 'no session'
                WHEN session.is_ours AND sent.user_email = '' THEN 'no scan'
                WHEN scanned.id IS NULL AND sent.user_email <> '' THEN 'no user'
                WHEN session.is_ours AND session.worker_id IS NULL AND $3::text <> 'all' THEN 'worker gone'
                WHEN session.is_ours AND session.worker_id <> scanned.id THEN 'other worker'
                WHEN $3::text = 'own' AND scanned.id <> $2::bigint THEN 'not own'
                WHEN session.status = 'DELIVERED' THEN 'done'
                WHEN invoice.status <> 'DISPATCHED' THEN 'state'
                WHEN sent.notes <> '' AND session.noted + 1 + length(sent.notes) > $4::integer THEN 'notes'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN scanned ON true
), written AS (
    UPDATE sales.session s
       SET status   = sent.delivery_status,
           end_time = CASE WHEN sent.delivery_status = 'DELIVERED' THEN greatest(now(), s.start_time) END,
           ended_by = CASE WHEN sent.delivery_status = 'DELIVERED' THEN $2 END,
           notes    = concat_ws(E'\n', nullif(s.notes, ''), nullif(sent.notes, ''))
      FROM sent, session, decided WHERE s.id = session.id AND decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i
       SET status = CASE WHEN sent.delivery_status = 'DELIVERED' THEN 'DELIVERED' ELSE 'DISPATCHED' END, version = i.version + 1
      FROM sent, invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, invoice.invoice_no, accounts.full_name(worker.account) AS name, (worker.account).email,
       CASE WHEN decided.refusal IS NULL THEN sales.session_document(written.whole, invoice.invoice_no, worker.account)::text END AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN worker ON true LEFT JOIN written ON true;
