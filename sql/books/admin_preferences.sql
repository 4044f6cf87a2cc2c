-- What owners want of their papers as the administration shows it. p: the preferences. docs/api/books.md#administration

-- filter: keys(owner_ids)
p.owner_id = ANY ($1::bigint[])

-- filter: owner(public_id)
p.owner_id = (SELECT a.id FROM accounts.account a WHERE a.public_id = $1::uuid)

-- name: list_rows(after, most) -> rows
SELECT p.owner_id::text AS key, a.email AS label, a.email AS account, a.company_name, p.currency, p.paper_size, p.sends_reminders, p.logo IS NOT NULL AS has_logo,
       (/* key */ jsonb_build_array(p.owner_id) /* or as asked */)::text AS place
  FROM books.preferences p CROSS JOIN LATERAL (SELECT o.email, o.company_name FROM accounts.account o WHERE o.id = p.owner_id OFFSET 0) a
 WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
 ORDER BY p.owner_id DESC /* or as asked */ LIMIT $2::bigint;

-- name: get_row(owner_id) -> value
SELECT json_build_object(
           'label', a.email, 'currency', p.currency, 'paper_size', p.paper_size, 'tax_number', p.tax_number, 'phone', p.phone, 'website', p.website,
           'quote_terms', p.quote_terms, 'invoice_terms', p.invoice_terms, 'quote_days', p.quote_days, 'invoice_days', p.invoice_days, 'footer', p.footer,
           'sends_reminders', p.sends_reminders, 'logo', p.logo, 'company_name', a.company_name, 'owner', a.email, 'owner_key', a.public_id)::text
  FROM books.preferences p JOIN accounts.account a ON a.id = p.owner_id
 WHERE p.owner_id = $1::bigint;
