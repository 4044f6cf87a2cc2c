-- Quotes of an owner. docs/api/books.md#quotes. q: the quote. Its lists are in quote_list.sql.

-- name: get_quote(owner_id, id) -> row
SELECT shown.document::text AS document,
       books.paper_etag(q.version, c.version, books.quote_status(q.status, q.expiry_date, books.today())) AS etag
  FROM books.quote q JOIN books.client c ON c.owner_id = q.owner_id AND c.id = q.client_id
 CROSS JOIN LATERAL books.shown_quote(q) AS shown (document)
 WHERE q.owner_id = $1 AND q.id = $2;

-- name: create_quote(owner_id, body) -> value
-- Null: the owner has no such client. The number is taken only then, and a broken constraint gives it back. The client's row is held, so
-- that it is not deleted meanwhile.
WITH sent AS MATERIALIZED (
    SELECT c.id AS client_id, c.name AS client_name, coalesce(b.issue_date, books.today()) AS issue_date, b.expiry_date,
           coalesce(core.trimmed(b.title), '') AS title,
           CASE WHEN $2::jsonb ? 'terms' THEN coalesce(core.trimmed(b.terms), '') ELSE p.quote_terms END AS terms, p.quote_days,
           coalesce(core.trimmed(b.notes), '') AS notes, l.line_items, l.subtotal, round(b.tax_rate, 4) AS tax_rate,
           books.tax_of(l.subtotal, round(b.tax_rate, 4), b.tax_amount) AS tax_amount
      FROM jsonb_to_record($2::jsonb) AS b (
           client numeric, issue_date date, expiry_date date, title text, terms text, notes text, tax_rate numeric, tax_amount numeric)
      JOIN books.client c ON c.owner_id = $1 AND c.id = b.client::bigint
     CROSS JOIN LATERAL books.priced_lines($2::jsonb -> 'line_items') l
     CROSS JOIN LATERAL books.preference($1) p
       FOR KEY SHARE OF c
)
INSERT INTO books.quote AS q (owner_id, year, number, client_id, status, issue_date, expiry_date, title, terms, notes, line_items, tax_rate,
                              subtotal, tax_amount, total_amount)
SELECT $1, extract(year FROM s.issue_date)::integer, books.next_number($1, 'quote', extract(year FROM s.issue_date)::integer), s.client_id,
       'draft', s.issue_date, coalesce(s.expiry_date, books.days_after(s.issue_date, s.quote_days)), s.title, s.terms, s.notes, s.line_items,
       s.tax_rate, s.subtotal, s.tax_amount, s.subtotal + s.tax_amount
  FROM sent s
RETURNING books.quote_document(q, (SELECT s.client_name FROM sent s), NULL)::text;

