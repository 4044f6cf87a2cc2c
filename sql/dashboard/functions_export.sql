-- Exports of dashboards. docs/api/dashboard.md#export
-- The area's triggers are listed in functions.sql.

-- A new export, or the same one that is under way; its job is enqueued unless it is in the queue. No row: the owner has `most` under way; requests at
-- the same moment may make a few more.
CREATE OR REPLACE FUNCTION dashboard.queue_export(
    owner bigint, its_format text, its_type text, its_period text, with_charts boolean, most bigint)
RETURNS SETOF dashboard.export LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
DECLARE
    made dashboard.export;
BEGIN
    INSERT INTO dashboard.export AS x (owner_id, export_format, export_type, period_type, include_charts, day, position)
    SELECT owner, its_format, its_type, its_period, with_charts, books.today(), head.position
      FROM core.event_head head
     WHERE (SELECT count(*) FROM dashboard.export y WHERE y.owner_id = owner AND y.status IN ('queued', 'running')) < most
        OR EXISTS (SELECT FROM dashboard.export y
                    WHERE y.owner_id = owner AND y.export_format = its_format AND y.export_type = its_type AND y.period_type = its_period
                      AND y.include_charts = with_charts AND y.day = books.today() AND y.status IN ('queued', 'running'))
        -- The update changes nothing: it is there for RETURNING.
        ON CONFLICT (owner_id, export_format, export_type, period_type, include_charts, day) WHERE status IN ('queued', 'running')
           DO UPDATE SET day = x.day
    RETURNING x.* INTO made;
    IF FOUND THEN
        PERFORM core.enqueue_job('dashboard.export', jsonb_build_object('owner_id', owner, 'id', made.id),
                                 dedupe_key => format('dashboard.export:%s:%s', owner, made.id));
        RETURN NEXT made;
    END IF;
END $$;

-- Exports. docs/api/dashboard.md#export

-- The name of the file.
CREATE OR REPLACE FUNCTION dashboard.export_name(x dashboard.export) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'dashboard_' || x.export_type || '_' || to_char(x.day, 'YYYYMMDD') || '.' || x.export_format
$$;

-- Where the owner downloads the file; null until it is there.
CREATE OR REPLACE FUNCTION dashboard.export_url(x dashboard.export) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x.status = 'done' THEN '/api/dashboard/downloads/' || dashboard.export_name(x) || '?id=' || x.id END
$$;

-- file: the key of the file, for which the handler puts a link.
CREATE OR REPLACE FUNCTION dashboard.export_document(x dashboard.export) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', x.id, 'status', x.status, 'stage', x.stage, 'percent', x.percent, 'export_format', x.export_format, 'export_type', x.export_type,
        'period_type', x.period_type, 'include_charts', x.include_charts, 'export_url', dashboard.export_url(x), 'file', 'media:' || x.key,
        'file_size', x.file_size, 'error', x.error, 'created_at', core.iso(x.created_at),
        'generated_at', CASE WHEN x.status = 'done' THEN core.iso(x.finished_at) END, 'expires_at', core.iso(x.created_at + interval '7 days'))
$$;

-- What a stream tells of an export.
CREATE OR REPLACE FUNCTION dashboard.export_event(x dashboard.export) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', x.id, 'status', x.status, 'stage', x.stage, 'percent', x.percent, 'export_url', dashboard.export_url(x), 'file_size', x.file_size,
        'error', x.error, 'generated_at', CASE WHEN x.status = 'done' THEN core.iso(x.finished_at) END)
$$;

-- Announces an export. The tag `end` marks its last event.
CREATE OR REPLACE FUNCTION dashboard.export_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload, tags)
    VALUES ('dashboard.export', dashboard.export_event(NEW)::text,
            ARRAY['owner:' || NEW.owner_id, 'export:' || NEW.id] || CASE WHEN NEW.status IN ('done', 'failed') THEN ARRAY['end'] ELSE ARRAY[]::text[] END);
    RETURN NULL;
END $$;
