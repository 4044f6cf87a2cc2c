-- Suppliers of the shop as the administration shows them (handlers/api/admin.py). docs/api/pos.md#administration

-- filter: keys(ids)
s.id = ANY ($1::bigint[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
s.id = ANY (ARRAY(
    SELECT found.id
      FROM (SELECT f.id, pos.folded(f.name || ' ' || f.contact_person || ' ' || f.rfc || ' ' || f.phone_number) AS words FROM pos.supplier f
             WHERE pos.folded(f.name || ' ' || f.contact_person || ' ' || f.rfc || ' ' || f.phone_number) LIKE core.containing(pos.folded($1::text)) LIMIT 10000) found
     WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(pos.folded(word)) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- name: list_rows(after, most) -> rows
SELECT s.id::text AS key, s.name AS label, s.name, s.contact_person, s.phone_number, s.rfc,
       (/* key */ jsonb_build_array(s.id) /* or as asked */)::text AS place
  FROM pos.supplier s
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY s.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT pos.supplier_document(s)::text FROM pos.supplier s WHERE s.id = $1::bigint;
