-- Vendors as the administration shows them, and what it changes of them. docs/api/vendor.md#administration

-- filter: keys(ids) in list_rows
v.id = ANY ($1::uuid[])

-- The longest word is looked for by the index of either table; the others may be in any of the texts.
-- filter: search(longest, words) in list_rows
v.id = ANY (ARRAY(
    SELECT found.id
      FROM ((SELECT s.id
               FROM vendor.vendor s CROSS JOIN LATERAL (SELECT accounts.searched(a.email, a.name, a.username) AS text
                                                          FROM accounts.account a WHERE a.id = s.account_id OFFSET 0) its
              WHERE vendor.searched(s.business_name, s.phone) LIKE core.containing($1::text)
                AND its.text || E'\n' || vendor.searched(s.business_name, s.phone)
                    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2::text[]) AS word))
              LIMIT 1000)
            UNION
            (SELECT its.id
               FROM accounts.account a CROSS JOIN LATERAL (SELECT s.id, vendor.searched(s.business_name, s.phone) AS text
                                                             FROM vendor.vendor s WHERE s.account_id = a.id OFFSET 0) its
              WHERE accounts.searched(a.email, a.name, a.username) LIKE core.containing($1)
                AND accounts.searched(a.email, a.name, a.username) || E'\n' || its.text
                    LIKE ALL (ARRAY(SELECT core.containing(word) FROM unnest($2) AS word))
              LIMIT 1000)) found))

-- filter: approved(is_approved) in list_rows
(NOT v.is_approved)::integer = (NOT $1::boolean)::integer

-- filter: since(day, zone) in list_rows
v.created_at >= ($1::date)::timestamp AT TIME ZONE $2::text

-- filter: until(day, zone) in list_rows
v.created_at < ($1::date + 1)::timestamp AT TIME ZONE $2::text

-- name: list_rows(after, most) -> rows
-- status: as the sales reps' pages have it, a vendor is approved who is approved and whose account is active.
SELECT v.id::text AS key, v.business_name AS label, v.business_name, a.username, a.email, a.public_id::text AS email_key, v.phone, v.gst_no,
       CASE WHEN v.is_approved AND a.is_active THEN 'Approved' WHEN v.is_approved THEN 'Deactivated' ELSE 'Pending' END AS status,
       v.created_at, v.id::text AS id, (/* key */ jsonb_build_array(v.id) /* or as asked */)::text AS place
  FROM vendor.vendor v
       CROSS JOIN LATERAL (SELECT a.username, a.email, a.public_id, a.is_active FROM accounts.account a WHERE a.id = v.account_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY v.id /* or as asked */ LIMIT $2::bigint;

-- name: get_row(id) -> value
SELECT json_build_object(
           'id', v.id, 'business_name', v.business_name, 'phone', v.phone, 'address', v.address, 'gst_no', v.gst_no, 'fssai_license', v.fssai_license,
           'logo', v.logo, 'footer_note', v.footer_note, 'is_approved', v.is_approved, 'username', a.username, 'email', a.email, 'email_key', a.public_id,
           'person', a.name, 'is_active', a.is_active, 'last_login', core.iso(a.last_login),
           'bills', coalesce((SELECT t.bills FROM vendor.bill_tally t WHERE t.vendor_id = v.id), 0),
           'created_at', core.iso(v.created_at), 'updated_at', core.iso(v.updated_at))::text
  FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id
 WHERE v.id = $1::uuid;

-- name: update_vendor(id, body, is_pictured, logo, actor) -> row
-- Members that the body omits stay; the logo too, unless is_pictured. An approval activates the account (trigger vendor_approved). No row: there
-- is no such vendor.
WITH old AS MATERIALIZED (
    SELECT v.id, v.logo, v.is_approved, v AS vendor FROM vendor.vendor v WHERE v.id = $1::uuid FOR NO KEY UPDATE
), changed AS (
    UPDATE vendor.vendor AS v
       SET business_name = coalesce(core.trimmed(b.business_name), v.business_name),
           phone         = coalesce(core.trimmed(b.phone), v.phone),
           address       = coalesce(core.trimmed(b.address), v.address),
           gst_no        = CASE WHEN $2::jsonb ? 'gst_no' THEN nullif(core.trimmed(b.gst_no), '') ELSE v.gst_no END,
           fssai_license = CASE WHEN $2 ? 'fssai_license' THEN nullif(core.trimmed(b.fssai_license), '') ELSE v.fssai_license END,
           footer_note   = coalesce(core.trimmed(b.footer_note), v.footer_note),
           is_approved   = coalesce(b.is_approved, v.is_approved),
           logo          = CASE WHEN $3::boolean THEN $4 ELSE v.logo END,
           updated_at    = now()
      FROM old, jsonb_to_record($2) AS b (
           business_name text, phone text, address text, gst_no text, fssai_license text, footer_note text, is_approved boolean)
     WHERE v.id = old.id
    RETURNING v.is_approved, v AS vendor
)
SELECT old.logo,
       operations.note($5::jsonb, CASE WHEN changed.is_approved AND NOT old.is_approved THEN 'vendor.approve' ELSE 'vendor.update' END,
                       'vendor', old.id::text, to_jsonb(old.vendor) - 'updated_at', to_jsonb(changed.vendor) - 'updated_at')
  FROM changed CROSS JOIN old;
