-- Strict rotation of refresh tokens (REFRESH_TOKEN_ROTATION): which of a session's refresh tokens is the newest.
-- Safe beside a running release: a new column with a default (a brief lock, no rewrite).

ALTER TABLE accounts.session ADD refreshes integer NOT NULL DEFAULT 0;   -- how often it was renewed; `gen` of its newest refresh token
