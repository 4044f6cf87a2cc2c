-- What an owner wants of its papers. docs/api/books.md#preferences

-- name: get_preferences(owner_id) -> value
SELECT document::text FROM books.preference($1) AS p CROSS JOIN LATERAL books.preferences_document(p) AS document;

-- name: get_logo(owner_id) -> value
-- The key of the file; null: the owner has no logo.
SELECT p.logo FROM books.preferences p WHERE p.owner_id = $1;

-- name: change_preferences(owner_id, body, actor) -> row
-- Members that the body omits stay, and texts that are null become empty. Of two changes at the same time each one's members are kept:
-- the row is changed as it is when the statement has it. An owner that has no row yet gets one with the defaults.
WITH old AS MATERIALIZED (
    SELECT p FROM books.preferences p WHERE p.owner_id = $1 FOR NO KEY UPDATE
), changed AS (
    INSERT INTO books.preferences AS p (owner_id, currency, paper_size, tax_number, phone, website, quote_terms, invoice_terms, quote_days,
                                        invoice_days, footer, sends_reminders)
    SELECT $1, coalesce(b.currency, d.currency), coalesce(b.paper_size, d.paper_size), coalesce(core.trimmed(b.tax_number), ''),
           coalesce(core.trimmed(b.phone), ''), coalesce(core.trimmed(b.website), ''), coalesce(core.trimmed(b.quote_terms), ''),
           coalesce(core.trimmed(b.invoice_terms), ''), coalesce(b.quote_days::integer, d.quote_days),
           coalesce(b.invoice_days::integer, d.invoice_days), coalesce(core.trimmed(b.footer), ''),
           coalesce(b.sends_reminders, d.sends_reminders)
      -- `old` stands here so that the row is read and locked before it is changed.
      FROM (SELECT count(*) FROM old) held, books.preference($1) d, jsonb_to_record($2::jsonb) AS b (
           currency text, paper_size text, tax_number text, phone text, website text, quote_terms text, invoice_terms text, quote_days numeric,
           invoice_days numeric, footer text, sends_reminders boolean)
        ON CONFLICT (owner_id) DO UPDATE
       SET currency        = CASE WHEN $2::jsonb ? 'currency' THEN EXCLUDED.currency ELSE p.currency END,
           paper_size      = CASE WHEN $2::jsonb ? 'paper_size' THEN EXCLUDED.paper_size ELSE p.paper_size END,
           tax_number      = CASE WHEN $2::jsonb ? 'tax_number' THEN EXCLUDED.tax_number ELSE p.tax_number END,
           phone           = CASE WHEN $2::jsonb ? 'phone' THEN EXCLUDED.phone ELSE p.phone END,
           website         = CASE WHEN $2::jsonb ? 'website' THEN EXCLUDED.website ELSE p.website END,
           quote_terms     = CASE WHEN $2::jsonb ? 'quote_terms' THEN EXCLUDED.quote_terms ELSE p.quote_terms END,
           invoice_terms   = CASE WHEN $2::jsonb ? 'invoice_terms' THEN EXCLUDED.invoice_terms ELSE p.invoice_terms END,
           quote_days      = CASE WHEN $2::jsonb ? 'quote_days' THEN EXCLUDED.quote_days ELSE p.quote_days END,
           invoice_days    = CASE WHEN $2::jsonb ? 'invoice_days' THEN EXCLUDED.invoice_days ELSE p.invoice_days END,
           footer          = CASE WHEN $2::jsonb ? 'footer' THEN EXCLUDED.footer ELSE p.footer END,
           sends_reminders = CASE WHEN $2::jsonb ? 'sends_reminders' THEN EXCLUDED.sends_reminders ELSE p.sends_reminders END
    RETURNING p
)
SELECT document::text AS document,
       operations.note($3::jsonb, 'preferences.update', 'preferences', $1::text,
                       (SELECT to_jsonb(old.p) - '{owner_id,logo}'::text[] FROM old),
                       to_jsonb(changed.p) - '{owner_id,logo}'::text[]) AS noted
  FROM changed CROSS JOIN LATERAL books.preferences_document(changed.p) AS document;

-- name: set_logo(owner_id, logo, actor) -> row
-- logo: the key of the file; null: none. replaced: the key of the file before, which no row uses any more.
WITH old AS MATERIALIZED (
    SELECT p FROM books.preferences p WHERE p.owner_id = $1 FOR NO KEY UPDATE
), changed AS (
    INSERT INTO books.preferences AS p (owner_id, currency, paper_size, tax_number, phone, website, quote_terms, invoice_terms, quote_days,
                                        invoice_days, footer, sends_reminders, logo)
    SELECT d.owner_id, d.currency, d.paper_size, d.tax_number, d.phone, d.website, d.quote_terms, d.invoice_terms, d.quote_days, d.invoice_days,
           d.footer, d.sends_reminders, $2
      FROM (SELECT count(*) FROM old) held, books.preference($1) d
        ON CONFLICT (owner_id) DO UPDATE SET logo = EXCLUDED.logo
    RETURNING p
)
SELECT document::text AS document, (SELECT (old.p).logo FROM old) AS replaced,
       operations.note($3::jsonb, 'preferences.logo', 'preferences', $1::text, jsonb_build_object('logo', (SELECT (old.p).logo FROM old)),
                       jsonb_build_object('logo', (changed.p).logo)) AS noted
  FROM changed CROSS JOIN LATERAL books.preferences_document(changed.p) AS document;
