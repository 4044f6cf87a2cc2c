-- What commands write: sales reps, and the vendors of the demo. docs/api/vendor.md#sales-rep-pages

-- name: keep_rep(email, name, phone) -> none
-- Makes the profile of an account.
INSERT INTO vendor.sales_rep (account_id, name, phone)
SELECT a.id, $2, $3 FROM accounts.account a WHERE lower(a.email) = lower($1)
    ON CONFLICT (account_id) DO NOTHING;

-- name: make_vendor(email, business_name, phone, address, gst_no, is_approved) -> value
-- Makes the vendor of an account; null if the account has one, or another vendor has the GST number. An unapproved one waits: its account
-- becomes inactive.
WITH made AS (
    INSERT INTO vendor.vendor AS v (account_id, business_name, phone, address, gst_no, is_approved)
    SELECT a.id, $2, $3, $4, $5, $6 FROM accounts.account a WHERE lower(a.email) = lower($1) AND a.role = 'VENDOR'
        ON CONFLICT DO NOTHING
    RETURNING v.id, v.account_id
), waiting AS (
    UPDATE accounts.account a SET is_active = false FROM made WHERE a.id = made.account_id AND NOT $6::boolean
)
SELECT made.id::text FROM made;
