-- Reminders of invoices that are overdue. docs/api/books.md#reminders

-- name: list_owners(first_day, last_day) -> rows
-- Whose invoices may have to be reminded of: those that fell due within these days. What was sent has a sent_at; the condition is for the index.
SELECT DISTINCT i.owner_id
  FROM books.invoice i
 WHERE i.status IN ('sent', 'partial', 'overdue') AND i.sent_at IS NOT NULL AND i.due_date BETWEEN ($1::text)::date AND ($2::text)::date
 ORDER BY i.owner_id;

-- name: remind(owner_id, today, levels, longest, most, is_sent) -> value
-- Makes a mail for each invoice of an owner that has reached another level, and enqueues its job; returns how many. Two workers may do so at
-- once: mail_reminder_key lets each reminder in once. Owners can switch their reminders off. levels: days overdue. longest: days overdue after which nobody is reminded any more.
WITH due AS (
    SELECT i.owner_id, i.id, books.number_text('INV', i.year, i.number) AS number, c.email, its.level,
           coalesce(nullif(books.owner_name(a), ''), a.email) AS sender
      FROM books.invoice i
      JOIN books.client c ON c.owner_id = i.owner_id AND c.id = i.client_id
      JOIN accounts.account a ON a.id = i.owner_id AND a.is_active
      JOIN books.preference($1) p ON p.sends_reminders
     CROSS JOIN LATERAL (SELECT max(level) AS level FROM unnest($3::integer[]) AS level WHERE ($2::text)::date - i.due_date >= level) its
     WHERE i.owner_id = $1 AND i.status IN ('sent', 'partial', 'overdue') AND i.total_amount > i.paid_amount
       AND i.due_date BETWEEN ($2::text)::date - $4::integer AND ($2::text)::date - ($3::integer[])[1] AND c.email <> ''
       AND NOT EXISTS (SELECT FROM books.mail m WHERE m.owner_id = i.owner_id AND m.invoice_id = i.id AND m.kind = 'reminder' AND m.level >= its.level)
     ORDER BY i.due_date, i.id
     LIMIT $5::integer
), made AS (
    INSERT INTO books.mail AS m (owner_id, kind, invoice_id, level, recipient, subject, message, status)
    SELECT due.owner_id, 'reminder', due.id, due.level, due.email, left(format('Reminder: invoice %s from %s', due.number, due.sender), 200), '',
           CASE WHEN $6::boolean THEN 'queued' ELSE 'recorded' END
      FROM due
        ON CONFLICT DO NOTHING
    RETURNING m.owner_id, m.id, m.status
), enqueued AS MATERIALIZED (
    SELECT core.enqueue_job('books.mail', jsonb_build_object('owner_id', made.owner_id, 'mail_id', made.id)) AS job
      FROM made WHERE made.status = 'queued'
)
SELECT (SELECT count(*) FROM made) + 0 * (SELECT count(*) FROM enqueued);

-- name: count_reminders(days) -> value
-- What the reminders of the last days amount to.
WITH reminder AS (
    SELECT m.owner_id, m.invoice_id, m.status, m.level FROM books.mail m
     WHERE m.kind = 'reminder' AND m.created_at > now() - make_interval(days => $1::integer)
), of_status AS (
    SELECT r.status, count(*) AS n FROM reminder r GROUP BY r.status
), of_level AS (
    SELECT r.level, count(*) AS n FROM reminder r GROUP BY r.level
)
SELECT json_build_object(
           'days', $1::integer, 'reminders', count(*), 'owners', count(DISTINCT r.owner_id), 'invoices', count(DISTINCT r.invoice_id),
           'by_status', (SELECT coalesce(json_object_agg(s.status, s.n ORDER BY s.status), '{}') FROM of_status s),
           'by_level', (SELECT coalesce(json_object_agg(l.level, l.n ORDER BY l.level), '{}') FROM of_level l))::text
  FROM reminder r;

-- name: remove_reminders(days, most) -> value
-- Removes the records of the oldest reminders whose invoice is paid or cancelled; returns how many. One that waits is not touched.
WITH gone AS (
    DELETE FROM books.mail m
     WHERE (m.owner_id, m.id) IN (
           SELECT o.owner_id, o.id FROM books.mail o JOIN books.invoice i ON i.owner_id = o.owner_id AND i.id = o.invoice_id
            WHERE o.kind = 'reminder' AND o.created_at < now() - make_interval(days => $1::integer) AND o.status <> 'queued'
              AND i.status IN ('paid', 'cancelled')
            ORDER BY o.created_at LIMIT $2 FOR UPDATE OF o SKIP LOCKED)
    RETURNING m.id
)
SELECT count(*) FROM gone;
