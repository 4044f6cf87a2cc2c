-- Functions and documents of the books area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0013_books.sql, 0014_books_preferences.sql.
--
-- Triggers on books.client, books.quote, books.invoice, books.expense
--   NOUN_counted, NOUN_uncounted   after a statement that adds or deletes   keep books.tally
-- Triggers on books.preferences
--   preferences_logo_used          after a row is written                   core.use_media_file keeps the register of files
--
-- Money is numeric with two places, and sent as text. Days are those of UTC.

CREATE OR REPLACE FUNCTION books.count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO books.tally AS t (owner_id, kind, n)
        SELECT made.owner_id, TG_ARGV[0], count(*) FROM made GROUP BY made.owner_id ORDER BY made.owner_id
            ON CONFLICT (owner_id, kind) DO UPDATE SET n = t.n + EXCLUDED.n;
    ELSE
        UPDATE books.tally t SET n = t.n - g.n
          FROM (SELECT gone.owner_id, count(*) AS n FROM gone GROUP BY gone.owner_id) g
         WHERE t.owner_id = g.owner_id AND t.kind = TG_ARGV[0];
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION books.today() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (now() AT TIME ZONE 'UTC')::date
$$;

-- The ETag of a row: it changes with each change of the row.
CREATE OR REPLACE FUNCTION books.etag(version integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '"' || version || '"'
$$;

-- Whether an If-Match header of these tags admits a change; null: there was none, or it was `*`.
CREATE OR REPLACE FUNCTION books.is_match(tags text[], etag text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT tags IS NULL OR etag = ANY (tags)
$$;

CREATE OR REPLACE FUNCTION books.client_document(c books.client) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', c.id, 'name', c.name, 'email', c.email, 'phone', c.phone, 'address', c.address, 'company', c.company,
        'tax_number', c.tax_number, 'notes', c.notes, 'is_active', c.is_active,
        'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at), 'owner', c.owner_id)
$$;

-- The next number of an owner's quotes or invoices in a year. Its row is held until the commit: numbers follow each other without gaps, and
-- two transactions of one owner that number wait for each other.
CREATE OR REPLACE FUNCTION books.next_number(owner bigint, its_kind text, its_year integer) RETURNS integer LANGUAGE sql AS $$
    INSERT INTO books.number_counter AS n (owner_id, kind, year, last) VALUES (owner, its_kind, its_year, 1)
        ON CONFLICT (owner_id, kind, year) DO UPDATE SET last = n.last + 1
    RETURNING n.last
$$;

-- QUO-2024-001, INV-2024-001; from 1000 on with as many digits as the number has.
CREATE OR REPLACE FUNCTION books.number_text(prefix text, year integer, number integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT prefix || '-' || year || '-' || CASE WHEN number < 1000 THEN lpad(number::text, 3, '0') ELSE number::text END
$$;

-- The lines of a quote or an invoice as they are stored, and their sum. sent: [{description, quantity, unit_price}]; null: no lines. All
-- amounts are rounded half up to cents. A quantity is a JSON number without the zeros behind its point.
CREATE OR REPLACE FUNCTION books.priced_lines(sent jsonb) RETURNS TABLE (line_items json, subtotal numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT coalesce(json_agg(json_build_object('description', l.description, 'quantity', trim_scale(l.quantity), 'unit_price', l.unit_price::text,
                                               'total', round(l.quantity * l.unit_price, 2)::text) ORDER BY l.place), '[]'),
           coalesce(sum(round(l.quantity * l.unit_price, 2)), 0)
      FROM (SELECT core.trimmed(item ->> 'description') AS description, round(coalesce((item ->> 'quantity')::numeric, 1), 2) AS quantity,
                   round((item ->> 'unit_price')::numeric, 2) AS unit_price, place
              FROM jsonb_array_elements(sent) WITH ORDINALITY AS sent_line (item, place)) l
$$;

-- The tax of a quote or an invoice: by its rate, or an amount.
CREATE OR REPLACE FUNCTION books.tax_of(subtotal numeric, rate numeric, amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(coalesce(subtotal * rate, amount, 0), 2)
$$;

-- The status as it is on a day.
CREATE OR REPLACE FUNCTION books.quote_status(status text, expiry_date date, day date) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN status = 'sent' AND expiry_date < day THEN 'expired' ELSE status END
$$;
CREATE OR REPLACE FUNCTION books.invoice_status(status text, due_date date, day date) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN status IN ('sent', 'partial') AND due_date < day THEN 'overdue' ELSE status END
$$;

-- The ETags of a quote and an invoice. They show the name of their client, and a status that depends on the day.
CREATE OR REPLACE FUNCTION books.paper_etag(version integer, client_version integer, status text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '"' || version || '.' || client_version || '-' || status || '"'
$$;

CREATE OR REPLACE FUNCTION books.quote_document(q books.quote, client_name text, invoice_id bigint) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', q.id, 'quote_number', books.number_text('QUO', q.year, q.number), 'client', q.client_id, 'client_name', client_name,
        'issue_date', q.issue_date, 'expiry_date', q.expiry_date, 'status', books.quote_status(q.status, q.expiry_date, books.today()),
        'title', q.title, 'subtotal', q.subtotal::text, 'tax_rate', q.tax_rate::text, 'tax_amount', q.tax_amount::text,
        'total_amount', q.total_amount::text, 'terms', q.terms, 'notes', q.notes, 'sent_at', core.iso(q.sent_at), 'invoice', invoice_id,
        'created_at', core.iso(q.created_at), 'updated_at', core.iso(q.updated_at), 'owner', q.owner_id, 'line_items', q.line_items)
$$;

CREATE OR REPLACE FUNCTION books.payment_document(p books.payment) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('id', p.id, 'amount', p.amount::text, 'payment_date', p.payment_date, 'payment_method', p.payment_method,
                             'reference', p.reference, 'created_at', core.iso(p.created_at))
$$;

-- Payments are read only where there are any.
CREATE OR REPLACE FUNCTION books.invoice_document(i books.invoice, client_name text) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', i.id, 'invoice_number', books.number_text('INV', i.year, i.number), 'client', i.client_id, 'client_name', client_name,
        'issue_date', i.issue_date, 'due_date', i.due_date, 'status', books.invoice_status(i.status, i.due_date, books.today()),
        'title', i.title, 'subtotal', i.subtotal::text, 'tax_rate', i.tax_rate::text, 'tax_amount', i.tax_amount::text,
        'total_amount', i.total_amount::text, 'paid_amount', i.paid_amount::text, 'balance', (i.total_amount - i.paid_amount)::text,
        'terms', i.terms, 'notes', i.notes, 'source_quote', i.quote_id, 'sent_at', core.iso(i.sent_at), 'paid_at', core.iso(i.paid_at),
        'created_at', core.iso(i.created_at), 'updated_at', core.iso(i.updated_at), 'owner', i.owner_id, 'line_items', i.line_items,
        'payments', CASE WHEN i.paid_amount > 0 THEN (
            SELECT json_agg(books.payment_document(p) ORDER BY p.id) FROM books.payment p WHERE p.owner_id = i.owner_id AND p.invoice_id = i.id)
            ELSE '[]' END)
$$;

-- file: the key of the file, for which the handler puts a link.
CREATE OR REPLACE FUNCTION books.attachment_document(a books.attachment) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('id', a.id, 'expense', a.expense_id, 'file', 'media:' || a.key, 'filename', a.filename, 'file_size', a.size,
                             'content_type', a.content_type, 'uploaded_at', core.iso(a.uploaded_at))
$$;

-- attachments: those of books.attachment_document, in the order in which they came.
CREATE OR REPLACE FUNCTION books.expense_document(e books.expense) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', e.id, 'description', e.description, 'amount', e.amount::text, 'category', e.category, 'expense_date', e.expense_date,
        'receipt_number', e.receipt_number, 'vendor', e.vendor, 'tax_amount', e.tax_amount::text, 'is_billable', e.is_billable,
        'client', e.client_id, 'status', e.status, 'notes', e.notes, 'created_at', core.iso(e.created_at), 'updated_at', core.iso(e.updated_at),
        'owner', e.owner_id, 'attachments', coalesce((
            SELECT json_agg(books.attachment_document(a) ORDER BY a.id) FROM books.attachment a WHERE a.owner_id = e.owner_id AND a.expense_id = e.id), '[]'))
$$;

-- The preferences of an owner: the row, or the defaults. One row for every owner.
CREATE OR REPLACE FUNCTION books.preference(owner bigint) RETURNS SETOF books.preferences LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT owner, coalesce(p.currency, 'USD'), coalesce(p.paper_size, 'A4'), coalesce(p.tax_number, ''), coalesce(p.phone, ''),
           coalesce(p.website, ''), coalesce(p.quote_terms, ''), coalesce(p.invoice_terms, ''), coalesce(p.quote_days, 30),
           coalesce(p.invoice_days, 30), coalesce(p.footer, ''), p.logo, coalesce(p.sends_reminders, true)
      FROM (SELECT) one LEFT JOIN books.preferences p ON p.owner_id = owner
$$;

-- How a currency is written before an amount: by its sign, where that means no other currency to most readers, or else by its code.
CREATE OR REPLACE FUNCTION books.currency_sign(currency text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(CAST('{"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥", "CNY": "CN¥", "KRW": "₩", "TRY": "₺", "UAH": "₴", "RUB": "₽",
        "KZT": "₸", "ILS": "₪", "VND": "₫", "NGN": "₦", "GHS": "GH₵", "PHP": "₱", "CRC": "₡", "PYG": "₲", "LAK": "₭", "MNT": "₮", "GEL": "₾",
        "AZN": "₼", "AUD": "A$", "BRL": "R$", "CAD": "CA$", "HKD": "HK$", "MXN": "MX$", "NZD": "NZ$", "SGD": "S$", "TWD": "NT$"}' AS json)
        ->> currency, currency)
$$;

-- What an owner is called where it has to be shown: its company, or else the person.
CREATE OR REPLACE FUNCTION books.owner_name(a accounts.account) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(a.company_name, ''), a.name)
$$;

-- logo: the key of the file, for which the handler puts a link. company: what the account says, and where that is changed.
CREATE OR REPLACE FUNCTION books.preferences_document(p books.preferences) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'currency', p.currency, 'currency_sign', books.currency_sign(p.currency), 'paper_size', p.paper_size, 'tax_number', p.tax_number,
        'phone', p.phone, 'website', p.website, 'quote_terms', p.quote_terms, 'invoice_terms', p.invoice_terms, 'quote_days', p.quote_days,
        'invoice_days', p.invoice_days, 'footer', p.footer, 'sends_reminders', p.sends_reminders, 'logo', 'media:' || p.logo,
        'company', json_build_object('name', books.owner_name(a), 'address', a.company_address, 'email', a.email, 'profile', '/api/auth/profile/'))
      FROM accounts.account a
     WHERE a.id = p.owner_id
$$;

-- What every paper of an owner shows of the owner. logo: the key of the file.
CREATE OR REPLACE FUNCTION books.letterhead(owner bigint) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'name', books.owner_name(a), 'address', a.company_address, 'email', a.email, 'phone', p.phone, 'website', p.website,
        'tax_number', p.tax_number, 'currency', p.currency, 'sign', books.currency_sign(p.currency), 'paper_size', p.paper_size,
        'footer', p.footer, 'logo', p.logo)
      FROM accounts.account a CROSS JOIN LATERAL books.preference(a.id) p
     WHERE a.id = owner
$$;

-- What a paper shows of its client.
CREATE OR REPLACE FUNCTION books.addressee(c books.client) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('name', c.name, 'company', c.company, 'address', c.address, 'tax_number', c.tax_number)
$$;
