-- Alerts. docs/api/monitoring.md#alerts. a: the alert.

-- owner_id: the account whose rows may be seen; null: all. The filter `own`, which goes with it, is what an index finds.
-- filter: own(account_id)
a.account_id = $1::bigint

-- filter: created_since(moment)
a.triggered_at >= ($1::text)::timestamptz

-- filter: created_until(moment)
a.triggered_at <= ($1::text)::timestamptz

-- Each choice is a constant, so that Postgres knows how frequent it is.
-- filter: alert_type_task_failure()
a.alert_type = 'task_failure'

-- filter: alert_type_high_failure_rate()
a.alert_type = 'high_failure_rate'

-- filter: alert_type_worker_down()
a.alert_type = 'worker_down'

-- filter: alert_type_queue_backlog()
a.alert_type = 'queue_backlog'

-- filter: alert_type_slow_tasks()
a.alert_type = 'slow_tasks'

-- filter: alert_type_system_overload()
a.alert_type = 'system_overload'

-- filter: severity_info()
a.severity_rank = 1

-- filter: severity_warning()
a.severity_rank = 2

-- filter: severity_error()
a.severity_rank = 3

-- filter: severity_critical()
a.severity_rank = 4

-- filter: unresolved()
a.resolved_at IS NULL

-- filter: resolved()
a.resolved_at IS NOT NULL

-- filter: resolved_since(moment)
a.resolved_at >= ($1::text)::timestamptz

-- filter: resolved_until(moment)
a.resolved_at <= ($1::text)::timestamptz