-- name: update_quote(owner_id, id, body, if_match, actor) -> row
-- The one statement that changes a quote and moves it to another status. old: the quote while its row is held. meant: what the body makes of
-- it; members that the body omits stay, and texts that are null become empty. The row is written only if something differs. A quote that is
-- no draft gets another status and other notes only, and another expiry_date when it is sent again.
--
-- refusal: why nothing was changed: stale (if_match names another state), status (no such move), edit (a change that only a draft gets),
-- client (the owner has no such client), passed (the quote that is to be sent has expired). has_moved: it has another status now, and had
-- `status` before. No row: the quote does not exist.
WITH old AS MATERIALIZED (
    SELECT q.id, q AS quote, books.quote_status(q.status, q.expiry_date, books.today()) AS status
      FROM books.quote q WHERE q.owner_id = $1 AND q.id = $2 FOR NO KEY UPDATE
), meant AS MATERIALIZED (
    SELECT coalesce(b.status, old.status) AS status, coalesce(b.status, old.status) <> old.status AS has_moved,
           coalesce(b.client::bigint, q.client_id) AS client_id, coalesce(b.issue_date, q.issue_date) AS issue_date,
           coalesce(b.expiry_date, q.expiry_date) AS expiry_date,
           CASE WHEN $3::jsonb ? 'title' THEN coalesce(core.trimmed(b.title), '') ELSE q.title END AS title,
           CASE WHEN $3::jsonb ? 'terms' THEN coalesce(core.trimmed(b.terms), '') ELSE q.terms END AS terms,
           CASE WHEN $3::jsonb ? 'notes' THEN coalesce(core.trimmed(b.notes), '') ELSE q.notes END AS notes,
           coalesce(l.line_items, q.line_items) AS line_items, coalesce(l.subtotal, q.subtotal) AS subtotal, tax.rate AS tax_rate,
           books.tax_of(coalesce(l.subtotal, q.subtotal), tax.rate, tax.amount) AS tax_amount
      FROM old CROSS JOIN LATERAL (SELECT (old.quote).*) q
     CROSS JOIN jsonb_to_record($3::jsonb) AS b (
           client numeric, status text, issue_date date, expiry_date date, title text, terms text, notes text, tax_rate numeric, tax_amount numeric)
      LEFT JOIN LATERAL books.priced_lines($3::jsonb -> 'line_items') l ON $3::jsonb ? 'line_items'
     CROSS JOIN LATERAL (
           -- An amount takes the place of a rate, but one that is only sent back does not.
           SELECT CASE WHEN $3::jsonb ? 'tax_rate' THEN round(b.tax_rate, 4)
                       WHEN $3::jsonb ? 'tax_amount' AND round(coalesce(b.tax_amount, 0), 2) <> q.tax_amount THEN NULL
                       ELSE q.tax_rate END AS rate,
                  CASE WHEN $3::jsonb ? 'tax_amount' THEN coalesce(b.tax_amount, 0) ELSE q.tax_amount END AS amount
           ) tax
), next_client AS MATERIALIZED (
    -- Its row is held, so that it is not deleted meanwhile.
    SELECT c.id FROM books.client c JOIN meant m ON c.id = m.client_id JOIN old ON m.client_id <> (old.quote).client_id
     WHERE c.owner_id = $1
       FOR KEY SHARE OF c
), judged AS MATERIALIZED (
    SELECT m.*, m.has_moved OR is_other_text OR is_other_term OR is_other_work AS is_changed,
           CASE WHEN NOT books.is_match($4::text[], books.paper_etag(q.version, c.version, old.status)) THEN 'stale'
                WHEN m.has_moved AND NOT books.quote_can_become(old.status, m.status) THEN 'status'
                WHEN old.status <> 'draft' AND (is_other_work OR is_other_term AND NOT (old.status = 'expired' AND m.status = 'sent')) THEN 'edit'
                WHEN m.client_id <> q.client_id AND n.id IS NULL THEN 'client'
                WHEN m.has_moved AND m.status = 'sent' AND m.expiry_date < books.today() THEN 'passed' END AS refusal
      FROM meant m CROSS JOIN old CROSS JOIN LATERAL (SELECT (old.quote).*) q
      JOIN books.client c ON c.owner_id = $1 AND c.id = q.client_id
      LEFT JOIN next_client n ON true
     CROSS JOIN LATERAL (
           SELECT m.notes <> q.notes AS is_other_text, m.expiry_date <> q.expiry_date AS is_other_term,
                  (m.client_id, m.issue_date, m.title, m.terms, m.line_items::jsonb, m.tax_rate, m.tax_amount) IS DISTINCT FROM
                  (q.client_id, q.issue_date, q.title, q.terms, q.line_items::jsonb, q.tax_rate, q.tax_amount) AS is_other_work
           ) other
), changed AS (
    UPDATE books.quote AS q
       SET client_id    = m.client_id,
           status       = CASE WHEN m.has_moved THEN m.status ELSE q.status END,
           issue_date   = m.issue_date,
           expiry_date  = m.expiry_date,
           title        = m.title,
           terms        = m.terms,
           notes        = m.notes,
           line_items   = m.line_items,
           tax_rate     = m.tax_rate,
           subtotal     = m.subtotal,
           tax_amount   = m.tax_amount,
           total_amount = m.subtotal + m.tax_amount,
           sent_at      = CASE WHEN m.has_moved AND m.status = 'sent' THEN now() ELSE q.sent_at END,
           decided_at   = CASE WHEN m.has_moved AND m.status IN ('accepted', 'rejected') THEN now() ELSE q.decided_at END,
           version      = q.version + 1,
           updated_at   = now()
      FROM judged m
     WHERE q.owner_id = $1 AND q.id = $2 AND m.refusal IS NULL AND m.is_changed
    RETURNING q AS quote
), result AS MATERIALIZED (
    SELECT coalesce(changed.quote, old.quote) AS quote FROM old LEFT JOIN changed ON true
)
SELECT coalesce(m.refusal = 'stale', false) AS is_stale, m.refusal, m.has_moved, old.status, shown.document::text AS document,
       books.paper_etag((r.quote).version, c.version, books.quote_status((r.quote).status, (r.quote).expiry_date, books.today())) AS etag,
       CASE WHEN m.refusal IS NULL AND m.is_changed THEN operations.note(
           $5::jsonb, 'quote.update', 'quote', old.id::text, to_jsonb(old.quote) - '{updated_at,version,searched}'::text[],
           to_jsonb(r.quote) - '{updated_at,version,searched}'::text[]) END AS noted
  FROM old CROSS JOIN judged m CROSS JOIN result r
  JOIN books.client c ON c.owner_id = $1 AND c.id = (r.quote).client_id
 CROSS JOIN LATERAL books.shown_quote(r.quote) AS shown (document);

