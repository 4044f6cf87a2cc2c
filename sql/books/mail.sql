-- Mails to clients. docs/api/books.md#mail. m: the mail.

-- name: get_quote(owner_id, id) -> row
-- What a mail about a quote says. No row: it does not exist.
SELECT q.id, books.number_text('QUO', q.year, q.number) AS number, books.quote_status(q.status, q.expiry_date, books.today()) AS status,
       c.email AS recipient, c.name AS client, q.total_amount::text AS amount, q.expiry_date::text AS day,
       p.currency, books.currency_sign(p.currency) AS sign
  FROM books.quote q JOIN books.client c ON c.owner_id = q.owner_id AND c.id = q.client_id CROSS JOIN LATERAL books.preference($1) p
 WHERE q.owner_id = $1 AND q.id = $2;

-- name: get_invoice(owner_id, id) -> row
-- The same for an invoice. amount: what is left to pay.
SELECT i.id, books.number_text('INV', i.year, i.number) AS number, books.invoice_status(i.status, i.due_date, books.today()) AS status,
       c.email AS recipient, c.name AS client, (i.total_amount - i.paid_amount)::text AS amount,
       i.due_date::text AS day, p.currency, books.currency_sign(p.currency) AS sign
  FROM books.invoice i JOIN books.client c ON c.owner_id = i.owner_id AND c.id = i.client_id CROSS JOIN LATERAL books.preference($1) p
 WHERE i.owner_id = $1 AND i.id = $2;

-- name: count_mails(owner_id, hours, is_reminder) -> value
-- How many mails, or reminders, of an owner were handed to the mail server within the last hours, or wait for it.
SELECT count(*)
  FROM books.mail m
 WHERE m.owner_id = $1 AND m.created_at > now() - $2::integer * interval '1 hour' AND m.status <> 'recorded'
   AND (m.kind = 'reminder') = $3::boolean;

-- name: create_mail(owner_id, kind, quote_id, invoice_id, recipient, subject, message, is_sent) -> value
-- is_sent: its job is enqueued; otherwise the mail is only recorded.
WITH made AS (
    INSERT INTO books.mail AS m (owner_id, kind, quote_id, invoice_id, recipient, subject, message, status)
    VALUES ($1, $2::text, $3::bigint, $4::bigint, $5::text, $6::text, $7::text, CASE WHEN $8::boolean THEN 'queued' ELSE 'recorded' END)
    RETURNING m AS mail, m.owner_id, m.id, m.status
), enqueued AS MATERIALIZED (
    SELECT core.enqueue_job('books.mail', jsonb_build_object('owner_id', made.owner_id, 'mail_id', made.id)) AS job
      FROM made WHERE made.status = 'queued'
)
SELECT books.mail_document(made.mail)::text FROM made LEFT JOIN enqueued ON true;

-- name: list_mails(owner_id, quote_id, invoice_id) -> value
-- The mails about a quote or an invoice, oldest first. Null: it does not exist.
SELECT coalesce(json_agg(books.mail_document(m) ORDER BY m.id) FILTER (WHERE m.id IS NOT NULL), '[]')::text
  FROM (SELECT q.id FROM books.quote q WHERE q.owner_id = $1 AND q.id = $2::bigint
        UNION ALL
        SELECT i.id FROM books.invoice i WHERE i.owner_id = $1 AND i.id = $3::bigint) about
  LEFT JOIN books.mail m ON m.owner_id = $1 AND (m.quote_id = $2 OR m.invoice_id = $3)
 GROUP BY about.id;

-- name: get_mail(owner_id, id) -> row
-- What the job of a mail needs. owed: whether an invoice is still to be paid. sender: the owner's company, or name. No row: it was deleted
-- with what it is about.
SELECT m.kind, m.quote_id, m.invoice_id, m.recipient, m.subject, m.message, m.status, c.name AS client, a.email AS reply_to,
       coalesce(nullif(books.owner_name(a), ''), a.email) AS sender,
       i.status IN ('sent', 'partial', 'overdue') AND i.total_amount > i.paid_amount AS owed
  FROM books.mail m
  LEFT JOIN books.quote q ON q.owner_id = m.owner_id AND q.id = m.quote_id
  LEFT JOIN books.invoice i ON i.owner_id = m.owner_id AND i.id = m.invoice_id
  JOIN books.client c ON c.owner_id = m.owner_id AND c.id = coalesce(q.client_id, i.client_id)
  JOIN accounts.account a ON a.id = m.owner_id
 WHERE m.owner_id = $1 AND m.id = $2;

-- name: end_mail(owner_id, id, status, error) -> none
UPDATE books.mail m
   SET status = $3::text, error = $4::text, sent_at = CASE WHEN $3 = 'sent' THEN now() END
 WHERE m.owner_id = $1 AND m.id = $2;

-- name: note_failure(owner_id, id, status, error) -> none
-- status: `queued` where it is tried again, `failed` after the last attempt.
UPDATE books.mail m SET status = $3::text, error = $4::text WHERE m.owner_id = $1 AND m.id = $2;
