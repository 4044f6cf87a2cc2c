-- Figures that an owner keeps. docs/api/dashboard.md#snapshots. s: the snapshot.

-- filter: period_type(period_type)
s.period_type = $1::text

-- name: find_snapshots(owner_id, page, page_size, most) -> row
-- One page. They are counted, because an owner has few of them. page: 1-based; null: the last page. results is null if the page does not
-- exist. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM dashboard.snapshot s WHERE s.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(dashboard.snapshot_document(snapshot)), '[]') AS documents
         FROM (SELECT s AS snapshot FROM dashboard.snapshot s
                WHERE s.owner_id = $1 /* filters */
                ORDER BY s.snapshot_date DESC, s.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_snapshots(after, owner_id, page_size) -> rows
-- One page after the snapshot with a key (null: from the beginning), and one row more if another page follows.
SELECT dashboard.snapshot_document(s)::text AS document, (/* key */ jsonb_build_array(s.id) /* or as asked */)::text AS key
  FROM dashboard.snapshot s
 WHERE s.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY s.snapshot_date DESC, s.id DESC /* or as asked */
 LIMIT $3::bigint + 1;

-- name: get_snapshot(owner_id, id) -> value
SELECT dashboard.snapshot_document(s)::text FROM dashboard.snapshot s WHERE s.owner_id = $1 AND s.id = $2;

-- name: create_snapshot(owner_id, body, actor) -> row
-- No row: the day is in the future. It may be a day ahead, because somewhere it is tomorrow already.
WITH made AS (
    INSERT INTO dashboard.snapshot AS s (owner_id, snapshot_date, period_type, total_revenue, total_expenses, outstanding_amount, total_clients, new_clients,
                                         total_invoices, total_quotes, accepted, total_expense_count, reimbursable_expenses)
    SELECT $1, w.day, w.period_type, f.*
      FROM (SELECT coalesce(b.snapshot_date, books.today()) AS day, coalesce(b.period_type, 'monthly') AS period_type
              FROM jsonb_to_record($2::jsonb) AS b (snapshot_date date, period_type text)) w
     CROSS JOIN LATERAL dashboard.figures_on($1, w.period_type, w.day) f
     WHERE w.day <= books.today() + 1
    RETURNING s.id, s AS snapshot
)
SELECT dashboard.snapshot_document(made.snapshot)::text AS document,
       operations.note($3::jsonb, 'snapshot.create', 'snapshot', made.id::text, NULL, to_jsonb(made.snapshot)) AS noted
  FROM made;

-- name: generate_snapshot(owner_id, body, actor) -> row
-- The same, in place of the one that is stored for the day.
WITH made AS MATERIALIZED (
    SELECT s AS snapshot
      FROM (SELECT coalesce(b.snapshot_date, books.today()) AS day, coalesce(b.period_type, 'monthly') AS period_type
              FROM jsonb_to_record($2::jsonb) AS b (snapshot_date date, period_type text)) w
     CROSS JOIN LATERAL dashboard.store_snapshot($1, w.period_type, w.day) s
     WHERE w.day <= books.today() + 1
)
SELECT dashboard.snapshot_document(made.snapshot)::text AS document,
       operations.note($3::jsonb, 'snapshot.generate', 'snapshot', (made.snapshot).id::text, NULL, to_jsonb(made.snapshot)) AS noted
  FROM made;
