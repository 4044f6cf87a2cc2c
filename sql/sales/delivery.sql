-- Delivery: who takes which packed invoice out, ourselves (DIRECT, INTERNAL) or a courier. Every step is one statement, so one
-- transaction, and locks its invoice first: of two at once, the second decides by what the first has left. `refusal` says in the
-- contract's order of checks what stands against the step (contracts/sales.md, 5); null: it was done. caller_may: 'all' (an
-- administrator), 'own' (only as themselves: WORKFLOW_REQUIRE_SELF), or 'any'.

-- name: start_delivery(body, caller_id, caller_may) -> row
-- A courier has no account, so the e-mail sent along with COURIER is not looked at. What others committed while this one waited for
-- the invoice: a new session is not seen, but then the invoice is no longer PACKED; one that was cancelled is seen as it was, hence
-- `existing` locks it, which reads it anew. delivery_session_invoice_key refuses what is left.
WITH sent AS MATERIALIZED (
    SELECT core.trimmed(b.invoice_no) AS invoice_no, b.delivery_type, core.trimmed(b.user_email) AS user_email,
           coalesce(core.trimmed(b.courier_name), '') AS courier_name,
           coalesce(core.trimmed(b.tracking_no), '') AS tracking_no, coalesce(core.trimmed(b.notes), '') AS notes
      FROM jsonb_to_record($1::jsonb) AS b (
           invoice_no text, delivery_type text, user_email text, courier_name text, tracking_no text, notes text)
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.invoice_no = sent.invoice_no
     WHERE i.is_active FOR NO KEY UPDATE OF i
), existing AS MATERIALIZED (
    SELECT s.id
      FROM invoice JOIN sales.delivery_session s ON s.invoice_id = invoice.id
     WHERE invoice.status = 'PACKED' AND s.delivery_status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id, a AS account
      FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email)
     WHERE a.is_active AND a.role NOT IN ('SALESREP', 'VENDOR', 'MEMBER')   -- who is not of the firm does none of its work
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
    INSERT INTO sales.delivery_session AS s (invoice_id, delivery_type, assigned_to, courier_name, tracking_no, started_by, notes)
    SELECT invoice.id, sent.delivery_type, worker.id, sent.courier_name, sent.tracking_no, $2, sent.notes
      FROM decided CROSS JOIN sent CROSS JOIN invoice LEFT JOIN worker ON true WHERE decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = 'DISPATCHED'
      FROM invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status,
       sales.delivery_document(session.whole, invoice.invoice_no, worker.account)::text AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN worker ON true LEFT JOIN session ON true;

