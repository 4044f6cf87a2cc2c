-- Executions of tasks. docs/api/monitoring.md#executions. t: the execution.

-- owner_id: the account whose rows may be seen; null: all. The filter `own`, which goes with it, is what an index finds.
-- filter: own(account_id)
t.account_id = $1::bigint

-- filter: created_since(moment)
t.created_at >= ($1::text)::timestamptz

-- filter: created_until(moment)
t.created_at <= ($1::text)::timestamptz

-- filter: task_name(task_name)
t.task_name = $1::text

-- Each choice is a constant, so that Postgres knows how frequent it is.
-- filter: status_pending()
t.status = 'pending'

-- filter: status_started()
t.status = 'started'

-- filter: status_success()
t.status = 'success'

-- filter: status_failure()
t.status = 'failure'

-- filter: status_retry()
t.status = 'retry'

-- filter: status_revoked()
t.status = 'revoked'

-- filter: queue_name(queue_name)
t.queue_name = $1::text

-- filter: priority_low()
t.priority = 'low'

-- filter: priority_normal()
t.priority = 'normal'

-- filter: priority_high()
t.priority = 'high'

-- filter: priority_critical()
t.priority = 'critical'

-- The index finds the longest word, also in the names of workers, into which only administrators look (is_admin).
-- filter: search(is_admin, longest, words)
t.searched LIKE core.containing($2::text)
AND lower(t.task_name || E'\n' || t.task_id || E'\n' || CASE WHEN $1::boolean OR t.job_id IS NULL THEN t.worker_name ELSE '' END)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($3::text[]) AS word))

-- For words without three letters in a row, which no index finds: each row that the other filters leave is tested.
-- filter: short_search(is_admin, longest, words)
t.searched || '' LIKE core.containing($2::text)
AND lower(t.task_name || E'\n' || t.task_id || E'\n' || CASE WHEN $1::boolean OR t.job_id IS NULL THEN t.worker_name ELSE '' END)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($3::text[]) AS word))