-- name: delete_quote(owner_id, id, if_match, actor) -> row
-- refusal: stale (if_match names another state), or status (it is neither draft nor rejected); nothing is deleted then. No row: the quote
-- does not exist. An invoice that was made of it stays.
WITH old AS MATERIALIZED (
    SELECT q.id, q AS quote FROM books.quote q WHERE q.owner_id = $1 AND q.id = $2 FOR UPDATE
), judged AS MATERIALIZED (
    SELECT now.etag, CASE WHEN NOT books.is_match($3::text[], now.etag) THEN 'stale'
                          WHEN (old.quote).status NOT IN ('draft', 'rejected') THEN 'status' END AS refusal
      FROM old JOIN books.client c ON c.owner_id = $1 AND c.id = (old.quote).client_id
     CROSS JOIN LATERAL (SELECT books.paper_etag((old.quote).version, c.version, books.quote_status(
           (old.quote).status, (old.quote).expiry_date, books.today())) AS etag) now
), released AS (
    UPDATE books.invoice AS i SET quote_id = NULL, version = i.version + 1 FROM judged m
     WHERE i.owner_id = $1 AND i.quote_id = $2 AND m.refusal IS NULL
), gone AS (
    DELETE FROM books.quote AS q USING judged m WHERE q.owner_id = $1 AND q.id = $2 AND m.refusal IS NULL
    RETURNING q.id
)
SELECT coalesce(m.refusal = 'stale', false) AS is_stale, m.refusal, m.etag,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'quote.delete', 'quote', old.id::text, to_jsonb(old.quote) - '{version,searched}'::text[], NULL) END AS noted
  FROM old CROSS JOIN judged m LEFT JOIN gone ON true;

-- name: duplicate_quote(owner_id, id) -> value
-- A new draft of today with the same work, valid for as many days as the quote. Null: the quote does not exist. The quote's row is held,
-- so that its client is not deleted meanwhile.
WITH copied AS MATERIALIZED (
    SELECT q AS quote, c.name AS client_name, books.number_text('QUO', q.year, q.number) AS number, books.today() AS today
      FROM books.quote q JOIN books.client c ON c.owner_id = q.owner_id AND c.id = q.client_id
     WHERE q.owner_id = $1 AND q.id = $2
       FOR SHARE OF q
), made AS (
    INSERT INTO books.quote AS q (owner_id, year, number, client_id, status, issue_date, expiry_date, title, terms, notes, line_items, tax_rate,
                                  subtotal, tax_amount, total_amount)
    SELECT $1, extract(year FROM today)::integer, books.next_number($1, 'quote', extract(year FROM today)::integer), s.client_id, 'draft', today,
           books.days_after(today, s.expiry_date - s.issue_date), left('Copy of ' || coalesce(nullif(s.title, ''), copied.number), 255), s.terms,
           s.notes, s.line_items, s.tax_rate, s.subtotal, s.tax_amount, s.total_amount
      FROM copied CROSS JOIN LATERAL (SELECT (copied.quote).*) s
    RETURNING books.quote_document(q, (SELECT copied.client_name FROM copied), NULL) AS document
)
SELECT json_build_object('message', 'Quote duplicated successfully', 'original_quote', copied.number, 'duplicate_quote', made.document)::text AS answer
  FROM made CROSS JOIN copied;
