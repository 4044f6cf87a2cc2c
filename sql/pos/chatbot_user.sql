-- Users of the shop's chatbot. Lists are ordered by mobile number. docs/api/pos.md#chatbot-users

-- name: list_chatbot_users(after, most) -> rows
SELECT pos.chatbot_user_document(u)::text AS document, u.mobile_number AS key
  FROM pos.chatbot_user u WHERE u.mobile_number > $1::text ORDER BY u.mobile_number LIMIT $2::bigint;

-- name: get_chatbot_user(number) -> value
SELECT pos.chatbot_user_document(u)::text FROM pos.chatbot_user u WHERE u.mobile_number = $1::text;

-- name: create_chatbot_user(body, actor) -> row
WITH made AS (
    INSERT INTO pos.chatbot_user AS u (mobile_number, name)
    SELECT core.trimmed(b.mobile_number), core.trimmed(b.name) FROM jsonb_to_record($1::jsonb) AS b (mobile_number text, name text)
    RETURNING u AS chatbot_user
)
SELECT pos.chatbot_user_document(chatbot_user)::text AS document,
       operations.note($2::jsonb, 'chatbot_user.create', 'chatbot_user', (chatbot_user).mobile_number, NULL, to_jsonb(chatbot_user))
  FROM made;

-- name: update_chatbot_user(number, body, actor) -> row
-- No row: the user does not exist.
WITH old AS MATERIALIZED (
    SELECT u.mobile_number, u AS chatbot_user FROM pos.chatbot_user u WHERE u.mobile_number = $1::text FOR NO KEY UPDATE
), changed AS (
    UPDATE pos.chatbot_user AS u SET name = coalesce(core.trimmed(b.name), u.name)
      FROM old, jsonb_to_record($2::jsonb) AS b (name text)
     WHERE u.mobile_number = old.mobile_number
    RETURNING u AS chatbot_user
)
SELECT pos.chatbot_user_document(changed.chatbot_user)::text AS document,
       operations.note($3::jsonb, 'chatbot_user.update', 'chatbot_user', old.mobile_number, to_jsonb(old.chatbot_user),
                       to_jsonb(changed.chatbot_user))
  FROM changed CROSS JOIN old;

-- name: delete_chatbot_user(number, actor) -> row
-- No row: the user does not exist.
WITH gone AS (
    DELETE FROM pos.chatbot_user AS u WHERE u.mobile_number = $1::text RETURNING u.mobile_number, u AS chatbot_user
)
SELECT gone.mobile_number, operations.note($2::jsonb, 'chatbot_user.delete', 'chatbot_user', gone.mobile_number, to_jsonb(gone.chatbot_user), NULL)
  FROM gone;
