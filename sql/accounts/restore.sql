-- What server.py restore changes of accounts (sql/core/restore.sql).

-- name: skip_session_ids() -> value
-- Tokens name their session by its id. Those of sessions that were opened after the backup are still out there, and must not become
-- tokens of sessions that are opened from now on. A hundred million is more than a server opens between a backup and its use.
SELECT setval(s.name, nextval(s.name) + 100000000) FROM pg_get_serial_sequence('accounts.session', 'id') AS s (name);
