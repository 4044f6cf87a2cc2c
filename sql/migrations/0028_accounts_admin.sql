-- Accounts, operations, core: indexes for the lists of the administration. docs/api/operations.md#administration
-- Safe beside a running release: creates indexes only. Writers of these tables wait while the indexes are built, about a second for a million
-- rows. 0034 removes the indexes that three of these replace.

-- Accounts by role and state, and those who may enter the administration, of whom there are few. Newest first, as the list is.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_role_is_active_idx ON accounts.account (role, is_active, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_staff_idx ON accounts.account (is_staff, id) WHERE is_staff;
-- The same for the people of a department and with a job title. The indexes also serve the foreign keys.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_department_id_idx ON accounts.account (department_id, id) WHERE department_id IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_job_title_id_idx ON accounts.account (job_title_id, id) WHERE job_title_id IS NOT NULL;

-- Those who are signed in, the latest first.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX session_open_idx ON accounts.session (expires_at, id) WHERE revoked_at IS NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX session_own_open_idx ON accounts.session (account_id, expires_at, id) WHERE revoked_at IS NULL;

-- Who is shown a menu, which may be everybody.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX account_menu_menu_item_id_idx ON accounts.account_menu (menu_item_id, account_id);

-- What a person has done of one kind.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX audit_email_action_idx ON operations.audit (lower(email), action, at, id);

-- The queue, and the history of jobs, by state and by kind.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX pgqueuer_status_idx ON jobs.pgqueuer (status, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX pgqueuer_entrypoint_status_idx ON jobs.pgqueuer (entrypoint, status, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX run_status_idx ON jobs.run (status, started_at, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX run_name_idx ON jobs.run (name, started_at, id);

-- Files, the newest first, of all folders and of one: that of `avatars/2025/01/18/….png` is `avatars`.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX media_file_created_at_idx ON core.media_file (created_at, key);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX media_file_folder_idx ON core.media_file (split_part(key, '/', 1), created_at, key);
