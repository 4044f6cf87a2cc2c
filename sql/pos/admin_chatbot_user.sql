-- Users of the shop's chatbot as the administration shows them (handlers/api/admin.py). docs/api/pos.md#administration

-- filter: keys(numbers)
u.mobile_number = ANY ($1::text[])

-- Of the first 10,000 that have the longest word, at most 1,000 that have all words.
-- filter: search(longest, words)
u.mobile_number = ANY (ARRAY(
    SELECT found.mobile_number
      FROM (SELECT f.mobile_number, pos.folded(f.name || ' ' || f.mobile_number) AS words FROM pos.chatbot_user f
             WHERE pos.folded(f.name || ' ' || f.mobile_number) LIKE core.containing(pos.folded($1::text)) LIMIT 10000) found
     WHERE found.words LIKE ALL (ARRAY(SELECT core.containing(pos.folded(word)) FROM unnest($2::text[]) AS word)) LIMIT 1000))

-- name: list_rows(after, most) -> rows
SELECT u.mobile_number::text AS key, u.name || ' ' || u.mobile_number AS label, u.mobile_number, u.name, u.last_interaction,
       (/* key */ jsonb_build_array(u.mobile_number) /* or as asked */)::text AS place
  FROM pos.chatbot_user u
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY u.mobile_number /* or as asked */ LIMIT $2::bigint;

-- name: get_row(number) -> value
SELECT pos.chatbot_user_document(u)::text FROM pos.chatbot_user u WHERE u.mobile_number = $1::text;
