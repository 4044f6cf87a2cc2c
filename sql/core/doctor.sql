-- What server.py doctor asks of Postgres.

-- name: get_durability() -> row
SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('full_page_writes') AS full_page_writes, current_setting('wal_level') AS wal_level,
       current_setting('data_checksums') AS data_checksums;

-- name: get_connections(name) -> row
-- usable: those that an ordinary role may open. used: by whomever. ours: by processes of the server, of this name. of_database, of_role: limits of
-- their own; -1: none.
SELECT current_setting('max_connections')::integer AS most,
       current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
       - current_setting('reserved_connections')::integer AS usable,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.backend_type = 'client backend') AS used,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.application_name = $1::text) AS ours,
       (SELECT d.datconnlimit FROM pg_database d WHERE d.datname = current_database()) AS of_database,
       (SELECT r.rolconnlimit FROM pg_roles r WHERE r.rolname = current_user) AS of_role;

-- name: get_language() -> row
-- knows_letters: whether capitals beyond ASCII are found by small letters.
SELECT pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation, d.datctype AS character_types, lower('É') = 'é' AS knows_letters
  FROM pg_database d WHERE d.datname = current_database();

-- name: list_extensions(names) -> rows
-- installed, available: versions; null: it is not.
SELECT n.name, e.extversion AS installed, a.default_version AS available
  FROM unnest($1::text[]) AS n (name)
  LEFT JOIN pg_extension e ON e.extname = n.name
  LEFT JOIN pg_available_extensions a ON a.name = n.name
 ORDER BY n.name;

-- name: get_role() -> row
SELECT r.rolname AS name, r.rolsuper AS is_superuser, has_database_privilege(current_database(), 'CREATE') AS may_create
  FROM pg_roles r WHERE r.rolname = current_user;

-- name: get_clock() -> value
SELECT extract(epoch FROM clock_timestamp())::double precision;

-- name: get_relay(most, name) -> row
-- Events that have no position yet; the count ends at `most`. servers: connections of processes of the server, of this name.
SELECT (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name = $2::text) AS servers,
       count(*) AS waiting, coalesce(extract(epoch FROM clock_timestamp() - min(w.created_at)), 0)::double precision AS seconds
  FROM (SELECT e.created_at FROM core.event e WHERE e.position IS NULL ORDER BY e.id LIMIT $1) w;

-- name: list_readers(name) -> rows
-- Readers of all events: how many events they are behind, and how old the oldest of them is. servers: as in get_relay.
SELECT (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name = $1::text) AS servers, r.name, h.position - r.position AS behind,
       coalesce(extract(epoch FROM clock_timestamp() - (
           SELECT e.created_at FROM core.event e WHERE e.position > r.position ORDER BY e.position LIMIT 1)), 0)::double precision AS seconds
  FROM core.event_reader r CROSS JOIN core.event_head h ORDER BY r.name;

-- name: get_data_folder() -> value
-- Null: the role may not know it.
SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END;
