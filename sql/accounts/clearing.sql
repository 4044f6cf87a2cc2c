-- Clearing tables of accounts, for the developer options. Each query answers {key: rows that went}.
-- docs/api/operations.md#developer-options

-- name: clear_users() -> value
-- With their sessions and menus. Who may call this is a SUPERADMIN, and stays.
WITH gone AS (
    DELETE FROM accounts.account WHERE role <> 'SUPERADMIN' RETURNING 1
)
SELECT json_build_object('users', count(*))::text FROM gone;

-- name: clear_departments() -> value
-- Their job titles go with them: here, where they are counted, and not by the foreign key.
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