-- name: list_tasks(owner_id, page, page_size) -> row
-- One page of all rows, with their count. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT y.n FROM monitoring.tally y WHERE y.kind = 'task'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(monitoring.task_document(listed.task, $1::bigint IS NULL)), '[]') AS documents
         FROM (SELECT t AS task FROM monitoring.task t
                WHERE ($1::bigint IS NULL OR t.account_id = $1)
                ORDER BY t.created_at DESC, t.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_tasks(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM monitoring.task t WHERE ($1::bigint IS NULL OR t.account_id = $1) /* filters */
             LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(monitoring.task_document(listed.task, $1::bigint IS NULL)), '[]') AS documents
         FROM (SELECT t AS task FROM monitoring.task t
                WHERE ($1::bigint IS NULL OR t.account_id = $1) /* filters */
                ORDER BY t.created_at DESC, t.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_tasks(after, owner_id, page_size) -> rows
-- One page after the row with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in the order.
SELECT monitoring.task_document(listed.task, $2::bigint IS NULL)::text AS document, key::text AS key
  FROM (SELECT t AS task, /* key */ jsonb_build_array(t.id) /* or as asked */ AS key
          FROM monitoring.task t
         WHERE ($2::bigint IS NULL OR t.account_id = $2) AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
         ORDER BY t.created_at DESC, t.id DESC /* or as asked */
         LIMIT $3::bigint + 1) listed;

-- name: get_task(owner_id, id) -> row
SELECT monitoring.task_document(t, $1::bigint IS NULL)::text AS document, books.etag(t.version) AS etag
  FROM monitoring.task t WHERE t.id = $2 AND ($1::bigint IS NULL OR t.account_id = $1);

-- name: create_task(account_id, is_admin, body, moments, actor) -> row
-- moments: members of the body that are moments, as Postgres reads them. Only an administrator says whose the execution is. What has ended has
-- a completed_at, and what has begun a started_at: now, unless the body says when.
WITH made AS (
    INSERT INTO monitoring.task AS t (
        account_id, is_server, task_id, task_name, queue_name, priority, status, scheduled_at, started_at, completed_at, duration, retry_count,
        worker_name, result_summary, error_message, memory_usage, arguments, keyword_arguments)
    SELECT CASE WHEN $2::boolean AND s.body ? 'user' THEN b."user"::bigint ELSE $1::bigint END, $2, core.trimmed(b.task_id), core.trimmed(b.task_name),
           coalesce(nullif(core.trimmed(b.queue_name), ''), 'default'), coalesce(b.priority, 'normal'), coalesce(b.status, 'pending'),
           coalesce(b.scheduled_at, now()), coalesce(b.started_at, CASE WHEN b.status = 'started' THEN now() END),
           coalesce(b.completed_at, CASE WHEN b.status IN ('success', 'failure', 'revoked') THEN now() END), b.duration,
           coalesce(b.retry_count::integer, 0), coalesce(core.trimmed(b.worker_name), ''), coalesce(core.trimmed(b.result_summary), ''),
           coalesce(core.trimmed(b.error_message), ''), b.memory_usage, coalesce(b.arguments, '[]'), coalesce(b.keyword_arguments, '{}')
      FROM (SELECT $3::jsonb || $4::jsonb AS body) s, jsonb_to_record(s.body) AS b (
               task_id text, task_name text, queue_name text, "user" numeric, priority text, status text, scheduled_at timestamptz, started_at timestamptz,
               completed_at timestamptz, duration numeric, retry_count numeric, worker_name text, result_summary text, error_message text, memory_usage numeric,
               arguments jsonb, keyword_arguments jsonb)
    RETURNING t.id, t AS task
)
SELECT monitoring.task_document(made.task, $2)::text AS document,
       operations.note($5::jsonb, 'task.create', 'task', made.id::text, NULL, to_jsonb(made.task) - '{version,searched}'::text[]) AS noted
  FROM made;

-- name: update_task(account_id, is_admin, id, body, moments, if_match, actor) -> row
-- Members that the body omits stay; those that are null become empty, or as they are of a new execution. is_stale: if_match names another
-- state, and is_job that it is one of the server's own jobs; then nothing is changed. No row: the execution does not exist for the account.
WITH old AS MATERIALIZED (
    SELECT t.id, t AS task FROM monitoring.task t WHERE t.id = $3 AND ($2::boolean OR t.account_id = $1) FOR NO KEY UPDATE
), sent AS (
    SELECT $4::jsonb || $5::jsonb AS body
), changed AS (
    UPDATE monitoring.task AS t
       SET account_id = CASE WHEN $2 AND s.body ? 'user' THEN b."user"::bigint ELSE t.account_id END,
           task_id = coalesce(core.trimmed(b.task_id), t.task_id), task_name = coalesce(core.trimmed(b.task_name), t.task_name),
           queue_name = CASE WHEN s.body ? 'queue_name' THEN coalesce(nullif(core.trimmed(b.queue_name), ''), 'default') ELSE t.queue_name END,
           priority = coalesce(b.priority, t.priority), status = coalesce(b.status, t.status), scheduled_at = coalesce(b.scheduled_at, t.scheduled_at),
           started_at = coalesce(CASE WHEN s.body ? 'started_at' THEN b.started_at ELSE t.started_at END,
                                 CASE WHEN coalesce(b.status, t.status) = 'started' THEN now() END),
           completed_at = coalesce(CASE WHEN s.body ? 'completed_at' THEN b.completed_at ELSE t.completed_at END,
                                   CASE WHEN coalesce(b.status, t.status) IN ('success', 'failure', 'revoked') THEN now() END),
           duration = CASE WHEN s.body ? 'duration' THEN b.duration ELSE t.duration END,
           retry_count = CASE WHEN s.body ? 'retry_count' THEN coalesce(b.retry_count::integer, 0) ELSE t.retry_count END,
           worker_name = CASE WHEN s.body ? 'worker_name' THEN coalesce(core.trimmed(b.worker_name), '') ELSE t.worker_name END,
           result_summary = CASE WHEN s.body ? 'result_summary' THEN coalesce(core.trimmed(b.result_summary), '') ELSE t.result_summary END,
           error_message = CASE WHEN s.body ? 'error_message' THEN coalesce(core.trimmed(b.error_message), '') ELSE t.error_message END,
           memory_usage = CASE WHEN s.body ? 'memory_usage' THEN b.memory_usage ELSE t.memory_usage END,
           arguments = CASE WHEN s.body ? 'arguments' THEN coalesce(b.arguments, '[]') ELSE t.arguments END,
           keyword_arguments = CASE WHEN s.body ? 'keyword_arguments' THEN coalesce(b.keyword_arguments, '{}') ELSE t.keyword_arguments END,
           version = t.version + 1, updated_at = now()
      FROM old, sent s, jsonb_to_record(s.body) AS b (
           task_id text, task_name text, queue_name text, "user" numeric, priority text, status text, scheduled_at timestamptz, started_at timestamptz,
           completed_at timestamptz, duration numeric, retry_count numeric, worker_name text, result_summary text, error_message text, memory_usage numeric,
           arguments jsonb, keyword_arguments jsonb)
     WHERE t.id = old.id AND (old.task).job_id IS NULL AND books.is_match($6::text[], books.etag((old.task).version))
    RETURNING t.id, t AS task
)
SELECT (old.task).job_id IS NOT NULL AS is_job, changed.id IS NULL AS is_stale, monitoring.task_document(changed.task, $2)::text AS document,
       books.etag(coalesce((changed.task).version, (old.task).version)) AS etag,
       CASE WHEN changed.id IS NOT NULL THEN operations.note(
           $7::jsonb, 'task.update', 'task', old.id::text, to_jsonb(old.task) - '{updated_at,version,searched}'::text[],
           to_jsonb(changed.task) - '{updated_at,version,searched}'::text[]) END AS noted
  FROM old LEFT JOIN changed ON true;

-- name: delete_task(owner_id, id, if_match, actor) -> row
-- is_stale: if_match names another state, and is_job that it is one of the server's own jobs, which only administrators delete; then
-- nothing is deleted. No row: the execution does not exist for the account.
WITH old AS MATERIALIZED (
    SELECT t.id, t AS task FROM monitoring.task t WHERE t.id = $2 AND ($1::bigint IS NULL OR t.account_id = $1) FOR UPDATE
), gone AS (
    DELETE FROM monitoring.task AS t USING old
     WHERE t.id = old.id AND ((old.task).job_id IS NULL OR $1 IS NULL) AND books.is_match($3::text[], books.etag((old.task).version))
    RETURNING t.id
)
SELECT (old.task).job_id IS NOT NULL AND $1 IS NOT NULL AS is_job, gone.id IS NULL AS is_stale, books.etag((old.task).version) AS etag,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'task.delete', 'task', old.id::text, to_jsonb(old.task) - '{version,searched}'::text[], NULL) END AS noted
  FROM old LEFT JOIN gone ON true;
