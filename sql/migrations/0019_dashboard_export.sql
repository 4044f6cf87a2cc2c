-- Exports of dashboards, which are files that jobs make. Functions: sql/dashboard/functions.sql.
-- Safe beside a running release: creates new objects only.
--
-- An export is no part of the books, and goes with its owner's account. key: of the file in the storage.

CREATE FUNCTION dashboard.export_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- day: on which it was asked for; it names the period and the file. stage: what the job does; percent: how much of the whole is done.
-- position: where the event log ended when the export was made; its events come after that.
CREATE TABLE dashboard.export (
    owner_id       bigint      NOT NULL CONSTRAINT export_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    id             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    export_format  text        NOT NULL CONSTRAINT export_format_known CHECK (export_format IN ('csv', 'xlsx', 'pdf')),
    export_type    text        NOT NULL CONSTRAINT export_type_known CHECK (export_type IN ('overview', 'detailed', 'financial', 'clients', 'analytics')),
    period_type    text        NOT NULL CONSTRAINT export_period_type_known CHECK (period_type IN ('daily', 'weekly', 'monthly', 'quarterly', 'yearly')),
    include_charts boolean     NOT NULL,
    day            date        NOT NULL,
    status         text        NOT NULL DEFAULT 'queued' CONSTRAINT export_status_known CHECK (status IN ('queued', 'running', 'done', 'failed')),
    stage          text        NOT NULL DEFAULT 'waiting' CONSTRAINT export_stage_known CHECK (stage IN ('waiting', 'reading', 'writing', 'storing', 'done')),
    percent        smallint    NOT NULL DEFAULT 0 CONSTRAINT export_percent_bounded CHECK (percent BETWEEN 0 AND 100),
    position       bigint      NOT NULL,
    key            text        CONSTRAINT export_key_plain CHECK (key ~ '^[a-z0-9/._-]{1,200}$'),
    file_size      bigint,
    error          text        NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    PRIMARY KEY (owner_id, id),
    CONSTRAINT export_done_has_file CHECK ((status = 'done') = (key IS NOT NULL AND file_size IS NOT NULL))
);
-- The same request finds the export that is under way.
CREATE UNIQUE INDEX export_under_way_key ON dashboard.export (owner_id, export_format, export_type, period_type, include_charts, day) WHERE status IN ('queued', 'running');
-- The newest with the name of a download.
CREATE INDEX export_name_idx ON dashboard.export (owner_id, export_type, export_format, day, id) WHERE status = 'done';
-- The oldest, which are removed.
CREATE INDEX export_created_at_idx ON dashboard.export (created_at);
-- Those that nobody may make any more.
CREATE INDEX export_unfinished_idx ON dashboard.export (created_at) WHERE status IN ('queued', 'running');

CREATE TRIGGER export_file_used AFTER INSERT OR UPDATE OF key OR DELETE ON dashboard.export
    FOR EACH ROW EXECUTE FUNCTION core.use_media_file('key');
CREATE TRIGGER export_announced AFTER INSERT OR UPDATE OF status, stage, percent ON dashboard.export
    FOR EACH ROW EXECUTE FUNCTION dashboard.export_changed();
