-- Imports of many invoices, with what became of each line. Functions: sql/sales/functions.sql.
-- Safe beside a running release: creates new objects only.

-- owner: whose import it is, account:ID or key. account_id: who imports; null with the API key. It is no foreign key, because an import that
-- is under way would then be in the way of a deletion of the account; it is looked up for each batch.
-- key, fingerprint: the Idempotency-Key and the hash of the body. reached: all lines up to this one are done. position: where the event
-- log ended when the import was accepted; its events come after that. moved_at: when a line was last received or stored.
CREATE TABLE sales.import (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner       text        NOT NULL,
    account_id  bigint,
    key         text,
    fingerprint bytea,
    status      text        NOT NULL DEFAULT 'receiving'
                            CONSTRAINT import_status_known CHECK (status IN ('receiving', 'queued', 'running', 'done', 'failed')),
    lines       integer     NOT NULL DEFAULT 0,
    created     integer     NOT NULL DEFAULT 0,
    duplicates  integer     NOT NULL DEFAULT 0,
    invalid     integer     NOT NULL DEFAULT 0,
    reached     integer     NOT NULL DEFAULT 0,
    position    bigint      NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    moved_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
-- A key is taken once the whole body is there.
CREATE UNIQUE INDEX import_key_key ON sales.import (owner, key) WHERE key IS NOT NULL;
-- The newest of an owner.
CREATE INDEX import_owner_idx ON sales.import (owner, id);
-- The oldest, which are removed.
CREATE INDEX import_created_at_idx ON sales.import (created_at);
-- Those that nobody may work on any more.
CREATE INDEX import_unfinished_idx ON sales.import (moved_at) WHERE status IN ('receiving', 'queued', 'running');

-- One line of an import. outcome: null: it waits. body: the invoice as JSON text while it waits. errors: by field, as JSON text.
CREATE TABLE sales.import_line (
    import_id  bigint  NOT NULL CONSTRAINT import_line_import_id_exists REFERENCES sales.import ON DELETE CASCADE,
    line       integer NOT NULL,
    invoice_no text,
    outcome    text    CONSTRAINT import_line_outcome_known CHECK (outcome IN ('created', 'duplicate', 'invalid')),
    invoice_id bigint,
    errors     text,
    body       text,
    PRIMARY KEY (import_id, line),
    CONSTRAINT import_line_waits_with_body CHECK ((outcome IS NULL) = (body IS NOT NULL))
);
