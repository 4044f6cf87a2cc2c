-- What an account was told. docs/api/monitoring.md#notifications. n: the notification.

-- name: list_notifications(owner_id, page, page_size, most) -> row
-- One page. They are counted, because they last for 90 days only. page: 1-based; null: the last page. results is null if the page does not
-- exist. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (SELECT FROM monitoring.notification n WHERE n.account_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(monitoring.notification_document(notification)), '[]') AS documents
         FROM (SELECT n AS notification FROM monitoring.notification n
                WHERE n.account_id = $1 /* filters */
                ORDER BY n.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_notifications(after, owner_id, page_size) -> rows
-- One page after the notification with a key (null: from the beginning), and one row more if another page follows.
SELECT monitoring.notification_document(n)::text AS document, (/* key */ jsonb_build_array(n.id) /* or as asked */)::text AS key
  FROM monitoring.notification n
 WHERE n.account_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY n.id DESC /* or as asked */
 LIMIT $3::bigint + 1;