-- name: complete_delivery(body, caller_id, caller_may, most_notes) -> row
-- IN_TRANSIT leaves the session open and the invoice DISPATCHED; readers of the stream are told all the same (version). It may come
-- any number of times, so its notes are bounded in sum: most_notes, characters.
WITH sent AS MATERIALIZED (
    SELECT core.trimmed(b.invoice_no) AS invoice_no, coalesce(core.trimmed(b.user_email), '') AS user_email,
           coalesce(b.delivery_status, 'DELIVERED') AS delivery_status, coalesce(core.trimmed(b.notes), '') AS notes
      FROM jsonb_to_record($1::jsonb) AS b (invoice_no text, user_email text, delivery_status text, notes text)
), invoice AS MATERIALIZED (
    SELECT i.id, i.invoice_no, i.status
      FROM sent JOIN sales.invoice i ON i.invoice_no = sent.invoice_no
     WHERE i.is_active FOR NO KEY UPDATE OF i
), session AS MATERIALIZED (
    SELECT s.id, s.delivery_type <> 'COURIER' AS is_ours, s.assigned_to, s.delivery_status, length(s.notes) AS noted
      FROM invoice JOIN sales.delivery_session s ON s.invoice_id = invoice.id
     WHERE s.delivery_status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email) WHERE a.is_active OR $3::text = 'all'
), assigned AS MATERIALIZED (
    SELECT a AS account FROM session JOIN accounts.account a ON a.id = session.assigned_to
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN session.id IS NULL THEN 'no session'
                WHEN session.is_ours AND sent.user_email = '' THEN 'no scan'
                WHEN worker.id IS NULL AND sent.user_email <> '' THEN 'no user'
                WHEN session.is_ours AND session.assigned_to IS NULL AND $3::text <> 'all' THEN 'worker gone'
                WHEN session.is_ours AND session.assigned_to <> worker.id THEN 'other worker'
                WHEN $3::text = 'own' AND worker.id <> $2::bigint THEN 'not own'
                WHEN session.delivery_status = 'DELIVERED' THEN 'done'
                WHEN invoice.status <> 'DISPATCHED' THEN 'state'
                WHEN sent.notes <> '' AND session.noted + 1 + length(sent.notes) > $4::integer THEN 'notes'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN worker ON true
), told AS (
    UPDATE sales.delivery_session s
       SET delivery_status = sent.delivery_status,
           end_time     = CASE WHEN sent.delivery_status = 'DELIVERED' THEN greatest(now(), s.start_time) END,
           completed_by = CASE WHEN sent.delivery_status = 'DELIVERED' THEN $2 END,
           notes        = concat_ws(E'\n', nullif(s.notes, ''), nullif(sent.notes, ''))
      FROM sent, session, decided WHERE s.id = session.id AND decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i
       SET status = CASE WHEN sent.delivery_status = 'DELIVERED' THEN 'DELIVERED' ELSE 'DISPATCHED' END, version = i.version + 1
      FROM sent, invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, invoice.invoice_no, accounts.full_name(assigned.account) AS name, (assigned.account).email,
       sales.delivery_document(told.whole, invoice.invoice_no, assigned.account)::text AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN assigned ON true LEFT JOIN told ON true;

-- name: cancel_delivery(body, caller_id, caller_may) -> row
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
    SELECT s.id, s.delivery_type, s.courier_name, s.assigned_to, s.delivery_status
      FROM invoice JOIN sales.delivery_session s ON s.invoice_id = invoice.id
     WHERE s.delivery_status <> 'CANCELLED' FOR NO KEY UPDATE OF s
), worker AS MATERIALIZED (
    SELECT a.id FROM sent JOIN accounts.account a ON lower(a.email) = lower(sent.user_email) WHERE a.is_active OR $3::text = 'all'
), assigned AS MATERIALIZED (
    SELECT a AS account FROM session JOIN accounts.account a ON a.id = session.assigned_to
), decided AS MATERIALIZED (
    SELECT CASE WHEN invoice.id IS NULL THEN 'no invoice'
                WHEN session.id IS NULL THEN 'no session'
                WHEN worker.id IS NULL AND sent.user_email <> '' THEN 'no user'
                WHEN session.delivery_type = 'COURIER' AND $3::text <> 'all' THEN 'courier'
                WHEN session.assigned_to IS NULL AND $3::text <> 'all' THEN 'worker gone'
                WHEN session.assigned_to IS DISTINCT FROM worker.id AND $3::text <> 'all' THEN 'other worker'
                WHEN $3::text = 'own' AND worker.id <> $2::bigint THEN 'not own'
                WHEN session.delivery_status = 'DELIVERED' THEN 'done'
                WHEN invoice.status <> 'DISPATCHED' THEN 'state'
           END AS refusal
      FROM sent LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN worker ON true
), cancelled AS (
    UPDATE sales.delivery_session s
       SET delivery_status = 'CANCELLED', end_time = greatest(now(), s.start_time), completed_by = $2, cancel_reason = sent.reason
      FROM sent, session, decided WHERE s.id = session.id AND decided.refusal IS NULL
    RETURNING s AS whole
), moved AS (
    UPDATE sales.invoice i SET status = 'PACKED'
      FROM invoice, decided WHERE i.id = invoice.id AND decided.refusal IS NULL
)
SELECT decided.refusal, invoice.status, invoice.invoice_no, session.courier_name, accounts.full_name(assigned.account) AS name,
       (assigned.account).email, core.joined(sales.delivery_document(cancelled.whole, invoice.invoice_no, assigned.account),
                         json_build_object('cancel_reason', (cancelled.whole).cancel_reason))::text AS document
  FROM decided LEFT JOIN invoice ON true LEFT JOIN session ON true LEFT JOIN assigned ON true LEFT JOIN cancelled ON true;
