-- Core: the event log, the register of uploaded files, and the keys of repeated requests. Functions: sql/core/functions.sql.
-- Safe beside a running release: creates new objects only.

-- Substring search by index. pg_trgm is a trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Each function that a trigger below calls is declared here, so that the trigger can name it; functions.sql, which is
-- applied in the same transaction, defines it.
CREATE FUNCTION core.use_media_file() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- A change and its event commit together, with position null. core.relay_events() numbers what is committed: ids are drawn
-- before commit, so they alone are not the order in which others can see the rows.
CREATE TABLE core.event (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    topic      text        NOT NULL,
    payload    text        NOT NULL,   -- one line of JSON, ready for `data:`
    tags       text[],                 -- what the event is about, for the filters of streams; null: of interest to all readers
    position   bigint,                 -- 1, 2, 3, … in the order of commit; null: not relayed yet
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Two partial indexes: an event costs one index entry when it is written and one when it is numbered.
CREATE INDEX event_waiting ON core.event (id) WHERE position IS NULL;
CREATE UNIQUE INDEX event_position_key ON core.event (position) WHERE position IS NOT NULL;

-- One row: the last position given. Its row lock lets one relay at a time number events. The name tells this log from the log
-- of another installation on the same Redis.
CREATE TABLE core.event_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL DEFAULT 0,
    name     uuid    NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO core.event_head DEFAULT VALUES;

-- Every file in the media storage, and until when it is held without a row that uses it. A file that no row uses is removed, so
-- a process killed between storing a file and writing its row leaves nothing behind. A column that holds keys keeps the
-- register in step by a trigger: … EXECUTE FUNCTION core.use_media_file('avatar').
CREATE TABLE core.media_file (
    key         text        PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now(),
    unused_from timestamptz              -- null: a row uses it
);
CREATE INDEX media_file_unused ON core.media_file (unused_from) WHERE unused_from IS NOT NULL;

-- The answers to requests with an Idempotency-Key, each written in the transaction that did the work. Rows are never changed, and
-- removed after a day.
CREATE TABLE core.idempotency (
    caller      text        NOT NULL,   -- whose key it is, such as account:7; keys of two callers are independent
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,   -- SHA-256 of the method, the path and the body
    status      smallint    NOT NULL,
    body        text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_created_at ON core.idempotency (created_at);
