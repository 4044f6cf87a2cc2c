-- Every file in the media storage, and until when it is held without a row that uses it: what nobody uses is removed, so a
-- process killed between storing a file and writing its row leaves nothing behind.
-- Safe beside a running release: creates new objects only.

CREATE TABLE core.media_file (
    key         text        PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now(),
    unused_from timestamptz              -- null: a row uses it
);
CREATE INDEX media_file_unused ON core.media_file (unused_from) WHERE unused_from IS NOT NULL;

-- A column that holds keys keeps the register in step: CREATE TRIGGER … EXECUTE FUNCTION core.use_media_file('avatar').
CREATE FUNCTION core.use_media_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ->> TG_ARGV[0] END;
    is_ text := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END;
BEGIN
    IF was IS DISTINCT FROM is_ THEN
        UPDATE core.media_file SET unused_from = now() WHERE key = was;
        UPDATE core.media_file SET unused_from = NULL WHERE key = is_;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER account_avatar_used AFTER INSERT OR UPDATE OF avatar OR DELETE ON accounts.account
    FOR EACH ROW EXECUTE FUNCTION core.use_media_file('avatar');
