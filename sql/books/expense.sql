-- Expenses of an owner. docs/api/books.md#expenses. e: the expense. A whole row IS NOT NULL only if none of its columns is null, so the id
-- tells whether there is one.

-- filter: created_since(moment)
e.created_at >= ($1::text)::timestamptz

-- filter: created_until(moment)
e.created_at <= ($1::text)::timestamptz

-- filter: day_since(day)
e.expense_date >= ($1::text)::date

-- filter: day_until(day)
e.expense_date <= ($1::text)::date

-- The last days up to today.
-- filter: recent(days)
e.expense_date > books.today() - $1::integer

-- filter: amount_since(amount)
e.amount >= ($1::text)::numeric

-- filter: amount_until(amount)
e.amount <= ($1::text)::numeric

-- filter: category(category)
e.category = $1::text

-- filter: categories(categories)
e.category = ANY ($1::text[])

-- filter: status(status)
e.status = $1::text

-- filter: client(client_id)
e.client_id = $1::bigint

-- filter: is_billable(is_billable)
e.is_billable = $1::boolean

-- filter: has_receipts(has_receipts)
(e.attachment_count > 0) = $1::boolean

-- The index finds the longest word.
-- filter: search(longest, words)
e.searched LIKE core.containing($1::text) AND e.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- For words without three letters in a row, which no index finds. Postgres tests each expense of the owner: it can't use an index beside ||.
-- filter: short_search(longest, words)
e.searched || '' LIKE core.containing($1::text) AND e.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- name: list_expenses(owner_id, page, page_size) -> row
-- One page with the count of all. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = $1 AND t.kind = 'expense'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT e AS expense FROM books.expense e
                WHERE e.owner_id = $1
                ORDER BY e.expense_date DESC, e.created_at DESC, e.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
              CROSS JOIN LATERAL books.expense_document(expense) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_expenses(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM books.expense e WHERE e.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT e AS expense FROM books.expense e
                WHERE e.owner_id = $1 /* filters */
                ORDER BY e.expense_date DESC, e.created_at DESC, e.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
              CROSS JOIN LATERAL books.expense_document(expense) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_expenses(after, owner_id, page_size) -> rows
-- One page after the expense with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in
-- the order.
SELECT document::text AS document, key::text AS key
  FROM (SELECT e AS expense, /* key */ jsonb_build_array(e.id) /* or as asked */ AS key
          FROM books.expense e
         WHERE e.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY e.expense_date DESC, e.created_at DESC, e.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed
       CROSS JOIN LATERAL books.expense_document(expense) AS document;

-- name: get_expense(owner_id, id) -> row
SELECT document::text AS document, books.etag(e.version) AS etag
  FROM books.expense e CROSS JOIN LATERAL books.expense_document(e) AS document
 WHERE e.owner_id = $1 AND e.id = $2;

-- name: create_expense(owner_id, body) -> row
-- refused: why nothing is made (books.wrong_expense_date). An unknown client breaks the foreign key.
WITH sent AS (
    SELECT core.trimmed(b.description) AS description, b.amount, coalesce(b.category, 'other') AS category, b.expense_date,
           coalesce(core.trimmed(b.receipt_number), '') AS receipt_number, coalesce(core.trimmed(b.vendor), '') AS vendor,
           coalesce(b.tax_amount, 0) AS tax_amount, coalesce(b.is_billable, false) AS is_billable, b.client::bigint AS client_id,
           coalesce(b.status, 'pending') AS status, coalesce(core.trimmed(b.notes), '') AS notes,
           books.wrong_expense_date(b.expense_date) AS refused
      FROM jsonb_to_record($2::jsonb) AS b (
           description text, amount numeric, category text, expense_date date, receipt_number text, vendor text, tax_amount numeric,
           is_billable boolean, client numeric, status text, notes text)
), made AS (
    INSERT INTO books.expense AS e (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount, is_billable,
                                    client_id, status, notes)
    SELECT $1, description, amount, category, expense_date, receipt_number, vendor, tax_amount, is_billable, client_id, status, notes
      FROM sent WHERE refused IS NULL
    RETURNING e.id, e AS expense
)
SELECT sent.refused, document::text AS document
  FROM sent LEFT JOIN made ON true LEFT JOIN LATERAL books.expense_document(made.expense) AS document ON made.id IS NOT NULL;

-- name: find_refusals(owner_id, rows) -> rows
-- The rows of an import that can't be stored. rows: an array of bodies. place: of the row, from 1. wrong: `client`, the owner has no such
-- client; or what books.wrong_expense_date says. first: of no row.
WITH sent AS (
    SELECT place, (body ->> 'client')::numeric::bigint AS client_id, books.wrong_expense_date((body ->> 'expense_date')::date) AS wrong
      FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS sent_row (body, place)
)
SELECT s.place, w.wrong, NULL::bigint AS first
  FROM sent s CROSS JOIN LATERAL (
       SELECT s.wrong WHERE s.wrong IS NOT NULL
        UNION ALL
       SELECT 'client' WHERE s.client_id IS NOT NULL AND NOT EXISTS (
              SELECT FROM books.client c WHERE c.owner_id = $1 AND c.id = s.client_id)) w
 ORDER BY s.place;

-- name: import_expenses(owner_id, rows) -> row
-- rows: an array of bodies. skipped: the places of those whose client another request has deleted meanwhile.
WITH sent AS MATERIALIZED (
    SELECT place, core.trimmed(b.description) AS description, b.amount, coalesce(b.category, 'other') AS category, b.expense_date,
           coalesce(core.trimmed(b.receipt_number), '') AS receipt_number, coalesce(core.trimmed(b.vendor), '') AS vendor,
           coalesce(b.tax_amount, 0) AS tax_amount, coalesce(b.is_billable, false) AS is_billable, b.client::bigint AS client_id,
           coalesce(b.status, 'pending') AS status, coalesce(core.trimmed(b.notes), '') AS notes
      FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS sent_row (body, place),
           jsonb_to_record(body) AS b (
           description text, amount numeric, category text, expense_date date, receipt_number text, vendor text, tax_amount numeric,
           is_billable boolean, client numeric, status text, notes text)
), known AS MATERIALIZED (
    SELECT c.id FROM books.client c
     WHERE c.owner_id = $1 AND c.id = ANY (ARRAY(SELECT s.client_id FROM sent s)) ORDER BY c.id FOR KEY SHARE
), made AS (
    INSERT INTO books.expense AS e (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount, is_billable,
                                    client_id, status, notes)
    SELECT $1, s.description, s.amount, s.category, s.expense_date, s.receipt_number, s.vendor, s.tax_amount, s.is_billable, s.client_id,
           s.status, s.notes
      FROM sent s WHERE s.client_id IS NULL OR s.client_id IN (SELECT known.id FROM known)
     ORDER BY s.place
    RETURNING e.id
)
SELECT (SELECT count(*) FROM made) AS created,
       ARRAY(SELECT s.place FROM sent s WHERE s.client_id IS NOT NULL AND s.client_id NOT IN (SELECT known.id FROM known) ORDER BY s.place) AS skipped;

-- name: update_expense(owner_id, id, body, if_match, actor) -> row
-- Members that the body omits stay; those that are null become empty, or as they are on a new expense. refused: why nothing is changed:
-- 'stale' if_match names another state, 'status' the status can't follow the present one, 'kept' the expense is approved and the body
-- changes what has been approved, 'future' or 'past'. No row: the expense does not exist.
WITH old AS MATERIALIZED (
    SELECT e.id, e AS expense FROM books.expense e WHERE e.owner_id = $1 AND e.id = $2 FOR NO KEY UPDATE
), wanted AS (
    SELECT coalesce(core.trimmed(b.description), (expense).description) AS description,
           coalesce(round(b.amount, 2), (expense).amount) AS amount,
           CASE WHEN $3::jsonb ? 'category' THEN coalesce(b.category, 'other') ELSE (expense).category END AS category,
           coalesce(b.expense_date, (expense).expense_date) AS expense_date,
           CASE WHEN $3::jsonb ? 'receipt_number' THEN coalesce(core.trimmed(b.receipt_number), '') ELSE (expense).receipt_number END
               AS receipt_number,
           CASE WHEN $3::jsonb ? 'vendor' THEN coalesce(core.trimmed(b.vendor), '') ELSE (expense).vendor END AS vendor,
           CASE WHEN $3::jsonb ? 'tax_amount' THEN coalesce(round(b.tax_amount, 2), 0) ELSE (expense).tax_amount END AS tax_amount,
           coalesce(b.is_billable, (expense).is_billable) AS is_billable,
           CASE WHEN $3::jsonb ? 'client' THEN b.client::bigint ELSE (expense).client_id END AS client_id,
           coalesce(b.status, (expense).status) AS status,
           CASE WHEN $3::jsonb ? 'notes' THEN coalesce(core.trimmed(b.notes), '') ELSE (expense).notes END AS notes
      FROM old, jsonb_to_record($3::jsonb) AS b (
           description text, amount numeric, category text, expense_date date, receipt_number text, vendor text, tax_amount numeric,
           is_billable boolean, client numeric, status text, notes text)
), judged AS (
    SELECT old.id, old.expense, CASE
               WHEN NOT books.is_match($4::text[], books.etag((expense).version)) THEN 'stale'
               WHEN NOT books.expense_may_become((expense).status, w.status) THEN 'status'
               WHEN (expense).status IN ('approved', 'reimbursed') AND (w.amount, w.tax_amount, w.expense_date, w.category) IS DISTINCT FROM
                    ((expense).amount, (expense).tax_amount, (expense).expense_date, (expense).category) THEN 'kept'
               -- A day that was right when it was stored stays right.
               WHEN w.expense_date <> (expense).expense_date THEN books.wrong_expense_date(w.expense_date)
           END AS refused
      FROM old, wanted w
), changed AS (
    UPDATE books.expense AS e
       SET description = w.description, amount = w.amount, category = w.category, expense_date = w.expense_date,
           receipt_number = w.receipt_number, vendor = w.vendor, tax_amount = w.tax_amount, is_billable = w.is_billable,
           client_id = w.client_id, status = w.status, notes = w.notes, version = e.version + 1, updated_at = now()
      FROM judged j, wanted w
     WHERE e.owner_id = $1 AND e.id = j.id AND j.refused IS NULL
    RETURNING e.id, e AS expense
)
SELECT j.refused, (j.expense).status AS present, document::text AS document,
       books.etag(coalesce((changed.expense).version, (j.expense).version)) AS etag,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $5::jsonb, 'expense.update', 'expense', j.id::text, to_jsonb(j.expense) - '{updated_at,version,searched}'::text[],
           to_jsonb(changed.expense) - '{updated_at,version,searched}'::text[]) END AS noted
  FROM judged j LEFT JOIN changed ON true LEFT JOIN LATERAL books.expense_document(changed.expense) AS document ON changed.id IS NOT NULL;

-- name: decide_expense(owner_id, id, status, if_match, action, actor) -> row
-- Approve, reject or reimburse. refused: 'stale', or 'status': the expense has this status, or may not get it. No row: it does not exist.
WITH old AS MATERIALIZED (
    SELECT e.id, e AS expense, CASE
               WHEN NOT books.is_match($4::text[], books.etag(e.version)) THEN 'stale'
               WHEN e.status = $3 OR NOT books.expense_may_become(e.status, $3) THEN 'status'
           END AS refused
      FROM books.expense e WHERE e.owner_id = $1 AND e.id = $2 FOR NO KEY UPDATE
), changed AS (
    UPDATE books.expense AS e SET status = $3, version = e.version + 1, updated_at = now()
      FROM old WHERE e.owner_id = $1 AND e.id = old.id AND old.refused IS NULL
    RETURNING e.id, e AS expense
)
SELECT old.refused, document::text AS document, books.etag(coalesce((changed.expense).version, (old.expense).version)) AS etag,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $6::jsonb, $5, 'expense', old.id::text, jsonb_build_object('status', (old.expense).status), jsonb_build_object('status', $3)) END AS noted
  FROM old LEFT JOIN changed ON true LEFT JOIN LATERAL books.expense_document(changed.expense) AS document ON changed.id IS NOT NULL;

