-- How the developer options clear the tables of accounts. Each query answers {table: number of deleted rows}.
-- docs/api/operations.md#developer-options

-- name: clear_users() -> value
-- Sessions and menus are deleted with their accounts. The caller is a SUPERADMIN and therefore stays.
WITH gone AS (
    DELETE FROM accounts.account WHERE role <> 'SUPERADMIN' RETURNING 1
)
SELECT json_build_object('users', count(*))::text FROM gone;

-- name: clear_departments() -> value
-- The statement deletes the job titles itself, so that it can count them; the foreign key would delete them uncounted.
WITH titles AS (
    DELETE FROM accounts.job_title WHERE department_id IS NOT NULL RETURNING 1
), gone AS (
    DELETE FROM accounts.department RETURNING 1
)
SELECT json_build_object('departments', (SELECT count(*) FROM gone), 'job_titles', (SELECT count(*) FROM titles))::text;

-- name: clear_job_titles() -> value
WITH gone AS (
    DELETE FROM accounts.job_title RETURNING 1
)
SELECT json_build_object('job_titles', count(*))::text FROM gone;
