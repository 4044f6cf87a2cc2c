-- The register of uploaded files as the administration shows it (handlers/api/admin.py). f: the file.
-- docs/api/operations.md#administration
-- BETWEEN: see admin_audit.sql.

-- filter: keys(keys)
f.key = ANY ($1::text[])

-- filter: folder(folder)
split_part(f.key, '/', 1) = $1::text AND split_part(f.key, '/', 1) BETWEEN $1::text AND $1::text

-- filter: unused(wanted)
f.unused_from IS NOT NULL AND $1::text IS NOT NULL

-- name: list_rows(after, most) -> rows
SELECT f.key, f.key AS label, f.key AS file, f.created_at, f.unused_from,
       (/* key */ jsonb_build_array(f.key) /* or as asked */)::text AS place
  FROM core.media_file f
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY f.key /* or as asked */ LIMIT $2::bigint;

-- name: get_row(key) -> value
-- picture: the key of a picture, which browsers show.
SELECT json_build_object('label', f.key, 'file', f.key, 'picture', CASE WHEN f.key ~ '[.](png|jpg|jpeg|gif|webp)$' THEN f.key END,
                         'created_at', core.iso(f.created_at), 'unused_from', core.iso(f.unused_from))::text
  FROM core.media_file f WHERE f.key = $1::text;
