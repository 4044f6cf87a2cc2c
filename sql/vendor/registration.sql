-- Registration of vendors, and new passwords by username and GST number. docs/api/vendor.md#registration

-- name: register(body, password_hash, address, request_id, actor) -> row
-- The account is inactive and the vendor unapproved. The statement first looks for username, e-mail and GST number, so that one answer can
-- name all that are taken; of two at the same time, the second breaks account_vendor_username_key, account_email_key or
-- vendor_gst_no_key. Always one row; account_id is null if one of them is taken. actor: who does it; null: the vendor.
WITH sent AS MATERIALIZED (
    SELECT core.trimmed(s.username) AS username, lower(core.trimmed(s.email)) AS email, core.trimmed(s.business_name) AS business_name,
           core.trimmed(s.phone) AS phone, core.trimmed(s.gst_no) AS gst_no, nullif(core.trimmed(s.fssai_license), '') AS fssai_license,
           core.trimmed(s.address) AS address
      FROM jsonb_to_record($1::jsonb) AS s (username text, email text, business_name text, phone text, gst_no text, fssai_license text,
                                            address text)
), taken AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM accounts.account a WHERE lower(a.username) = lower(sent.username) AND a.username <> '')
           -- An account may be signed in to with its e-mail.
           OR EXISTS (SELECT FROM accounts.account a WHERE lower(a.email) = lower(sent.username)) AS username,
           EXISTS (SELECT FROM accounts.account a WHERE lower(a.email) = sent.email)
           OR EXISTS (SELECT FROM accounts.account a WHERE lower(a.username) = sent.email AND a.username <> '') AS email,
           EXISTS (SELECT FROM vendor.vendor v WHERE v.gst_no = sent.gst_no) AS gst_no
      FROM sent
), made AS (
    INSERT INTO accounts.account AS a (email, username, role, password_hash, is_active)
    SELECT sent.email, sent.username, 'VENDOR', $2, false FROM sent, taken WHERE NOT (taken.username OR taken.email OR taken.gst_no)
    RETURNING a.id, a.public_id, a.email, accounts.audited(a) AS audited
), vendor AS (
    INSERT INTO vendor.vendor (account_id, business_name, phone, address, gst_no, fssai_license)
    SELECT made.id, sent.business_name, sent.phone, sent.address, sent.gst_no, sent.fssai_license FROM made CROSS JOIN sent
    RETURNING id
)
SELECT made.id AS account_id, (SELECT vendor.id::text FROM vendor) AS vendor_id, taken.username AS username_taken, taken.email AS email_taken, taken.gst_no AS gst_no_taken,
       sent.username, sent.business_name,
       CASE WHEN made.id IS NOT NULL THEN
            operations.note(coalesce($5::jsonb, operations.actor(made.id, made.email, $3, $4)), 'vendor.register', 'account', made.public_id::text, NULL, made.audited)
        END AS noted
  FROM taken CROSS JOIN sent LEFT JOIN made ON true;

-- name: find_for_reset(username) -> row
-- The account whose password is to be set. If several accounts have the username, a vendor's comes first. No row: no account has the
-- username. The transaction that sets the password keeps the row locked. An account that has got another role or the flag is_staff since is no
-- vendor here: a GST number, which is printed on bills and which staff can change, must not open what a vendor may not enter.
SELECT a.id, a.username, a.is_active, v.id IS NOT NULL AND a.role = 'VENDOR' AND NOT (a.is_staff OR a.is_superuser) AS is_vendor,
       v.gst_no, v.business_name, v.is_approved
  FROM accounts.account a LEFT JOIN vendor.vendor v ON v.account_id = a.id
 WHERE lower(a.username) = lower(core.trimmed($1)) AND a.username <> ''
 ORDER BY (v.id IS NOT NULL) DESC, a.is_active DESC, a.id LIMIT 1
   FOR NO KEY UPDATE OF a;

-- name: set_password(account_id, password_hash, address, request_id) -> row
-- Ends all sessions of the account.
WITH changed AS (
    UPDATE accounts.account a SET password_hash = $2, updated_at = now() WHERE a.id = $1::bigint RETURNING a.id, a.email, a.public_id
), ended AS (
    UPDATE accounts.session s SET revoked_at = now() WHERE s.account_id = $1 AND s.revoked_at IS NULL
)
SELECT changed.id, operations.note(operations.actor(changed.id, changed.email, $3, $4), 'account.password-reset', 'account',
                                   changed.public_id::text, NULL, NULL)
  FROM changed;

-- name: note_refused_resets(username, address, request_id) -> value
-- Called once each time that the limit of refused attempts is reached.
SELECT operations.note(operations.actor(NULL, NULL, $2, $3), 'account.password-reset-refused', 'sign-in', left($1, 255), NULL, NULL);