-- The index finds the longest word.
-- filter: search(longest, words)
a.searched LIKE core.containing($1::text) AND a.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- For words without three letters in a row, which no index finds: each row that the other filters leave is tested.
-- filter: short_search(longest, words)
a.searched || '' LIKE core.containing($1::text) AND a.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- name: list_alerts(owner_id, page, page_size) -> row
-- One page of all rows, with their count. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT y.n FROM monitoring.tally y WHERE y.kind = 'alert'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(monitoring.alert_document(listed.alert)), '[]') AS documents
         FROM (SELECT a AS alert FROM monitoring.alert a
                WHERE ($1::bigint IS NULL OR a.account_id = $1)
                ORDER BY a.triggered_at DESC, a.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_alerts(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM monitoring.alert a WHERE ($1::bigint IS NULL OR a.account_id = $1) /* filters */
             LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(monitoring.alert_document(listed.alert)), '[]') AS documents
         FROM (SELECT a AS alert FROM monitoring.alert a
                WHERE ($1::bigint IS NULL OR a.account_id = $1) /* filters */
                ORDER BY a.triggered_at DESC, a.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_alerts(after, owner_id, page_size) -> rows
-- One page after the row with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in the order.
SELECT monitoring.alert_document(listed.alert)::text AS document, key::text AS key
  FROM (SELECT a AS alert, /* key */ jsonb_build_array(a.id) /* or as asked */ AS key
          FROM monitoring.alert a
         WHERE ($2::bigint IS NULL OR a.account_id = $2) AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY a.triggered_at DESC, a.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed;

-- name: get_alert(owner_id, id) -> row
SELECT monitoring.alert_document(a)::text AS document, books.etag(a.version) AS etag
  FROM monitoring.alert a WHERE a.id = $2 AND ($1::bigint IS NULL OR a.account_id = $1);

-- name: active_alerts(owner_id, most) -> value
SELECT monitoring.active_alerts($1::bigint, $2::integer)::text;

-- name: create_alert(owner_id, body, actor) -> row
-- Whose alert it is: of the account whose execution it names, or of who makes it; null: of the administrators. is_unknown: it names an
-- execution that does not exist for the account, and nothing is made.
WITH sent AS (
    SELECT b.*, t.id AS execution_id, b.task_execution IS NOT NULL AND t.id IS NULL AS is_unknown, CASE WHEN t.id IS NOT NULL THEN t.account_id ELSE $1 END AS account_id
      FROM jsonb_to_record($2::jsonb) AS b (
           alert_type text, severity text, title text, message text, task_execution numeric, metadata jsonb, notification_sent boolean)
      LEFT JOIN monitoring.task t ON t.id = b.task_execution::bigint AND ($1::bigint IS NULL OR t.account_id = $1)
), made AS (
    INSERT INTO monitoring.alert AS a (account_id, alert_type, severity, title, message, execution_id, metadata, notification_sent)
    SELECT s.account_id, s.alert_type, s.severity, core.trimmed(s.title), core.trimmed(s.message), s.execution_id, coalesce(s.metadata, '{}'),
           coalesce(s.notification_sent, true)
      FROM sent s WHERE NOT s.is_unknown
    RETURNING a AS alert
)
SELECT s.is_unknown, monitoring.alert_document(m.alert)::text AS document,
       CASE WHEN NOT s.is_unknown THEN operations.note(
           $3::jsonb, 'alert.create', 'alert', (m.alert).id::text, NULL, to_jsonb(m.alert) - '{version,searched}'::text[]) END AS noted
  FROM sent s LEFT JOIN made m ON true;

-- name: update_alert(owner_id, id, body, if_match, actor) -> row
-- Members that the body omits stay, and those that are null become empty. is_stale: if_match names another state; is_unknown: the body names
-- an execution that does not exist for the account; nothing is changed. No row: the alert does not exist for the account.
WITH old AS MATERIALIZED (
    SELECT a.id, a AS alert FROM monitoring.alert a WHERE a.id = $2 AND ($1::bigint IS NULL OR a.account_id = $1) FOR NO KEY UPDATE
), sent AS (
    SELECT b.*, t.id AS execution_id, b.task_execution IS NOT NULL AND t.id IS NULL AS is_unknown
      FROM jsonb_to_record($3::jsonb) AS b (
           alert_type text, severity text, title text, message text, task_execution numeric, metadata jsonb, notification_sent boolean)
      -- An alert of an account may only name one of the account's executions, whoever writes it.
      LEFT JOIN monitoring.task t ON t.id = b.task_execution::bigint AND t.account_id IS NOT DISTINCT FROM (SELECT (old.alert).account_id FROM old)
), changed AS (
    UPDATE monitoring.alert AS a
       SET alert_type = coalesce(s.alert_type, a.alert_type), severity = coalesce(s.severity, a.severity), title = coalesce(core.trimmed(s.title), a.title),
           message = coalesce(core.trimmed(s.message), a.message),
           execution_id = CASE WHEN $3::jsonb ? 'task_execution' THEN s.execution_id ELSE a.execution_id END,
           metadata = CASE WHEN $3::jsonb ? 'metadata' THEN coalesce(s.metadata, '{}') ELSE a.metadata END,
           notification_sent = coalesce(s.notification_sent, a.notification_sent), version = a.version + 1
      FROM old, sent s
     WHERE a.id = old.id AND NOT s.is_unknown AND books.is_match($4::text[], books.etag((old.alert).version))
    RETURNING a.id, a AS alert
)
SELECT NOT books.is_match($4::text[], books.etag((old.alert).version)) AS is_stale, s.is_unknown, monitoring.alert_document(changed.alert)::text AS document,
       books.etag(coalesce((changed.alert).version, (old.alert).version)) AS etag,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $5::jsonb, 'alert.update', 'alert', old.id::text, to_jsonb(old.alert) - '{version,searched}'::text[],
           to_jsonb(changed.alert) - '{version,searched}'::text[]) END AS noted
  FROM old CROSS JOIN sent s LEFT JOIN changed ON true;

-- name: delete_alert(owner_id, id, if_match, actor) -> row
-- is_stale: if_match names another state, and nothing is deleted. No row: the alert does not exist for the account.
WITH old AS MATERIALIZED (
    SELECT a.id, a AS alert FROM monitoring.alert a WHERE a.id = $2 AND ($1::bigint IS NULL OR a.account_id = $1) FOR UPDATE
), gone AS (
    DELETE FROM monitoring.alert AS a USING old WHERE a.id = old.id AND books.is_match($3::text[], books.etag((old.alert).version)) RETURNING a.id
)
SELECT gone.id IS NULL AS is_stale, books.etag((old.alert).version) AS etag,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'alert.delete', 'alert', old.id::text, to_jsonb(old.alert) - '{version,searched}'::text[], NULL) END AS noted
  FROM old LEFT JOIN gone ON true;

-- name: acknowledge_alert(account_id, is_admin, id, actor) -> row
SELECT a.document::text AS document, a.etag FROM monitoring.acknowledge_alert($1, $2, $3, $4::jsonb) a;

-- name: resolve_alert(owner_id, id, actor) -> row
-- A resolved one stays as it is. No row: the alert does not exist for the account.
WITH old AS MATERIALIZED (
    SELECT a.id, a AS alert FROM monitoring.alert a WHERE a.id = $2 AND ($1::bigint IS NULL OR a.account_id = $1) FOR NO KEY UPDATE
), changed AS (
    UPDATE monitoring.alert AS a SET resolved_at = now(), version = a.version + 1
      FROM old WHERE a.id = old.id AND (old.alert).resolved_at IS NULL
    RETURNING a.id
)
SELECT old.id, CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $3::jsonb, 'alert.resolve', 'alert', old.id::text, jsonb_build_object('is_resolved', false), jsonb_build_object('is_resolved', true))
       END AS noted
  FROM old LEFT JOIN changed ON true;
