-- Tasks: whose a job is, notifications of accounts, and old reminders. Functions: sql/monitoring/functions.sql.
-- Safe beside a running release: creates new objects. An index makes the writers of its table wait while it is built; of the history of jobs,
-- that is some seconds for a million runs.

CREATE SCHEMA IF NOT EXISTS monitoring;

-- What a job of the queue is given. Of UTF-8 the conversion depends on nothing else, so the function is immutable. Indexes use these two
-- functions: they never change.
CREATE FUNCTION core.job_payload(payload bytea) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT convert_from(payload, 'UTF8')::jsonb
$$;
-- The account that a job is about, as a text; null: about none, or about all.
CREATE FUNCTION core.job_owner(payload jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(payload ->> 'owner_id', payload ->> 'user_id', payload ->> 'account_id')
$$;

-- An account's jobs, the latest first: those in the queue, and those in the history.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX pgqueuer_owner_idx ON jobs.pgqueuer (core.job_owner(core.job_payload(payload)), id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX run_owner_idx ON jobs.run (core.job_owner(payload), job_id);

-- What somebody is told by the task send_notification.
CREATE TABLE monitoring.notification (
    account_id        bigint      NOT NULL CONSTRAINT notification_account_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    id                bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    message           text        NOT NULL,
    notification_type text        NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
-- The oldest, which are removed.
CREATE INDEX notification_created_at_idx ON monitoring.notification (created_at);

-- The reminders of a week, which are counted, and the oldest, which are removed.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX mail_reminder_created_at_idx ON books.mail (created_at) WHERE kind = 'reminder';
