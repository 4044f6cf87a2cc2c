-- The audit: who did what to which object, written in the transaction that did it. Nothing in it is ever changed.
-- Safe beside a running release: creates new objects only.

CREATE TABLE operations.audit (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    account_id  bigint,                          -- no foreign key: what an account did outlives the account
    email       text        NOT NULL DEFAULT '', -- of that account, as it was then
    address     text        NOT NULL DEFAULT '',
    request_id  text        NOT NULL DEFAULT '',
    action      text        NOT NULL,            -- object.verb, for example account.create
    object_type text        NOT NULL,
    object_id   text        NOT NULL DEFAULT '', -- as the API shows it
    before      jsonb,                           -- of the changed fields; null where there was nothing before
    after       jsonb
);
CREATE INDEX audit_at ON operations.audit (at, id);
CREATE INDEX audit_account ON operations.audit (account_id, at, id);
CREATE INDEX audit_action ON operations.audit (action, at, id);
CREATE INDEX audit_email ON operations.audit (lower(email), at, id);
CREATE INDEX audit_object_type ON operations.audit (object_type, at, id);
CREATE INDEX audit_object_id ON operations.audit (object_id, at, id);

CREATE FUNCTION operations.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations.audit
    FOR EACH STATEMENT EXECUTE FUNCTION operations.refuse_audit_change();

-- The members of `one` that `other` doesn't have alike. Hashes of secrets are told as "***", the time of a change not at all.
CREATE FUNCTION operations.differing(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_object_agg(key, CASE WHEN key LIKE '%\_hash' AND value <> 'null' THEN '"***"'::jsonb ELSE value END)
      FROM jsonb_each(one)
     WHERE key <> 'updated_at' AND (other IS NULL OR other -> key IS DISTINCT FROM value)
$$;

-- Writes one entry. actor: {"account_id", "email", "address", "request_id"}. before and after: the object whole, null where
-- it did not or does not exist; only what differs is kept, and a change that changes nothing leaves no entry.
-- Call it in the SELECT list of the statement that makes the change: it runs once for each row.
CREATE FUNCTION operations.note(actor jsonb, action text, object_type text, object_id text, before jsonb, after jsonb)
RETURNS bigint LANGUAGE sql VOLATILE AS $$
    INSERT INTO operations.audit (account_id, email, address, request_id, action, object_type, object_id, before, after)
    SELECT (actor ->> 'account_id')::bigint, coalesce(actor ->> 'email', ''), coalesce(actor ->> 'address', ''),
           coalesce(actor ->> 'request_id', ''), action, object_type, coalesce(object_id, ''),
           operations.differing(before, after), operations.differing(after, before)
     WHERE before IS NULL OR after IS NULL OR operations.differing(before, after) IS NOT NULL
        OR operations.differing(after, before) IS NOT NULL
    RETURNING id
$$;

-- The newest entries older than (before_at, before_id), of those that all given filters let through; days are UTC, inclusive.
-- Planned anew on each call, when it is known which filters are null: one plan for all could use none of the indexes.
CREATE FUNCTION operations.list_audit(
    most integer, before_at timestamptz, before_id bigint, start_date date, end_date date, account bigint, person text,
    kind text, type_ text, object text
) RETURNS SETOF operations.audit LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT a.*
      FROM operations.audit a
     WHERE (before_at IS NULL OR (a.at, a.id) < (before_at, before_id))
       AND (start_date IS NULL OR a.at >= start_date::timestamp AT TIME ZONE 'UTC')
       AND (end_date IS NULL OR a.at < (end_date + 1)::timestamp AT TIME ZONE 'UTC')
       AND (account IS NULL OR a.account_id = account)
       AND (person IS NULL OR lower(a.email) = lower(person))
       AND (kind IS NULL OR a.action = kind)
       AND (type_ IS NULL OR a.object_type = type_)
       AND (object IS NULL OR a.object_id = object)
     ORDER BY a.at DESC, a.id DESC LIMIT most;
END $$;