-- name: delete_expense(owner_id, id, if_match, actor) -> row
-- is_stale: if_match names another state, and nothing is deleted. keys: of the files of its attachments, which go with it. No row: the
-- expense does not exist.
WITH old AS MATERIALIZED (
    SELECT e.id, e AS expense FROM books.expense e WHERE e.owner_id = $1 AND e.id = $2 FOR UPDATE
), gone AS (
    DELETE FROM books.expense AS e USING old
     WHERE e.owner_id = $1 AND e.id = old.id AND books.is_match($3::text[], books.etag((old.expense).version))
    RETURNING e.id
)
SELECT gone.id IS NULL AS is_stale, books.etag((old.expense).version) AS etag,
       ARRAY(SELECT a.key FROM books.attachment a WHERE a.owner_id = $1 AND a.expense_id = old.id) AS keys,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'expense.delete', 'expense', old.id::text, to_jsonb(old.expense) - '{version,searched}'::text[], NULL) END AS noted
  FROM old LEFT JOIN gone ON true;

-- name: get_stats(owner_id) -> value
-- What all expenses of the owner come to. top_category: the one of the largest sum; null: there are no expenses.
WITH by_category AS (
    SELECT e.category, count(*) AS n, sum(e.amount) AS total,
           count(*) FILTER (WHERE e.expense_date >= date_trunc('month', books.today())::date) AS n_month,
           sum(e.amount) FILTER (WHERE e.expense_date >= date_trunc('month', books.today())::date) AS total_month,
           count(*) FILTER (WHERE e.is_billable) AS n_billable, sum(e.amount) FILTER (WHERE e.is_billable) AS total_billable,
           count(*) FILTER (WHERE e.attachment_count > 0) AS n_receipts
      FROM books.expense e WHERE e.owner_id = $1 GROUP BY e.category
)
SELECT json_build_object(
           'total_expenses', coalesce(sum(n), 0), 'total_amount', coalesce(sum(total), 0.00)::text,
           'average_expense', round(coalesce(sum(total) / nullif(sum(n), 0), 0), 2)::text,
           'this_month', json_build_object('count', coalesce(sum(n_month), 0), 'total', coalesce(sum(total_month), 0.00)::text),
           'top_category', (SELECT c.category FROM by_category c ORDER BY c.total DESC, c.category LIMIT 1),
           'billable_count', coalesce(sum(n_billable), 0), 'billable_amount', coalesce(sum(total_billable), 0.00)::text,
           'with_receipts_count', coalesce(sum(n_receipts), 0))::text
  FROM by_category;
