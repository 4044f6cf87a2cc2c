-- The administration's list of mails by their status, over all accounts: those that have failed are few.
-- Safe beside a running release: creates an index. Its table's writers wait while it is built, some seconds for a million mails.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX mail_status_idx ON books.mail (status, owner_id, id);
