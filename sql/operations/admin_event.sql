-- The event log as the administration shows it (handlers/api/admin.py). e: an event that has its position; others wait for it a moment.
-- docs/api/operations.md#administration

-- filter: keys(positions)
e.position = ANY ($1::bigint[])

-- filter: topic(topic)
-- Of the newest 50,000 events, which are read in 20 ms: an index by topic would be one more to write for each event.
e.topic = $1::text AND e.position > (SELECT h.position - 50000 FROM core.event_head h)

-- name: list_rows(after, most) -> rows
SELECT e.position::text AS key, e.topic || ' ' || e.position AS label, e.position, e.topic, e.created_at, left(e.payload, 200) AS payload,
       (/* key */ jsonb_build_array(e.position) /* or as asked */)::text AS place
  FROM core.event e
 WHERE e.position IS NOT NULL AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY e.position /* or as asked */ LIMIT $2::bigint;

-- name: get_row(position) -> value
-- The payload is JSON by the log's own rule, and shown as the text that it is.
SELECT json_build_object('label', e.topic || ' ' || e.position, 'position', e.position, 'topic', e.topic, 'created_at', core.iso(e.created_at),
                         'tags', e.tags, 'payload', e.payload)::text
  FROM core.event e WHERE e.position = $1::bigint;
