-- Files of an owner's expenses. docs/api/books.md#attachments. a: the attachment. Whoever adds or removes one locks its expense first.

-- filter: expense(expense_id)
a.expense_id = $1::bigint

-- name: list_attachments(owner_id, page, page_size) -> row
-- One page with the count of all. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = $1 AND t.kind = 'attachment'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(books.attachment_document(attachment)), '[]') AS documents
         FROM (SELECT a AS attachment FROM books.attachment a
                WHERE a.owner_id = $1
                ORDER BY a.uploaded_at DESC, a.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_attachments(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM books.attachment a WHERE a.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(books.attachment_document(attachment)), '[]') AS documents
         FROM (SELECT a AS attachment FROM books.attachment a
                WHERE a.owner_id = $1 /* filters */
                ORDER BY a.uploaded_at DESC, a.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_attachments(after, owner_id, page_size) -> rows
-- One page after the attachment with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills
-- in the order.
SELECT books.attachment_document(a)::text AS document, (/* key */ jsonb_build_array(a.id) /* or as asked */)::text AS key
  FROM books.attachment a
 WHERE a.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY a.uploaded_at DESC, a.id DESC /* or as asked */
 LIMIT $3::bigint + 1;

-- name: get_attachment(owner_id, id) -> value
SELECT books.attachment_document(a)::text FROM books.attachment a WHERE a.owner_id = $1 AND a.id = $2;

-- name: get_file(owner_id, id) -> row
SELECT a.key, a.filename, a.content_type FROM books.attachment a WHERE a.owner_id = $1 AND a.id = $2;

-- name: get_expense_state(owner_id, expense_id) -> value
-- The number of files that an expense has; null: it does not exist. Asked before files are stored, which would be in vain otherwise.
SELECT e.attachment_count::integer FROM books.expense e WHERE e.owner_id = $1 AND e.id = $2;

-- name: add_attachments(owner_id, expense_id, files) -> rows
-- Their documents, in the order of the files: [{key, filename, content_type, size}]. No rows: the expense does not exist. More files than
-- an expense may have break a constraint of it.
WITH held AS (
    UPDATE books.expense AS e
       SET attachment_count = e.attachment_count + jsonb_array_length($3::jsonb), version = e.version + 1, updated_at = now()
     WHERE e.owner_id = $1 AND e.id = $2
    RETURNING e.id
), made AS (
    INSERT INTO books.attachment AS a (owner_id, expense_id, key, filename, content_type, size)
    SELECT $1, held.id, f.key, f.filename, f.content_type, f.size
      FROM held CROSS JOIN ROWS FROM (
           jsonb_to_recordset($3::jsonb) AS (key text, filename text, content_type text, size integer)) WITH ORDINALITY AS f
     ORDER BY f.ordinality
    RETURNING a AS attachment
)
SELECT books.attachment_document(attachment)::text AS document FROM made ORDER BY (attachment).id;

-- name: delete_attachment(owner_id, id, expense_id, actor) -> row
-- expense_id: of which it must be a file; null: of any. key: of its file. remaining: files that the expense still has. No row: there is
-- no such attachment.
WITH held AS MATERIALIZED (
    SELECT e.id, a.id AS attachment_id
      FROM books.attachment a JOIN books.expense e ON e.owner_id = a.owner_id AND e.id = a.expense_id
     WHERE a.owner_id = $1 AND a.id = $2 AND ($3::bigint IS NULL OR a.expense_id = $3)
       FOR NO KEY UPDATE OF e
), gone AS (
    DELETE FROM books.attachment AS a USING held WHERE a.owner_id = $1 AND a.id = held.attachment_id
    RETURNING a AS attachment
), changed AS (
    UPDATE books.expense AS e SET attachment_count = e.attachment_count - 1, version = e.version + 1, updated_at = now()
      FROM gone WHERE e.owner_id = $1 AND e.id = (gone.attachment).expense_id
    RETURNING e.attachment_count
)
SELECT (gone.attachment).key, changed.attachment_count::integer AS remaining,
       operations.note($4::jsonb, 'attachment.delete', 'attachment', (gone.attachment).id::text, to_jsonb(gone.attachment), NULL) AS noted
  FROM gone CROSS JOIN changed;
