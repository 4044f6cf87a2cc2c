-- Clients of an owner. docs/api/books.md#clients. c: the client.

-- filter: created_since(moment)
c.created_at >= ($1::text)::timestamptz

-- filter: created_until(moment)
c.created_at <= ($1::text)::timestamptz

-- The index finds the longest word, also in addresses, into which the list's search doesn't look.
-- filter: search(longest, words)
c.searched LIKE core.containing($1::text)
AND lower(c.name || E'\n' || c.email || E'\n' || c.phone || E'\n' || c.company)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- For words without three letters in a row, which no index finds. Postgres tests each client of the owner.
-- filter: short_search(longest, words)
lower(c.name || E'\n' || c.email || E'\n' || c.phone || E'\n' || c.company) LIKE core.containing($1::text)
AND lower(c.name || E'\n' || c.email || E'\n' || c.phone || E'\n' || c.company)
    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: search_with_address(longest, words)
c.searched LIKE core.containing($1::text) AND c.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: short_search_with_address(longest, words)
c.searched || '' LIKE core.containing($1::text) AND c.searched LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))

-- filter: is_active(is_active)
c.is_active = $1::boolean

-- filter: company(company)
lower(c.company) = lower($1::text)

-- name: list_clients(owner_id, page, page_size) -> row
-- One page with the count of all. page: 1-based; null: the last page. results is null if the page does not exist.
WITH page AS (
    SELECT count, core.page_number($2::bigint, count, $3::bigint) AS number
      FROM (SELECT coalesce((SELECT t.n FROM books.tally t WHERE t.owner_id = $1 AND t.kind = 'client'), 0) AS count) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(books.client_document(client)), '[]') AS documents
         FROM (SELECT c AS client FROM books.client c
                WHERE c.owner_id = $1
                ORDER BY c.created_at DESC, c.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: find_clients(owner_id, page, page_size, most) -> row
-- The same with filters. count: one more than `most`, or than the page and those before it hold, means that the counting ended there.
WITH page AS (
    SELECT count, core.page_number($2::bigint, least(count, $4::bigint), $3::bigint) AS number
      FROM (SELECT count(*) AS count FROM (
            SELECT FROM books.client c WHERE c.owner_id = $1 /* filters */ LIMIT greatest($4::bigint, $2::bigint * $3::bigint) + 1) found) counted
)
SELECT page.count, page.number AS page, found.documents::text AS results
  FROM page LEFT JOIN LATERAL (
       SELECT coalesce(json_agg(books.client_document(client)), '[]') AS documents
         FROM (SELECT c AS client FROM books.client c
                WHERE c.owner_id = $1 /* filters */
                ORDER BY c.created_at DESC, c.id DESC /* or as asked */
                LIMIT $3 OFFSET (page.number - 1) * $3::bigint) listed
       ) found ON page.number = 1 OR (page.number - 1) * $3::bigint < page.count;

-- name: walk_clients(after, owner_id, page_size) -> rows
-- One page after the client with a key (null: from the beginning), and one row more if another page follows. keyset.Order.walk fills in
-- the order.
SELECT books.client_document(c)::text AS document, (/* key */ jsonb_build_array(c.id) /* or as asked */)::text AS key
  FROM books.client c
 WHERE c.owner_id = $2 AND (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY c.created_at DESC, c.id DESC /* or as asked */
 LIMIT $3::bigint + 1;

-- name: get_client(owner_id, id) -> row
SELECT books.client_document(c)::text AS document, books.etag(c.version) AS etag FROM books.client c WHERE c.owner_id = $1 AND c.id = $2;

-- name: create_client(owner_id, body) -> value
INSERT INTO books.client AS c (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
SELECT $1, core.trimmed(b.name), lower(coalesce(core.trimmed(b.email), '')), coalesce(core.trimmed(b.phone), ''),
       coalesce(core.trimmed(b.address), ''), coalesce(core.trimmed(b.company), ''), coalesce(core.trimmed(b.tax_number), ''),
       coalesce(core.trimmed(b.notes), ''), coalesce(b.is_active, true)
  FROM jsonb_to_record($2::jsonb) AS b (
       name text, email text, phone text, address text, company text, tax_number text, notes text, is_active boolean)
RETURNING books.client_document(c)::text;

-- name: find_refusals(owner_id, rows) -> rows
-- The rows of an import that can't be stored. rows: an array of bodies. place: of the row, from 1. wrong: `stored`, a client has its e-mail;
-- `repeated`, an earlier row has it, at the place `first`.
WITH sent AS (
    SELECT place, lower(core.trimmed(body ->> 'email')) AS email
      FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS sent_row (body, place)
), found AS (
    SELECT s.place, min(s.place) OVER (PARTITION BY s.email) AS first,
           EXISTS (SELECT FROM books.client c WHERE c.owner_id = $1 AND c.email = s.email AND c.email <> '') AS is_stored
      FROM sent s WHERE s.email <> ''
)
SELECT f.place, CASE WHEN f.is_stored THEN 'stored' ELSE 'repeated' END AS wrong, CASE WHEN NOT f.is_stored THEN f.first END AS first
  FROM found f WHERE f.is_stored OR f.place > f.first;

-- name: import_clients(owner_id, rows) -> row
-- rows: an array of bodies with different e-mails. skipped: the places of those whose e-mail another request has taken meanwhile. The ids
-- follow the places. The rows are stored in the order of their e-mails: two imports of the same e-mails would else wait for each other.
WITH sent AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('books.client', 'id')) AS id, place, core.trimmed(b.name) AS name, lower(coalesce(core.trimmed(b.email), '')) AS email, coalesce(core.trimmed(b.phone), '') AS phone,
           coalesce(core.trimmed(b.address), '') AS address, coalesce(core.trimmed(b.company), '') AS company,
           coalesce(core.trimmed(b.tax_number), '') AS tax_number, coalesce(core.trimmed(b.notes), '') AS notes,
           coalesce(b.is_active, true) AS is_active
      FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS sent_row (body, place),
           jsonb_to_record(body) AS b (
           name text, email text, phone text, address text, company text, tax_number text, notes text, is_active boolean)
     ORDER BY place
), made AS (
    INSERT INTO books.client AS c (owner_id, id, name, email, phone, address, company, tax_number, notes, is_active)
    OVERRIDING SYSTEM VALUE
    SELECT $1, s.id, s.name, s.email, s.phone, s.address, s.company, s.tax_number, s.notes, s.is_active FROM sent s ORDER BY s.email, s.place
        ON CONFLICT (owner_id, email) WHERE email <> '' DO NOTHING
    RETURNING c.email
)
SELECT (SELECT count(*) FROM made) AS created,
       ARRAY(SELECT s.place FROM sent s WHERE s.email <> '' AND NOT EXISTS (SELECT FROM made m WHERE m.email = s.email) ORDER BY s.place) AS skipped;

-- name: update_client(owner_id, id, body, if_match, actor) -> row
-- Members that the body omits stay, and those that are null become empty. is_stale: if_match names another state, and nothing is changed.
-- No row: the client does not exist.
WITH old AS MATERIALIZED (
    SELECT c.id, c AS client FROM books.client c WHERE c.owner_id = $1 AND c.id = $2 FOR NO KEY UPDATE
), changed AS (
    UPDATE books.client AS c
       SET name       = coalesce(core.trimmed(b.name), c.name),
           email      = CASE WHEN $3::jsonb ? 'email' THEN lower(coalesce(core.trimmed(b.email), '')) ELSE c.email END,
           phone      = CASE WHEN $3::jsonb ? 'phone' THEN coalesce(core.trimmed(b.phone), '') ELSE c.phone END,
           address    = CASE WHEN $3::jsonb ? 'address' THEN coalesce(core.trimmed(b.address), '') ELSE c.address END,
           company    = CASE WHEN $3::jsonb ? 'company' THEN coalesce(core.trimmed(b.company), '') ELSE c.company END,
           tax_number = CASE WHEN $3::jsonb ? 'tax_number' THEN coalesce(core.trimmed(b.tax_number), '') ELSE c.tax_number END,
           notes      = CASE WHEN $3::jsonb ? 'notes' THEN coalesce(core.trimmed(b.notes), '') ELSE c.notes END,
           is_active  = coalesce(b.is_active, c.is_active),
           version    = c.version + 1,
           updated_at = now()
      FROM old, jsonb_to_record($3::jsonb) AS b (
           name text, email text, phone text, address text, company text, tax_number text, notes text, is_active boolean)
     WHERE c.owner_id = $1 AND c.id = old.id AND books.is_match($4::text[], books.etag((old.client).version))
    RETURNING c AS client
)
SELECT changed.client IS NULL AS is_stale, books.client_document(changed.client)::text AS document,
       books.etag(coalesce((changed.client).version, (old.client).version)) AS etag,
       CASE WHEN changed.client IS NOT NULL THEN operations.note(
           $5::jsonb, 'client.update', 'client', old.id::text, to_jsonb(old.client) - '{updated_at,version,searched}'::text[],
           to_jsonb(changed.client) - '{updated_at,version,searched}'::text[]) END AS noted
  FROM old LEFT JOIN changed ON true;

-- name: delete_client(owner_id, id, if_match, actor) -> row
-- is_stale: if_match names another state, and nothing is deleted. No row: the client does not exist. The foreign keys refuse to delete one
-- that quotes, invoices or expenses name.
WITH old AS MATERIALIZED (
    SELECT c.id, c AS client FROM books.client c WHERE c.owner_id = $1 AND c.id = $2 FOR UPDATE
), gone AS (
    DELETE FROM books.client AS c USING old
     WHERE c.owner_id = $1 AND c.id = old.id AND books.is_match($3::text[], books.etag((old.client).version))
    RETURNING c.id
)
SELECT gone.id IS NULL AS is_stale, books.etag((old.client).version) AS etag,
       CASE WHEN gone.id IS NOT NULL THEN operations.note(
           $4::jsonb, 'client.delete', 'client', old.id::text, to_jsonb(old.client) - '{version,searched}'::text[], NULL) END AS noted
  FROM old LEFT JOIN gone ON true;
