-- Functions and documents of the books area. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0013_books.sql, 0014_books_preferences.sql, 0015_books_mail.sql, 0016_books_export.sql.
--
-- Triggers on books.client, books.quote, books.invoice, books.expense, books.attachment
--   NOUN_counted, NOUN_uncounted   after a statement that adds or deletes   keep books.tally
-- Triggers on books.invoice
--   invoice_of_quote_made, …       after a write that changes its quote_id   give the quote another ETag
-- Triggers on books.attachment
--   attachment_key_used            after a row is added or deleted          core.use_media_file keeps the register of files
-- Triggers on books.preferences
--   preferences_logo_used          after a row is written                   core.use_media_file keeps the register of files
-- Triggers on books.export
--   export_file_used               after a row whose key changes            core.use_media_file keeps the register of files
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

-- The quotes of an invoice, before and after, show another invoice now, or none: their ETags become others.
CREATE OR REPLACE FUNCTION books.touch_quote() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    its_owner bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.owner_id ELSE NEW.owner_id END;
    quotes    bigint[] := ARRAY[CASE WHEN TG_OP <> 'INSERT' THEN OLD.quote_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.quote_id END];
BEGIN
    UPDATE books.quote q SET version = q.version + 1 WHERE q.owner_id = its_owner AND q.id = ANY (quotes);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION books.today() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (now() AT TIME ZONE 'UTC')::date
$$;

-- Days later, and at most the last day that JSON's dates have.
CREATE OR REPLACE FUNCTION books.days_after(day date, days integer) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(day + days, '9999-12-31')
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
    SELECT prefix || '-' || lpad(year::text, 4, '0') || '-' || CASE WHEN number < 1000 THEN lpad(number::text, 3, '0') ELSE number::text END
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

