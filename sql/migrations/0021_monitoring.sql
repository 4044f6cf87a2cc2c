-- Monitoring: executions of tasks, measures of the server's health, alerts. Functions: sql/monitoring/functions.sql.
-- Safe beside a running release: creates new objects. The trigger on jobs.run waits for a moment without its writers, and a running release
-- goes on writing as before. Jobs that were run before this migration are not shown.

CREATE SCHEMA IF NOT EXISTS monitoring;

CREATE FUNCTION monitoring.run_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION monitoring.task_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION monitoring.resolve_alerts() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION monitoring.count_rows() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION monitoring.alert_made() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- Executions of tasks. Those of the server's own jobs are written by monitoring.copy_runs, one for each job, whatever number of runs it takes;
-- clients record others. account_id: whose it is; null: the server's. is_server: it counts in the health of the server, because it is a job
-- of the server, or because an administrator has recorded it. searched: what a search looks into.
CREATE TABLE monitoring.task (
    id                bigint        GENERATED ALWAYS AS IDENTITY CONSTRAINT task_pkey PRIMARY KEY,
    account_id        bigint        CONSTRAINT task_account_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    job_id            bigint,       -- jobs.pgqueuer.id; null: a client has recorded the execution
    is_server         boolean       NOT NULL,
    task_id           varchar(255)  NOT NULL,
    task_name         varchar(255)  NOT NULL,
    queue_name        varchar(255)  NOT NULL,
    priority          text          NOT NULL CONSTRAINT task_priority_known CHECK (priority IN ('low', 'normal', 'high', 'critical')),
    status            text          NOT NULL
        CONSTRAINT task_status_known CHECK (status IN ('pending', 'started', 'success', 'failure', 'retry', 'revoked')),
    scheduled_at      timestamptz   NOT NULL,
    started_at        timestamptz,
    completed_at      timestamptz,
    duration          numeric(14,6), -- seconds
    retry_count       integer       NOT NULL,
    worker_name       varchar(255)  NOT NULL,
    result_summary    text          NOT NULL,
    error_message     text          NOT NULL,
    memory_usage      numeric(14,6), -- MB
    arguments         jsonb         NOT NULL CONSTRAINT task_arguments_bounded CHECK (octet_length(arguments::text) <= 16384),
    keyword_arguments jsonb         NOT NULL CONSTRAINT task_keyword_arguments_bounded CHECK (octet_length(keyword_arguments::text) <= 16384),
    version           integer       NOT NULL DEFAULT 1,
    created_at        timestamptz   NOT NULL DEFAULT now(),
    updated_at        timestamptz   NOT NULL DEFAULT now(),
    searched          text          NOT NULL GENERATED ALWAYS AS (lower(task_name || E'\n' || task_id || E'\n' || worker_name)) STORED,
    -- Nobody else may have an id under which the server is going to write a job.
    CONSTRAINT task_task_id_reserved CHECK (task_id !~ '^job-[0-9]+$' OR task_id IS NOT DISTINCT FROM 'job-' || job_id)
);
-- A statement is planned for all values, by how many there are of them. A name that few executions have is then looked up in its index, and not
-- found by reading all executions in the order of the list.
ALTER TABLE monitoring.task ALTER COLUMN queue_name SET (n_distinct = -0.001), ALTER COLUMN task_name SET (n_distinct = -0.001);
-- Unique for each account, and not for all: otherwise an account could learn, and block, the ids of others.
CREATE UNIQUE INDEX task_task_id_key ON monitoring.task (account_id, task_id) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX task_job_id_key ON monitoring.task (job_id) WHERE job_id IS NOT NULL;
-- The orders and filters of the list of all accounts, and of one account.
CREATE INDEX task_created_at_idx ON monitoring.task (created_at, id);
CREATE INDEX task_scheduled_at_idx ON monitoring.task (scheduled_at, id);
CREATE INDEX task_duration_idx ON monitoring.task ((coalesce(duration, -1)), id);
CREATE INDEX task_retry_count_idx ON monitoring.task (retry_count, id);
CREATE INDEX task_task_name_idx ON monitoring.task (task_name, created_at, id);
CREATE INDEX task_status_idx ON monitoring.task (status, created_at, id);
CREATE INDEX task_queue_name_idx ON monitoring.task (queue_name, created_at, id);
CREATE INDEX task_priority_idx ON monitoring.task (priority, created_at, id);
CREATE INDEX task_own_id_idx ON monitoring.task (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_created_at_idx ON monitoring.task (account_id, created_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_scheduled_at_idx ON monitoring.task (account_id, scheduled_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_duration_idx ON monitoring.task (account_id, (coalesce(duration, -1)), id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_retry_count_idx ON monitoring.task (account_id, retry_count, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_task_name_idx ON monitoring.task (account_id, task_name, created_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_status_idx ON monitoring.task (account_id, status, created_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_queue_name_idx ON monitoring.task (account_id, queue_name, created_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_own_priority_idx ON monitoring.task (account_id, priority, created_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX task_searched_idx ON monitoring.task USING gin (account_id, searched gin_trgm_ops);
-- The runs of a task that have ended within the last hour, also those of the server itself, whose account_id is null.
CREATE INDEX task_finished_idx ON monitoring.task (account_id, task_name, completed_at) INCLUDE (status) WHERE status IN ('success', 'failure');
-- What has ended within the last hour: in the server, and of an account.
CREATE INDEX task_server_finished_idx ON monitoring.task (completed_at) INCLUDE (status, duration) WHERE is_server AND status IN ('success', 'failure');
CREATE INDEX task_own_finished_idx ON monitoring.task (account_id, completed_at) INCLUDE (status, duration)
    WHERE account_id IS NOT NULL AND status IN ('success', 'failure');
-- What administrators have recorded that has not ended; of jobs the queue says it.
CREATE INDEX task_server_open_idx ON monitoring.task (status, queue_name) WHERE is_server AND job_id IS NULL AND status IN ('pending', 'started', 'retry');

-- Jobs of which a run has begun or ended since monitoring.copy_runs last looked.
CREATE TABLE monitoring.changed_job (
    job_id bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0);

-- What the executions of an hour and of a day (UTC), by their created_at, amount to: so that figures of a month read a few rows. scope: an
-- account; 0: all executions; -1: those that count in the server's health. timed, duration, shortest, longest: of those that have ended with a
-- duration.
CREATE TABLE monitoring.task_period (
    scope      bigint       NOT NULL,
    unit       text         NOT NULL CONSTRAINT task_period_unit_known CHECK (unit IN ('hour', 'day')),
    start      timestamptz  NOT NULL,
    task_name  varchar(255) NOT NULL,
    queue_name varchar(255) NOT NULL,
    pending    bigint       NOT NULL,
    started    bigint       NOT NULL,
    success    bigint       NOT NULL,
    failure    bigint       NOT NULL,
    retry      bigint       NOT NULL,
    revoked    bigint       NOT NULL,
    timed      bigint       NOT NULL,
    duration   numeric      NOT NULL,
    shortest   numeric,
    longest    numeric,
    PRIMARY KEY (scope, unit, start, task_name, queue_name)
) WITH (fillfactor = 70);
-- The oldest, which are removed.
CREATE INDEX task_period_start_idx ON monitoring.task_period (start);

-- What the health of the server was at a moment. account_id: who has recorded it; null: the server, or an administrator. is_automatic: the
-- server recorded it by itself.
CREATE TABLE monitoring.health_metric (
    id                     bigint        GENERATED ALWAYS AS IDENTITY CONSTRAINT health_metric_pkey PRIMARY KEY,
    account_id             bigint        CONSTRAINT health_metric_account_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    is_automatic           boolean       NOT NULL,
    recorded_at            timestamptz   NOT NULL DEFAULT now(),
    active_workers         integer       NOT NULL,
    total_workers          integer       NOT NULL,
    pending_tasks          integer       NOT NULL,
    active_tasks           integer       NOT NULL,
    completed_tasks_hourly integer       NOT NULL,
    failed_tasks_hourly    integer       NOT NULL,
    avg_task_duration      numeric(14,6), -- seconds
    success_rate           numeric(5,2)  NOT NULL,
    cpu_usage              numeric(5,2),
    memory_usage           numeric(14,6), -- MB
    queue_lengths          jsonb         NOT NULL CONSTRAINT health_metric_queue_lengths_bounded CHECK (octet_length(queue_lengths::text) <= 16384),
    metadata               jsonb         NOT NULL CONSTRAINT health_metric_metadata_bounded CHECK (octet_length(metadata::text) <= 16384),
    version                integer       NOT NULL DEFAULT 1
);
CREATE INDEX health_metric_recorded_at_idx ON monitoring.health_metric (recorded_at, id);
CREATE INDEX health_metric_success_rate_idx ON monitoring.health_metric (success_rate, id);
CREATE INDEX health_metric_active_workers_idx ON monitoring.health_metric (active_workers, id);
CREATE INDEX health_metric_own_id_idx ON monitoring.health_metric (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX health_metric_own_recorded_at_idx ON monitoring.health_metric (account_id, recorded_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX health_metric_own_success_rate_idx ON monitoring.health_metric (account_id, success_rate, id) WHERE account_id IS NOT NULL;
CREATE INDEX health_metric_own_active_workers_idx ON monitoring.health_metric (account_id, active_workers, id) WHERE account_id IS NOT NULL;
CREATE INDEX health_metric_automatic_idx ON monitoring.health_metric (recorded_at) WHERE is_automatic;

-- account_id: whom the alert is for; null: the administrators. execution_id: what it is about. subject: of an alert that the server has raised
-- by itself, what must not be announced again until it is resolved.
CREATE TABLE monitoring.alert (
    id                bigint       GENERATED ALWAYS AS IDENTITY CONSTRAINT alert_pkey PRIMARY KEY,
    account_id        bigint       CONSTRAINT alert_account_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    alert_type        text         NOT NULL CONSTRAINT alert_alert_type_known CHECK (
        alert_type IN ('task_failure', 'high_failure_rate', 'worker_down', 'queue_backlog', 'slow_tasks', 'system_overload')),
    severity          text         NOT NULL CONSTRAINT alert_severity_known CHECK (severity IN ('info', 'warning', 'error', 'critical')),
    severity_rank     smallint     NOT NULL
        GENERATED ALWAYS AS (CASE severity WHEN 'info' THEN 1 WHEN 'warning' THEN 2 WHEN 'error' THEN 3 ELSE 4 END) STORED,
    title             varchar(255) NOT NULL,
    message           text         NOT NULL,
    execution_id      bigint       CONSTRAINT alert_execution_id_exists REFERENCES monitoring.task ON DELETE SET NULL,
    subject           text,
    triggered_at      timestamptz  NOT NULL DEFAULT now(),
    acknowledged_at   timestamptz,
    acknowledged_by   bigint       CONSTRAINT alert_acknowledged_by_exists REFERENCES accounts.account ON DELETE SET NULL,
    resolved_at       timestamptz,
    metadata          jsonb        NOT NULL CONSTRAINT alert_metadata_bounded CHECK (octet_length(metadata::text) <= 16384),
    notification_sent boolean      NOT NULL,
    version           integer      NOT NULL DEFAULT 1,
    searched          text         NOT NULL GENERATED ALWAYS AS (lower(title || E'\n' || message)) STORED
);
CREATE UNIQUE INDEX alert_subject_key ON monitoring.alert (account_id, alert_type, subject) NULLS NOT DISTINCT
    WHERE resolved_at IS NULL AND subject IS NOT NULL;
CREATE INDEX alert_execution_id_idx ON monitoring.alert (execution_id) WHERE execution_id IS NOT NULL;
CREATE INDEX alert_acknowledged_by_idx ON monitoring.alert (acknowledged_by) WHERE acknowledged_by IS NOT NULL;
CREATE INDEX alert_triggered_at_idx ON monitoring.alert (triggered_at, id);
CREATE INDEX alert_severity_idx ON monitoring.alert (severity_rank, triggered_at, id);
CREATE INDEX alert_alert_type_idx ON monitoring.alert (alert_type, triggered_at, id);
CREATE INDEX alert_resolved_at_idx ON monitoring.alert (resolved_at, triggered_at, id);
CREATE INDEX alert_own_id_idx ON monitoring.alert (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX alert_own_triggered_at_idx ON monitoring.alert (account_id, triggered_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX alert_own_severity_idx ON monitoring.alert (account_id, severity_rank, triggered_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX alert_own_alert_type_idx ON monitoring.alert (account_id, alert_type, triggered_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX alert_own_resolved_at_idx ON monitoring.alert (account_id, resolved_at, triggered_at, id) WHERE account_id IS NOT NULL;
CREATE INDEX alert_searched_idx ON monitoring.alert USING gin (account_id, searched gin_trgm_ops);

-- How many rows there are of each kind. Kept by triggers: counting them reads all rows.
CREATE TABLE monitoring.tally (
    kind text   NOT NULL CONSTRAINT tally_kind_key PRIMARY KEY,
    n    bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TRIGGER run_begun AFTER INSERT ON jobs.run FOR EACH ROW EXECUTE FUNCTION monitoring.run_changed();
CREATE TRIGGER run_ended AFTER UPDATE OF status ON jobs.run FOR EACH ROW EXECUTE FUNCTION monitoring.run_changed();

CREATE TRIGGER task_made AFTER INSERT ON monitoring.task
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION monitoring.task_changed();
CREATE TRIGGER task_rewritten AFTER UPDATE ON monitoring.task
    REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION monitoring.task_changed();
CREATE TRIGGER task_going BEFORE DELETE ON monitoring.task
    FOR EACH ROW EXECUTE FUNCTION monitoring.resolve_alerts();
CREATE TRIGGER task_gone AFTER DELETE ON monitoring.task
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION monitoring.task_changed();
CREATE TRIGGER alert_announced AFTER INSERT ON monitoring.alert
    FOR EACH ROW EXECUTE FUNCTION monitoring.alert_made();
CREATE TRIGGER alert_counted AFTER INSERT ON monitoring.alert
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION monitoring.count_rows('alert');
CREATE TRIGGER alert_uncounted AFTER DELETE ON monitoring.alert
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION monitoring.count_rows('alert');
CREATE TRIGGER health_metric_counted AFTER INSERT ON monitoring.health_metric
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION monitoring.count_rows('health_metric');
CREATE TRIGGER health_metric_uncounted AFTER DELETE ON monitoring.health_metric
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION monitoring.count_rows('health_metric');
