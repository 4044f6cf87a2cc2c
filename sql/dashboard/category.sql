-- What clients, services and categories of expenses have of a period. docs/api/dashboard.md#categories. h: the share.

-- filter: category_type(category_type)
h.category_type = $1::text

-- name: find_categories(owner_id, page, page_size, most, period_type, day) -> row
-- One page of the period that `day` is in (null: today). Of each type share_magnitude_idx has the shares in the order of the list, and the
-- three types are merged. page: 1-based; null: the last page. count: one more than `most`, or than the page and those before it hold,
-- means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM dashboard.share h
             WHERE h.owner_id = $1 AND h.category_type IN ('expense', 'client', 'service') AND h.period_type = $5
               AND h.period_start = dashboard.start_of($5, $6::text::date) AND h.n > 0 /* filters */
             LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(document), '[]') AS documents
         FROM (SELECT h.share, dashboard.whole(k.category_type, p.spent, p.billed, p.subtotal) AS whole
                 FROM (VALUES ('expense'), ('client'), ('service')) AS k (category_type)
                CROSS JOIN LATERAL (
                      SELECT h AS share, h.magnitude, h.amount, h.id
                        FROM dashboard.share h
                       WHERE h.owner_id = $1 AND h.category_type = k.category_type AND h.period_type = $5
                         AND h.period_start = dashboard.start_of($5, $6::text::date) AND h.n > 0 /* filters */
                       ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC /* or as asked */
                       LIMIT page.number * $3::bigint) h
                 LEFT JOIN dashboard.period p ON p.owner_id = $1 AND p.period_type = $5 AND p.period_start = dashboard.start_of($5, $6::text::date)
                ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
        CROSS JOIN LATERAL dashboard.category_document(listed.share, listed.whole) AS document
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_categories(after, owner_id, page_size, period_type, day) -> rows
-- One page after the share with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in the
-- order.
SELECT document::text AS document, listed.key
  FROM (SELECT h.share, dashboard.whole(k.category_type, p.spent, p.billed, p.subtotal) AS whole,
               (/* key */ jsonb_build_array(h.id) /* or as asked */)::text AS key
          FROM (VALUES ('expense'), ('client'), ('service')) AS k (category_type)
         CROSS JOIN LATERAL (
               SELECT h AS share, h.magnitude, h.amount, h.id
                 FROM dashboard.share h
                WHERE h.owner_id = $2 AND h.category_type = k.category_type AND h.period_type = $4
                  AND h.period_start = dashboard.start_of($4, $5::text::date) AND h.n > 0
                  AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
                ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC /* or as asked */
                LIMIT $3::bigint + 1) h
          LEFT JOIN dashboard.period p ON p.owner_id = $2 AND p.period_type = $4 AND p.period_start = dashboard.start_of($4, $5::text::date)
         ORDER BY h.magnitude DESC, h.amount DESC, h.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed
 CROSS JOIN LATERAL dashboard.category_document(listed.share, listed.whole) AS document;

-- name: get_category(owner_id, id) -> row
-- Of any period, also of a past one.
SELECT document::text AS document
  FROM dashboard.share h
  LEFT JOIN dashboard.period p ON p.owner_id = h.owner_id AND p.period_type = h.period_type AND p.period_start = h.period_start
 CROSS JOIN LATERAL dashboard.category_document(h, dashboard.whole(h.category_type, p.spent, p.billed, p.subtotal)) AS document
 WHERE h.owner_id = $1 AND h.id = $2 AND h.n > 0;