-- Whether a quote may go from one status to another. docs/api/books.md#quotes
CREATE OR REPLACE FUNCTION books.quote_can_become(status text, next_status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (status, next_status) IN (
        ('draft', 'sent'), ('draft', 'rejected'), ('sent', 'accepted'), ('sent', 'rejected'), ('sent', 'expired'), ('accepted', 'rejected'),
        ('expired', 'sent'))
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

-- The document of a quote with what other tables have of it.
CREATE OR REPLACE FUNCTION books.shown_quote(q books.quote) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT books.quote_document(
        q, (SELECT c.name FROM books.client c WHERE c.owner_id = q.owner_id AND c.id = q.client_id),
        (SELECT i.id FROM books.invoice i WHERE i.owner_id = q.owner_id AND i.quote_id = q.id))
$$;

-- Stores as expired at most `most` quotes whose expiry_date has passed, and returns how many. Their documents don't change, so their versions
-- stay.
CREATE OR REPLACE FUNCTION books.sweep_quotes(most integer) RETURNS integer LANGUAGE sql AS $$
    WITH passed AS MATERIALIZED (
        SELECT q.owner_id, q.id FROM books.quote q
         WHERE q.status = 'sent' AND q.expiry_date < books.today()
         ORDER BY q.expiry_date LIMIT most FOR NO KEY UPDATE SKIP LOCKED
    ), stored AS (
        UPDATE books.quote AS q SET status = 'expired' FROM passed p WHERE q.owner_id = p.owner_id AND q.id = p.id RETURNING q.id
    )
    SELECT count(*)::integer FROM stored
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

-- attachments: those of books.attachment_document, in the order in which they came. They are read only where there are any.
CREATE OR REPLACE FUNCTION books.expense_document(e books.expense) RETURNS SETOF json LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT json_build_object(
        'id', e.id, 'description', e.description, 'amount', e.amount::text, 'category', e.category, 'expense_date', e.expense_date,
        'receipt_number', e.receipt_number, 'vendor', e.vendor, 'tax_amount', e.tax_amount::text, 'is_billable', e.is_billable,
        'client', e.client_id, 'status', e.status, 'notes', e.notes, 'created_at', core.iso(e.created_at), 'updated_at', core.iso(e.updated_at),
        'owner', e.owner_id, 'attachments', CASE WHEN e.attachment_count > 0 THEN (
            SELECT coalesce(json_agg(books.attachment_document(a) ORDER BY a.id), '[]')
              FROM books.attachment a WHERE a.owner_id = e.owner_id AND a.expense_id = e.id) ELSE '[]' END)
$$;

-- Why a day can't be that of an expense: 'future', 'past', or null. It may be a day ahead, because somewhere it is tomorrow already.
CREATE OR REPLACE FUNCTION books.wrong_expense_date(day date) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN day > books.today() + 1 THEN 'future' WHEN day < books.today() - 3650 THEN 'past' END
$$;

-- Whether an expense may pass from one status to another. What is reimbursed stays so.
CREATE OR REPLACE FUNCTION books.expense_may_become(status text, next text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT status = next OR (status, next) IN (
        ('pending', 'approved'), ('pending', 'rejected'), ('approved', 'reimbursed'), ('approved', 'rejected'), ('rejected', 'pending'))
$$;

-- file: the key of the file, for which the handler puts a link.
CREATE OR REPLACE FUNCTION books.export_document(x books.export) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', x.id, 'noun', x.noun, 'status', x.status, 'rows', x.rows, 'file', 'media:' || x.key, 'error', x.error,
        'created_at', core.iso(x.created_at), 'finished_at', core.iso(x.finished_at), 'expires_at', core.iso(x.created_at + interval '7 days'))
$$;

CREATE OR REPLACE FUNCTION books.mail_document(m books.mail) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('id', m.id, 'kind', m.kind, 'quote', m.quote_id, 'invoice', m.invoice_id, 'days_overdue', m.level,
                             'to', m.recipient, 'subject', m.subject, 'message', m.message, 'status', m.status, 'error', m.error,
                             'created_at', core.iso(m.created_at), 'sent_at', core.iso(m.sent_at))
$$;

-- The preferences of an owner, or the defaults where the owner has no row. Every owner gets exactly one row.
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

-- Invoices that are written. docs/api/books.md#invoices
--
-- The functions below judge everything before they write, and then answer with a refusal and what it says; the table's constraints
-- refuse the rest. Each locks the invoice's row first, so that payments and changes of one invoice follow each other; only quotes come
-- before it (CONTRIBUTING.md, lock order of books).

-- The invoice, whose row is held from now on; no row: it does not exist. with_quotes: the statement changes or deletes its quote_id, so its
-- quote and next_quote, which may be null, are held before it.
CREATE OR REPLACE FUNCTION books.hold_invoice(owner bigint, its_id bigint, with_quotes boolean, next_quote bigint)
RETURNS SETOF books.invoice LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
    its_quote bigint;
    i         books.invoice;
BEGIN
    IF with_quotes THEN
        its_quote := (SELECT o.quote_id FROM books.invoice o WHERE o.owner_id = owner AND o.id = its_id);
        PERFORM FROM books.quote q WHERE q.owner_id = owner AND q.id IN (its_quote, next_quote) ORDER BY q.id FOR NO KEY UPDATE;
    END IF;
    SELECT * INTO i FROM books.invoice o WHERE o.owner_id = owner AND o.id = its_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF with_quotes AND i.quote_id IS DISTINCT FROM its_quote AND i.quote_id IS NOT NULL THEN
        -- It got another quote meanwhile, which can't be held in order any more. Database.attempt begins anew.
        RAISE 'the invoice has got another quote' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEXT i;
END $$;

-- The status of an invoice that was sent, by what is paid of it.
CREATE OR REPLACE FUNCTION books.status_by_payments(paid numeric, total numeric, due_date date, day date) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN paid = total THEN 'paid' ELSE books.invoice_status(CASE WHEN paid > 0 THEN 'partial' ELSE 'sent' END, due_date, day) END
$$;

-- Whether an invoice in a status may be brought to another one, where its payments don't do that. paid: what is paid of it.
CREATE OR REPLACE FUNCTION books.invoice_may_become(status text, paid numeric, wanted text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE wanted WHEN 'sent' THEN status = 'draft'
                       WHEN 'paid' THEN status IN ('sent', 'partial', 'overdue')
                       WHEN 'cancelled' THEN status IN ('draft', 'sent', 'overdue') AND paid = 0
                       ELSE false END
$$;

-- A draft of an owner without anything but the usual terms.
CREATE OR REPLACE FUNCTION books.blank_invoice(owner bigint) RETURNS books.invoice LANGUAGE plpgsql STABLE AS $$
DECLARE
    i books.invoice;
BEGIN
    i.owner_id := owner;
    i.status := 'draft';
    i.issue_date := books.today();
    i.title := '';
    i.terms := (SELECT p.invoice_terms FROM books.preference(owner) p);
    i.notes := '';
    i.line_items := '[]';
    i.subtotal := 0;
    i.tax_amount := 0;
    i.paid_amount := 0;
    RETURN i;
END $$;

-- An invoice with the members of a body, except its status and payments. What the body omits stays. A tax_amount replaces the rate, unless
-- the rate is sent as well, or gives this amount.
CREATE OR REPLACE FUNCTION books.invoice_with(i books.invoice, body jsonb) RETURNS books.invoice LANGUAGE plpgsql STABLE AS $$
DECLARE
    b record;
BEGIN
    SELECT * INTO b FROM jsonb_to_record(body) AS b (
        client numeric, source_quote numeric, issue_date date, due_date date, title text, terms text, notes text, tax_rate numeric, tax_amount numeric);
    i.client_id := coalesce(b.client, i.client_id);
    i.quote_id := CASE WHEN body ? 'source_quote' THEN b.source_quote ELSE i.quote_id END;
    i.issue_date := coalesce(b.issue_date, i.issue_date);
    i.due_date := coalesce(b.due_date, i.due_date, books.days_after(i.issue_date, (SELECT p.invoice_days FROM books.preference(i.owner_id) p)));
    i.title := CASE WHEN body ? 'title' THEN coalesce(core.trimmed(b.title), '') ELSE i.title END;
    i.terms := CASE WHEN body ? 'terms' THEN coalesce(core.trimmed(b.terms), '') ELSE i.terms END;
    i.notes := CASE WHEN body ? 'notes' THEN coalesce(core.trimmed(b.notes), '') ELSE i.notes END;
    IF jsonb_typeof(body -> 'line_items') = 'array' THEN
        SELECT p.line_items, p.subtotal INTO i.line_items, i.subtotal FROM books.priced_lines(body -> 'line_items') p;
    END IF;
    IF body ? 'tax_rate' THEN
        i.tax_rate := round(b.tax_rate, 4);
    ELSIF round(b.tax_amount, 2) <> books.tax_of(i.subtotal, i.tax_rate, i.tax_amount) THEN
        i.tax_rate := NULL;
    END IF;
    i.tax_amount := books.tax_of(i.subtotal, i.tax_rate, coalesce(b.tax_amount, i.tax_amount));
    i.total_amount := i.subtotal + i.tax_amount;
    RETURN i;
END $$;

-- Whether the client and the quote of an invoice are the owner's and fit, and the client's name. It holds both: the client, so that it is
-- not deleted meanwhile, and the quote, so that no other invoice is made of it.
CREATE OR REPLACE FUNCTION books.hold_parties(i books.invoice, OUT refusal text, OUT client_name text, OUT client_version integer) LANGUAGE plpgsql AS $$
DECLARE
    quoted bigint;
BEGIN
    SELECT c.name, c.version INTO client_name, client_version
      FROM books.client c WHERE c.owner_id = i.owner_id AND c.id = i.client_id FOR KEY SHARE;
    IF NOT FOUND THEN
        refusal := 'client';
    ELSIF i.quote_id IS NOT NULL THEN
        SELECT q.client_id INTO quoted FROM books.quote q WHERE q.owner_id = i.owner_id AND q.id = i.quote_id FOR NO KEY UPDATE;
        refusal := CASE WHEN quoted IS NULL THEN 'quote'
                        WHEN quoted <> i.client_id THEN 'quote client'
                        WHEN EXISTS (SELECT FROM books.invoice o WHERE o.owner_id = i.owner_id AND o.quote_id = i.quote_id AND o.id IS DISTINCT FROM i.id)
                        THEN 'quote used' END;
    END IF;
END $$;

-- Stores a new invoice under the next number of its year. It is the last step before its payments, as the number keeps others waiting.
CREATE OR REPLACE FUNCTION books.insert_invoice(i books.invoice) RETURNS books.invoice LANGUAGE sql AS $$
    INSERT INTO books.invoice (owner_id, year, number, client_id, quote_id, status, issue_date, due_date, title, terms, notes, line_items,
                               tax_rate, subtotal, tax_amount, total_amount, paid_amount, sent_at, paid_at)
    VALUES (i.owner_id, extract(year FROM i.issue_date)::integer, books.next_number(i.owner_id, 'invoice', extract(year FROM i.issue_date)::integer),
            i.client_id, i.quote_id, i.status, i.issue_date, i.due_date, i.title, i.terms, i.notes, i.line_items,
            i.tax_rate, i.subtotal, i.tax_amount, i.total_amount, i.paid_amount, i.sent_at, i.paid_at)
    RETURNING *
$$;

-- A draft that has been sent: the one place where an invoice becomes sent.
CREATE OR REPLACE FUNCTION books.sent_invoice(i books.invoice) RETURNS books.invoice LANGUAGE plpgsql STABLE AS $$
BEGIN
    i.status := books.invoice_status('sent', i.due_date, books.today());
    i.sent_at := now();
    RETURN i;
END $$;

-- An invoice of which so much is paid. It was sent.
CREATE OR REPLACE FUNCTION books.paid_invoice(i books.invoice, paid numeric) RETURNS books.invoice LANGUAGE plpgsql STABLE AS $$
BEGIN
    i.paid_amount := paid;
    i.status := books.status_by_payments(paid, i.total_amount, i.due_date, books.today());
    i.paid_at := CASE WHEN i.status = 'paid' THEN coalesce(i.paid_at, now()) END;
    RETURN i;
END $$;

-- When an invoice was paid, whose last payment has this day: payments are often recorded later. Null while it is not paid. Of today only the
-- moment at which it was recorded is known.
CREATE OR REPLACE FUNCTION books.paid_moment(i books.invoice, last_day date) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN i.status <> 'paid' THEN NULL
                WHEN last_day < books.today() THEN last_day::timestamp AT TIME ZONE 'UTC'
                WHEN (i.paid_at AT TIME ZONE 'UTC')::date >= last_day THEN i.paid_at
                ELSE now() END
$$;

-- The last day of payments, [{payment_date}].
CREATE OR REPLACE FUNCTION books.last_day(list jsonb) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT max((p ->> 'payment_date')::date) FROM jsonb_array_elements(list) AS p
$$;

-- The payments of a body, [{id?, amount, payment_date?, payment_method?, reference?}], each with the stored one of the invoice that it is:
-- the one with its id, else one with the same content, else none (id null). is_wrong: its id is of no payment of the invoice, or is
-- sent twice. is_new: something has to be written.
CREATE OR REPLACE FUNCTION books.sent_payments(owner bigint, its_invoice bigint, sent jsonb)
RETURNS TABLE (place bigint, id bigint, amount numeric, payment_date date, payment_method text, reference text, is_wrong boolean, is_new boolean)
LANGUAGE sql STABLE AS $$
    WITH old AS MATERIALIZED (
        SELECT p.id, p.amount, p.payment_date, p.payment_method, p.reference FROM books.payment p WHERE p.owner_id = owner AND p.invoice_id = its_invoice
    ), named AS MATERIALIZED (
        SELECT s.place, b.id AS sent_id, old.id, round(b.amount, 2) AS amount, coalesce(b.payment_date, old.payment_date, books.today()) AS payment_date,
               coalesce(nullif(core.trimmed(b.payment_method), ''), old.payment_method, 'other') AS payment_method,
               coalesce(core.trimmed(b.reference), old.reference, '') AS reference
          FROM jsonb_array_elements(sent) WITH ORDINALITY AS s (item, place)
         CROSS JOIN LATERAL jsonb_to_record(s.item) AS b (id numeric, amount numeric, payment_date date, payment_method text, reference text)
          LEFT JOIN old ON old.id = b.id
    ), numbered AS (
        SELECT n.*, row_number() OVER (PARTITION BY n.sent_id, n.amount, n.payment_date, n.payment_method, n.reference ORDER BY n.place) AS nth
          FROM named n
    ), unnamed AS (
        SELECT o.*, row_number() OVER (PARTITION BY o.amount, o.payment_date, o.payment_method, o.reference ORDER BY o.id) AS nth
          FROM old o WHERE o.id NOT IN (SELECT n.id FROM named n WHERE n.id IS NOT NULL)
    )
    SELECT n.place, coalesce(n.id, u.id), n.amount, n.payment_date, n.payment_method, n.reference,
           n.sent_id IS NOT NULL AND (n.id IS NULL OR count(*) OVER (PARTITION BY n.sent_id) > 1),
           NOT EXISTS (SELECT FROM old o WHERE (o.id, o.amount, o.payment_date, o.payment_method, o.reference)
                                             = (coalesce(n.id, u.id), n.amount, n.payment_date, n.payment_method, n.reference))
      FROM numbered n
      LEFT JOIN unnamed u ON n.sent_id IS NULL
       AND (u.amount, u.payment_date, u.payment_method, u.reference, u.nth) = (n.amount, n.payment_date, n.payment_method, n.reference, n.nth)
$$;

-- Why an invoice in a status can't have these payments; null: it can. list: of books.sent_payments. A payment may be dated a day ahead, because
-- somewhere it is tomorrow already.
CREATE OR REPLACE FUNCTION books.refused_payments(status text, total numeric, list jsonb, OUT refusal text, OUT said jsonb, OUT paid numeric)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN bool_or(l.is_wrong) THEN 'payment'
                WHEN status IN ('draft', 'cancelled') THEN 'not payable'
                WHEN max(l.payment_date) > books.today() + 1 THEN 'payment_date'
                WHEN sum(l.amount) > total THEN 'overpaid' END,
           jsonb_build_object('status', status, 'balance', total::text),
           coalesce(sum(l.amount), 0)
      FROM jsonb_to_recordset(list) AS l (amount numeric, payment_date date, is_wrong boolean)
$$;

-- Makes a list of books.sent_payments the payments of an invoice.
CREATE OR REPLACE FUNCTION books.replace_payments(owner bigint, its_invoice bigint, list jsonb) RETURNS void LANGUAGE sql AS $$
    DELETE FROM books.payment p
     WHERE p.owner_id = owner AND p.invoice_id = its_invoice
       AND p.id NOT IN (SELECT l.id FROM jsonb_to_recordset(list) AS l (id bigint) WHERE l.id IS NOT NULL);
    UPDATE books.payment p SET amount = l.amount, payment_date = l.payment_date, payment_method = l.payment_method, reference = l.reference
      FROM jsonb_to_recordset(list) AS l (id bigint, amount numeric, payment_date date, payment_method text, reference text, is_new boolean)
     WHERE p.owner_id = owner AND p.invoice_id = its_invoice AND p.id = l.id AND l.is_new;
    INSERT INTO books.payment (owner_id, invoice_id, amount, payment_date, payment_method, reference)
    SELECT owner, its_invoice, l.amount, l.payment_date, l.payment_method, l.reference
      FROM jsonb_to_recordset(list) AS l (place bigint, id bigint, amount numeric, payment_date date, payment_method text, reference text)
     WHERE l.id IS NULL ORDER BY l.place;
$$;

-- A payment of the whole balance, as an item of a list of books.sent_payments.
CREATE OR REPLACE FUNCTION books.payment_of(balance numeric) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('amount', balance, 'payment_date', books.today(), 'payment_method', 'other', 'reference', '')
$$;

-- Makes an invoice of a body. With payments, or sent as paid, it has been sent; ids of payments mean nothing here.
CREATE OR REPLACE FUNCTION books.create_invoice(owner bigint, body jsonb, OUT refusal text, OUT said jsonb, OUT document json) LANGUAGE plpgsql AS $$
DECLARE
    i           books.invoice := books.invoice_with(books.blank_invoice(owner), body);
    wanted      text := body ->> 'status';
    list        jsonb := '[]';
    client_name text;
    paid        numeric := 0;
BEGIN
    SELECT p.refusal, p.client_name INTO refusal, client_name FROM books.hold_parties(i) p;
    IF refusal IS NOT NULL THEN
        RETURN;
    END IF;
    IF jsonb_typeof(body -> 'payments') = 'array' AND body -> 'payments' <> '[]' THEN
        SELECT jsonb_agg(to_jsonb(s)) INTO list
          FROM books.sent_payments(owner, NULL, (SELECT jsonb_agg(item - 'id') FROM jsonb_array_elements(body -> 'payments') AS item)) s;
        SELECT r.refusal, r.said, r.paid INTO refusal, said, paid FROM books.refused_payments(coalesce(wanted, 'sent'), i.total_amount, list) r;
        IF refusal IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;
    IF wanted = 'paid' AND paid < i.total_amount THEN
        list := list || books.payment_of(i.total_amount - paid);
        paid := i.total_amount;
    END IF;
    IF wanted IN ('sent', 'paid') OR paid > 0 THEN
        i := books.paid_invoice(books.sent_invoice(i), paid);
        i.paid_at := books.paid_moment(i, books.last_day(list));
    END IF;
    i := books.insert_invoice(i);
    IF paid > 0 THEN
        PERFORM books.replace_payments(owner, i.id, list);
    END IF;
    SELECT d INTO document FROM books.invoice_document(i, client_name) AS d;
END $$;

-- An invoice as it enters the audit.
CREATE OR REPLACE FUNCTION books.noted_invoice(i books.invoice) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(i) - '{version,updated_at,searched}'::text[] || jsonb_build_object('payments', coalesce((
        SELECT jsonb_agg(books.payment_document(p) ORDER BY p.id) FROM books.payment p WHERE p.owner_id = i.owner_id AND p.invoice_id = i.id), '[]'))
$$;

-- Changes an invoice by a body, in which a status is a step to be taken. A draft is sent before its payments are recorded; an invoice is
-- marked as paid or cancelled after that. is_step: the step has to be taken, so that the present status is refused as well. refusal
-- 'missing': there is no such invoice. Without a difference nothing is written.
CREATE OR REPLACE FUNCTION books.change_invoice(
    owner bigint, its_id bigint, body jsonb, is_step boolean, if_match text[], actor jsonb, action text,
    OUT refusal text, OUT said jsonb, OUT is_stale boolean, OUT document json, OUT etag text)
LANGUAGE plpgsql AS $$
DECLARE
    wanted         text := body ->> 'status';
    before         books.invoice;
    after          books.invoice;
    noted          jsonb;
    status         text;
    client_name    text;
    client_version integer;
    list           jsonb;
    paid           numeric;
    -- What a step to paid says of its payment.
    its_payment    jsonb := CASE WHEN is_step THEN jsonb_strip_nulls(body - 'status' - 'amount') ELSE '{}' END;
BEGIN
    SELECT * INTO before FROM books.hold_invoice(owner, its_id, body ? 'source_quote', (body ->> 'source_quote')::numeric::bigint);
    IF NOT FOUND THEN
        refusal := 'missing';
        RETURN;
    END IF;
    SELECT c.name, c.version INTO client_name, client_version FROM books.client c WHERE c.owner_id = owner AND c.id = before.client_id;
    status := books.invoice_status(before.status, before.due_date, books.today());
    etag := books.paper_etag(before.version, client_version, status);
    is_stale := NOT books.is_match(if_match, etag);
    IF is_stale THEN
        RETURN;
    END IF;

    after := books.invoice_with(before, body);
    IF status <> 'draft' AND to_jsonb(after) - 'notes' <> to_jsonb(before) - 'notes' THEN
        refusal := 'not draft';
        RETURN;
    END IF;
    IF (after.client_id, after.quote_id) IS DISTINCT FROM (before.client_id, before.quote_id) THEN
        SELECT p.refusal, p.client_name, p.client_version INTO refusal, client_name, client_version FROM books.hold_parties(after) p;
        IF refusal IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;

    IF wanted = status AND NOT is_step THEN
        wanted := NULL;
    ELSIF wanted = 'sent' AND books.invoice_may_become(status, 0, wanted) THEN
        after := books.sent_invoice(after);
        status := after.status;
        wanted := NULL;
    END IF;
    IF jsonb_typeof(body -> 'payments') = 'array' THEN
        SELECT coalesce(jsonb_agg(to_jsonb(s)), '[]') INTO list FROM books.sent_payments(owner, its_id, body -> 'payments') s;
        IF list @> '[{"is_new": true}]'
           OR jsonb_array_length(list) <> (SELECT count(*) FROM books.payment p WHERE p.owner_id = owner AND p.invoice_id = its_id) THEN
            SELECT r.refusal, r.said, r.paid INTO refusal, said, paid FROM books.refused_payments(status, after.total_amount, list) r;
            IF refusal IS NOT NULL THEN
                RETURN;
            END IF;
            after := books.paid_invoice(after, paid);
            status := after.status;
        ELSE
            list := NULL;
        END IF;
    END IF;
    IF wanted IS NOT NULL AND (is_step OR wanted <> status) THEN
        IF NOT books.invoice_may_become(status, after.paid_amount, wanted) THEN
            refusal := 'status';
            said := jsonb_build_object('from', status, 'to', wanted);
            RETURN;
        END IF;
        IF wanted = 'paid' THEN
            IF (its_payment ->> 'payment_date')::date > books.today() + 1 THEN
                refusal := 'payment_date';
                RETURN;
            END IF;
            list := coalesce(list, (SELECT jsonb_agg(to_jsonb(p)) FROM books.payment p WHERE p.owner_id = owner AND p.invoice_id = its_id), '[]')
                    || (books.payment_of(after.total_amount - after.paid_amount) || its_payment);
            after := books.paid_invoice(after, after.total_amount);
        END IF;
        after.status := wanted;
    END IF;

    IF list IS NOT NULL THEN
        after.paid_at := books.paid_moment(after, books.last_day(list));
    END IF;

    IF list IS NOT NULL OR to_jsonb(after) <> to_jsonb(before) THEN
        noted := books.noted_invoice(before);
        UPDATE books.invoice AS i
           SET client_id = after.client_id, quote_id = after.quote_id, status = after.status, issue_date = after.issue_date,
               due_date = after.due_date, title = after.title, terms = after.terms, notes = after.notes, line_items = after.line_items,
               tax_rate = after.tax_rate, subtotal = after.subtotal, tax_amount = after.tax_amount, total_amount = after.total_amount,
               paid_amount = after.paid_amount, sent_at = after.sent_at, paid_at = after.paid_at, version = i.version + 1, updated_at = now()
         WHERE i.owner_id = owner AND i.id = its_id
        RETURNING i.* INTO after;
        IF list IS NOT NULL THEN
            PERFORM books.replace_payments(owner, its_id, list);
        END IF;
        PERFORM operations.note(actor, action, 'invoice', its_id::text, noted, books.noted_invoice(after));
    END IF;
    SELECT d INTO document FROM books.invoice_document(after, client_name) AS d;
    etag := books.paper_etag(after.version, client_version, books.invoice_status(after.status, after.due_date, books.today()));
END $$;

-- Stores what is paid of an invoice whose row the caller holds, and whose payments are written.
CREATE OR REPLACE FUNCTION books.store_paid(i books.invoice, paid numeric) RETURNS void LANGUAGE sql AS $$
    UPDATE books.invoice AS stored
       SET paid_amount = n.paid_amount, status = n.status, version = stored.version + 1, updated_at = now(),
           paid_at = books.paid_moment(n, (SELECT max(p.payment_date) FROM books.payment p WHERE p.owner_id = i.owner_id AND p.invoice_id = i.id))
      FROM books.paid_invoice(i, paid) n
     WHERE stored.owner_id = i.owner_id AND stored.id = i.id
$$;

-- The ETag of an invoice whose row the caller holds.
CREATE OR REPLACE FUNCTION books.invoice_etag(i books.invoice) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT books.paper_etag(i.version, c.version, books.invoice_status(i.status, i.due_date, books.today()))
      FROM books.client c WHERE c.owner_id = i.owner_id AND c.id = i.client_id
$$;

-- Records one payment of an invoice. refusal `stale`: if_match names another state.
CREATE OR REPLACE FUNCTION books.pay_invoice(
    owner bigint, its_invoice bigint, body jsonb, if_match text[], OUT refusal text, OUT said jsonb, OUT document json, OUT etag text)
LANGUAGE plpgsql AS $$
DECLARE
    i    books.invoice;
    list jsonb;
    one  books.payment;
BEGIN
    SELECT * INTO i FROM books.invoice o WHERE o.owner_id = owner AND o.id = its_invoice FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        refusal := 'missing';
        RETURN;
    END IF;
    etag := books.invoice_etag(i);
    IF NOT books.is_match(if_match, etag) THEN
        refusal := 'stale';
        RETURN;
    END IF;
    SELECT jsonb_agg(to_jsonb(s)) INTO list FROM books.sent_payments(owner, NULL, jsonb_build_array(body - 'id')) s;
    SELECT r.refusal, r.said INTO refusal, said FROM books.refused_payments(i.status, i.total_amount - i.paid_amount, list) r;
    IF refusal IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO books.payment (owner_id, invoice_id, amount, payment_date, payment_method, reference)
    SELECT owner, its_invoice, l.amount, l.payment_date, l.payment_method, l.reference
      FROM jsonb_to_recordset(list) AS l (amount numeric, payment_date date, payment_method text, reference text)
    RETURNING * INTO one;
    PERFORM books.store_paid(i, i.paid_amount + one.amount);
    document := books.payment_document(one);
END $$;

-- Removes a payment, which reopens its invoice. refusal `missing`: there is no such payment; `stale`: if_match names another state.
CREATE OR REPLACE FUNCTION books.remove_payment(
    owner bigint, its_invoice bigint, its_id bigint, if_match text[], actor jsonb, OUT refusal text, OUT etag text)
LANGUAGE plpgsql AS $$
DECLARE
    i   books.invoice;
    one books.payment;
BEGIN
    SELECT * INTO i FROM books.invoice o WHERE o.owner_id = owner AND o.id = its_invoice FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        refusal := 'missing';
        RETURN;
    END IF;
    etag := books.invoice_etag(i);
    IF NOT books.is_match(if_match, etag) THEN
        refusal := CASE WHEN EXISTS (SELECT FROM books.payment p WHERE p.owner_id = owner AND p.invoice_id = its_invoice AND p.id = its_id)
                        THEN 'stale' ELSE 'missing' END;
        RETURN;
    END IF;
    DELETE FROM books.payment p WHERE p.owner_id = owner AND p.invoice_id = its_invoice AND p.id = its_id RETURNING * INTO one;
    IF NOT FOUND THEN
        refusal := 'missing';
        RETURN;
    END IF;
    PERFORM books.store_paid(i, i.paid_amount - one.amount);
    PERFORM operations.note(actor, 'payment.delete', 'payment', its_id::text, to_jsonb(one), NULL);
END $$;

-- Makes a draft like an invoice, issued today and due after as many days. original: the invoice's number.
CREATE OR REPLACE FUNCTION books.duplicate_invoice(owner bigint, its_id bigint, OUT refusal text, OUT original text, OUT document json)
LANGUAGE plpgsql AS $$
DECLARE
    i           books.invoice;
    client_name text;
BEGIN
    SELECT * INTO i FROM books.invoice o WHERE o.owner_id = owner AND o.id = its_id;
    IF NOT FOUND THEN
        refusal := 'missing';
        RETURN;
    END IF;
    original := books.number_text('INV', i.year, i.number);
    i.due_date := books.days_after(books.today(), i.due_date - i.issue_date);
    i.issue_date := books.today();
    i.status := 'draft';
    i.quote_id := NULL;
    i.paid_amount := 0;
    i.sent_at := NULL;
    i.paid_at := NULL;
    i := books.insert_invoice(i);
    SELECT c.name INTO client_name FROM books.client c WHERE c.owner_id = owner AND c.id = i.client_id;
    SELECT d INTO document FROM books.invoice_document(i, client_name) AS d;
END $$;

-- Makes an invoice of an accepted quote that has none. body: title, notes, terms, due_date and tax_rate replace the quote's own where they
-- are not null. The quote's row is held, so that of several attempts one succeeds. original: the quote's number.
CREATE OR REPLACE FUNCTION books.convert_quote(
    owner bigint, its_quote bigint, body jsonb, if_match text[], OUT refusal text, OUT original text, OUT document json, OUT etag text)
LANGUAGE plpgsql AS $$
DECLARE
    q           books.quote;
    i           books.invoice := books.blank_invoice(owner);
    client_name text;
BEGIN
    SELECT * INTO q FROM books.quote o WHERE o.owner_id = owner AND o.id = its_quote FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        refusal := 'missing';
        RETURN;
    END IF;
    SELECT books.paper_etag(q.version, c.version, books.quote_status(q.status, q.expiry_date, books.today())) INTO etag
      FROM books.client c WHERE c.owner_id = owner AND c.id = q.client_id;
    IF NOT books.is_match(if_match, etag) THEN
        refusal := 'stale';
    ELSIF q.status <> 'accepted' OR q.total_amount = 0 OR json_array_length(q.line_items) = 0
       OR EXISTS (SELECT FROM books.invoice o WHERE o.owner_id = owner AND o.quote_id = its_quote) THEN
        refusal := 'not convertible';
    END IF;
    IF refusal IS NOT NULL THEN
        RETURN;
    END IF;
    i.client_id := q.client_id;
    i.quote_id := q.id;
    i.title := q.title;
    i.terms := q.terms;
    i.notes := q.notes;
    i.line_items := q.line_items;
    i.subtotal := q.subtotal;
    i.tax_rate := q.tax_rate;
    i.tax_amount := q.tax_amount;
    i := books.insert_invoice(books.invoice_with(i, (
        SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') FROM jsonb_each(body) m
         WHERE m.key IN ('title', 'notes', 'terms', 'due_date', 'tax_rate') AND m.value <> 'null')));
    original := books.number_text('QUO', q.year, q.number);
    SELECT c.name INTO client_name FROM books.client c WHERE c.owner_id = owner AND c.id = i.client_id;
    SELECT d INTO document FROM books.invoice_document(i, client_name) AS d;
END $$;

-- Stores as overdue what is, at most so many invoices of all owners, and returns how many it were. The documents and ETags of the invoices
-- stay what they are. Rows that a request holds are left for the next time.
CREATE OR REPLACE FUNCTION books.sweep_invoices(most bigint) RETURNS bigint LANGUAGE sql AS $$
    WITH due AS MATERIALIZED (
        SELECT i.owner_id, i.id FROM books.invoice i
         WHERE i.status IN ('sent', 'partial') AND i.sent_at IS NOT NULL AND i.due_date < books.today()
         ORDER BY i.due_date LIMIT most FOR NO KEY UPDATE SKIP LOCKED
    ), swept AS (
        UPDATE books.invoice i SET status = 'overdue' FROM due WHERE i.owner_id = due.owner_id AND i.id = due.id RETURNING i.id
    )
    SELECT count(*) FROM swept
$$;
