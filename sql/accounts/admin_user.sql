-- Accounts as the administration shows them (handlers/api/admin.py). a: the account.
-- docs/api/accounts.md#administration
-- BETWEEN: see CONTRIBUTING.md, "Adding a table to the administration".

-- filter: keys(ids)
a.public_id = ANY ($1::uuid[])

-- filter: search(longest, words)
a.id = ANY (ARRAY(SELECT s.id FROM accounts.account s
                   WHERE accounts.searched(s.email, s.name, s.username) LIKE core.containing($1::text)
                     AND accounts.searched(s.email, s.name, s.username) LIKE ALL (ARRAY(
                             SELECT core.containing(word) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- filter: role(role)
a.role = $1::text AND a.role BETWEEN $1::text AND $1::text

-- filter: is_active(is_active)
a.is_active = $1::boolean AND a.is_active BETWEEN $1::boolean AND $1::boolean

-- filter: is_staff(wanted)
a.is_staff AND a.is_staff = ($1::text = 'yes') AND a.is_staff BETWEEN ($1::text = 'yes') AND ($1::text = 'yes')

-- filter: department(id)
a.department_id = $1::uuid AND a.department_id BETWEEN $1::uuid AND $1::uuid

-- filter: job_title(id)
a.job_title_id = $1::uuid AND a.job_title_id BETWEEN $1::uuid AND $1::uuid

-- name: list_rows(after, most) -> rows
SELECT a.public_id::text AS key, a.email AS label, a.email, a.name, a.username, a.role,
       (SELECT d.name FROM accounts.department d WHERE d.id = a.department_id) AS department, a.department_id::text AS department_key,
       (SELECT t.title FROM accounts.job_title t WHERE t.id = a.job_title_id) AS job_title, a.job_title_id::text AS job_title_key,
       a.is_active, a.is_staff, a.date_joined, a.last_login,
       (/* key */ jsonb_build_array(a.id) /* or as asked */)::text AS place
  FROM accounts.account a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY a.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(public_id) -> value
-- number: the id by which the books API, events and jobs name the account.
SELECT json_build_object(
           'label', a.email, 'email', a.email, 'name', a.name, 'username', a.username, 'first_name', a.first_name, 'last_name', a.last_name,
           'phone', a.phone, 'address', a.address, 'role', a.role, 'department_id', a.department_id, 'job_title', a.job_title_id,
           'is_active', a.is_active, 'is_staff', a.is_staff, 'is_superuser', a.is_superuser, 'has_password', a.password_hash IS NOT NULL,
           'company_name', a.company_name, 'company_address', a.company_address, 'company_logo', a.company_logo,
           'avatar', a.avatar, 'number', a.id, 'created_by', maker.email, 'created_by_key', maker.public_id,
           'date_joined', core.iso(a.date_joined), 'last_login', core.iso(a.last_login), 'updated_at', core.iso(a.updated_at))::text
  FROM accounts.account a LEFT JOIN accounts.account maker ON maker.id = a.created_by
 WHERE a.public_id = $1::uuid;
