-- Operations: the audit. Functions: sql/operations/functions.sql.
-- Safe beside a running release: creates new objects only.

CREATE SCHEMA operations;

-- The trigger below needs this function; functions.sql, which is applied in the same transaction, defines its body.
CREATE FUNCTION operations.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- One row for each change that a person makes, written in the transaction of the change. The rows are never changed.
CREATE TABLE operations.audit (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    account_id  bigint,                          -- no foreign key: an entry outlives its account
    email       text        NOT NULL DEFAULT '', -- of that account, as it was then
    address     text        NOT NULL DEFAULT '',
    request_id  text        NOT NULL DEFAULT '',
    action      text        NOT NULL,            -- noun.verb, for example account.create
    object_type text        NOT NULL,
    object_id   text        NOT NULL DEFAULT '', -- as the API shows it
    before      jsonb,                           -- the changed members; null where the object did not exist before
    after       jsonb
);
CREATE INDEX audit_at ON operations.audit (at, id);
CREATE INDEX audit_account ON operations.audit (account_id, at, id);
CREATE INDEX audit_action ON operations.audit (action, at, id);
CREATE INDEX audit_email ON operations.audit (lower(email), at, id);
CREATE INDEX audit_object_type ON operations.audit (object_type, at, id);
CREATE INDEX audit_object_id ON operations.audit (object_id, at, id);
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations.audit
    FOR EACH STATEMENT EXECUTE FUNCTION operations.refuse_audit_change();
