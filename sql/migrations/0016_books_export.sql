-- Exports that are made as files after the answer. Functions: sql/books/functions.sql.
-- Safe beside a running release: creates new objects only.
--
-- An export is no part of the books, and goes with its owner's account. key: of the file in the storage.

-- noun: what is exported, by its name in handlers/books/export_rows.py. filters: by name, each a list of the values that it takes in SQL.
-- ordering: as the request asked for it.
CREATE TABLE books.export (
    owner_id    bigint      NOT NULL CONSTRAINT export_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    id          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    noun        text        NOT NULL,
    filters     jsonb       NOT NULL,
    ordering    text        NOT NULL,
    status      text        NOT NULL DEFAULT 'queued' CONSTRAINT export_status_known CHECK (status IN ('queued', 'running', 'done', 'failed')),
    rows        integer,
    key         text        CONSTRAINT export_key_plain CHECK (key ~ '^[a-z0-9/._-]{1,200}$'),
    error       text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (owner_id, id),
    CONSTRAINT export_done_has_key CHECK ((status = 'done') = (key IS NOT NULL))
);
-- The same request finds the export that is under way.
CREATE UNIQUE INDEX export_under_way_key ON books.export (owner_id, noun, md5(filters::text || ordering)) WHERE status IN ('queued', 'running');
-- The oldest, which are removed.
CREATE INDEX export_created_at_idx ON books.export (created_at);

CREATE TRIGGER export_file_used AFTER INSERT OR UPDATE OF key OR DELETE ON books.export
    FOR EACH ROW EXECUTE FUNCTION core.use_media_file('key');
