-- Packing: who packs what was picked. Every step is one statement, so one transaction, and locks its invoice first:
-- of two at once, the second decides by what the first has left. `refusal` says in the contract's order of checks what stands
-- against the step (contracts/sales.md, 5); null: it was done. caller_may: 'all' (an administrator), 'own' (only as themselves:
-- WORKFLOW_REQUIRE_SELF), or 'any'.

-- name: start_packing(body, caller_id, caller_may) -> row
-- What others committed while this one waited for the invoice: a new session is not seen, but then the invoice is no longer PICKED;
-- one that was cancelled is seen as it was, hence `existing` locks it, which reads it anew. packing_session_invoice_key and
-- packing_session_packer_active_key refuse what is left.
WITH sent AS MATERIALIZED (
    SELECT core.trimmed(b.invoice_no) AS invoice_no, core.trimmed(b.user_email) AS user_email,
           coalesce(core.trimmed(b.notes), '') AS notes
      FROM jsonb_to_record($1::jsonb) AS b (invoice_no text, user_email text, notes text)
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.invoice_no = sent.invoice_no
     WHERE i.is_active FOR NO KEY UPDATE OF i
), existing AS MATERIALIZED (
    SELECT s.id
      FROM invoice JOIN sales.packing_session s ON s.invoice_id = invoice.id
     WHERE invoice.status = 'PICKED' AND s.packing_status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id, a AS account
      FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email)
     WHERE a.is_active AND a.role NOT IN ('SALESREP', 'VENDOR', 'MEMBER')   -- who is not of the firm does none of its work
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN invoice.status <> 'PICKED' THEN 'state'
                WHEN existing.id IS NOT NULL THEN 'session'
                WHEN worker.id IS NULL THEN 'no user'
                WHEN $3::text = 'own' AND worker.id <> $2::bigint THEN 'not own'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN existing ON true LEFT JOIN worker ON true
), session AS (
    INSERT INTO sales.packing_session AS s (invoice_id, packer_id, started_by, notes)
    SELECT invoice.id, worker.id, $2, sent.notes
      FROM sent, invoice, worker, decided WHERE decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = 'PACKING'
      FROM invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, accounts.full_name(worker.account) AS name,
       sales.packing_document(session.whole, invoice.invoice_no, worker.account)::text AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN worker ON true LEFT JOIN session ON true;

-- name: complete_packing(body, caller_id, caller_may) -> row
WITH sent AS MATERIALIZED (
    SELECT core.trimmed(b.invoice_no) AS invoice_no, core.trimmed(b.user_email) AS user_email,
           core.trimmed(b.notes) AS notes
      FROM jsonb_to_record($1::jsonb) AS b (invoice_no text, user_email text, notes text)
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.invoice_no = sent.invoice_no
     WHERE i.is_active FOR NO KEY UPDATE OF i
), session AS MATERIALIZED (
    SELECT s.id, s.packer_id, s.packing_status
      FROM invoice JOIN sales.packing_session s ON s.invoice_id = invoice.id
     WHERE s.packing_status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email) WHERE a.is_active OR $3::text = 'all'
), packer AS MATERIALIZED (
    SELECT a AS account FROM session JOIN accounts.account a ON a.id = session.packer_id
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN session.id IS NULL THEN 'no session'
                WHEN worker.id IS NULL THEN 'no user'
                WHEN session.packer_id IS NULL AND $3::text <> 'all' THEN 'worker gone'
                WHEN session.packer_id <> worker.id THEN 'other worker'
                WHEN $3::text = 'own' AND worker.id <> $2::bigint THEN 'not own'
                WHEN session.packing_status <> 'IN_PROGRESS' THEN 'done'
                WHEN invoice.status <> 'PACKING' THEN 'state'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN worker ON true
), finished AS (
    UPDATE sales.packing_session s
       SET packing_status = 'PACKED', end_time = greatest(now(), s.start_time), completed_by = $2,
           notes = concat_ws(E'\n', nullif(s.notes, ''), nullif(sent.notes, ''))
      FROM sent, session, decided WHERE s.id = session.id AND decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = 'PACKED'
      FROM invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, invoice.invoice_no, accounts.full_name(packer.account) AS name, (packer.account).email,
       sales.packing_document(finished.whole, invoice.invoice_no, packer.account)::text AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN packer ON true LEFT JOIN finished ON true;

-- name: cancel_packing(body, caller_id, caller_may) -> row
-- Who isn't an administrator has to name the session's worker; the handler sees to it that they name somebody.
WITH sent AS MATERIALIZED (
    SELECT core.trimmed(b.invoice_no) AS invoice_no, core.trimmed(b.user_email) AS user_email,
           core.trimmed(b.reason) AS reason
      FROM jsonb_to_record($1::jsonb) AS b (invoice_no text, user_email text, reason text)
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.invoice_no = sent.invoice_no
     WHERE i.is_active FOR NO KEY UPDATE OF i
), session AS MATERIALIZED (
    SELECT s.id, s.packer_id, s.packing_status
      FROM invoice JOIN sales.packing_session s ON s.invoice_id = invoice.id
     WHERE s.packing_status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email) WHERE a.is_active OR $3::text = 'all'
), packer AS MATERIALIZED (
    SELECT a AS account FROM session JOIN accounts.account a ON a.id = session.packer_id
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN session.id IS NULL THEN 'no session'
                WHEN worker.id IS NULL AND sent.user_email <> '' THEN 'no user'
                WHEN session.packer_id IS NULL AND $3::text <> 'all' THEN 'worker gone'
                WHEN session.packer_id IS DISTINCT FROM worker.id AND $3::text <> 'all' THEN 'other worker'
                WHEN $3::text = 'own' AND worker.id <> $2::bigint THEN 'not own'
                WHEN session.packing_status <> 'IN_PROGRESS' THEN 'done'
                WHEN invoice.status <> 'PACKING' THEN 'state'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN worker ON true
), cancelled AS (
    UPDATE sales.packing_session s
       SET packing_status = 'CANCELLED', end_time = greatest(now(), s.start_time), completed_by = $2, cancel_reason = sent.reason
      FROM sent, session, decided WHERE s.id = session.id AND decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = 'PICKED'
      FROM invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, invoice.invoice_no, accounts.full_name(packer.account) AS name, (packer.account).email,
       core.joined(sales.packing_document(cancelled.whole, invoice.invoice_no, packer.account),
                         json_build_object('cancel_reason', (cancelled.whole).cancel_reason))::text AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN packer ON true LEFT JOIN cancelled ON true;

-- name: get_blocking_packing(user_email) -> value
-- The session that a packer has begun; when it has just been finished, the last one they began. As JSON, for the refusal.
SELECT row_to_json(data)::text
  FROM (SELECT i.invoice_no, core.iso(s.start_time) AS started_at
          FROM accounts.account a JOIN sales.packing_session s ON s.id = coalesce(
               (SELECT id FROM sales.packing_session WHERE packer_id = a.id AND packing_status = 'IN_PROGRESS'),
               (SELECT id FROM sales.packing_session WHERE packer_id = a.id ORDER BY created_at DESC, id DESC LIMIT 1))
          JOIN sales.invoice i ON i.id = s.invoice_id
         WHERE lower(a.email) = lower(core.trimmed($1))) data;

-- name: get_active_packing(caller_id, email, public_id) -> row
-- Whose task (of the e-mail or the uuid asked for; the caller's when nobody has it), and the task: null when there is none.
SELECT a.id AS account_id, a.email,
       (SELECT json_build_object('task_type', 'PACKING', 'session_id', s.id, 'start_time', core.iso(s.start_time),
                                 'invoice', d.document)::text
          FROM sales.packing_session s
         CROSS JOIN LATERAL (SELECT document FROM sales.invoice_document WHERE id = s.invoice_id OFFSET 0) d
         WHERE s.packer_id = a.id AND s.packing_status = 'IN_PROGRESS') AS task
  FROM accounts.account a
 WHERE a.id = coalesce((SELECT id FROM accounts.account WHERE lower(email) = lower($2::text)),
                       (SELECT id FROM accounts.account WHERE public_id = $3::uuid), $1::bigint);
