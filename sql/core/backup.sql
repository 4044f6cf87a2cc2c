-- What server.py backup and restore ask of a database. The first four run in the snapshot of the backup, which may be of an earlier
-- release: they use nothing but the catalogue and tables of the first migration.

-- name: get_snapshot() -> row
SELECT pg_export_snapshot() AS snapshot, now() AS moment, current_setting('server_version_num')::integer AS version_number,
       to_regclass('core.migration') IS NOT NULL AS is_migrated, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation,
       d.datctype AS character_types
  FROM pg_database d WHERE d.datname = current_database();

-- name: list_tables() -> rows
-- Of all programs that use the database, quoted as SQL writes them.
SELECT format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname;

-- name: list_migrations() -> rows
SELECT m.number, m.name, m.sha256 FROM core.migration m ORDER BY m.number;

-- name: list_media() -> rows
-- Every file that is stored or about to be.
SELECT m.key FROM core.media_file m ORDER BY m.key;

-- name: is_media_used(key) -> value
-- Null: the register does not have the file any more.
SELECT m.unused_from IS NULL FROM core.media_file m WHERE m.key = $1;

-- name: list_occupied() -> rows
-- The schemas that hold something, by name; `public` only if something in it is not an extension's.
SELECT n.nspname AS name
  FROM pg_namespace n
 WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
   AND (n.nspname <> 'public'
        OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid
                      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')))
 ORDER BY n.nspname;

-- name: count_servers(name) -> value
-- Connections of processes of the server to this database.
SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name = $1::text;
