-- The books of each account: clients, quotes, invoices with their payments, and expenses with attachments. Functions: sql/books/functions.sql.
-- Safe beside a running release: creates new objects only.
--
-- owner_id is the account whose books a row belongs to. It leads every key, so that no row can refer to one of another owner. An account
-- that has books is not deleted but deactivated; counters and tallies are no books, and go with their account. Money has 8 digits before the
-- point; the columns are wider, so that a sum which is too large breaks a constraint with a name and not the column's type.

-- An index of an owner's rows by a part of their text has both in one index. Like pg_trgm, btree_gin is a trusted extension.
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE SCHEMA books;

CREATE FUNCTION books.count_rows() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION books.touch_quote() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- Texts that are missing are empty. searched: what a search looks into.
CREATE TABLE books.client (
    owner_id   bigint       NOT NULL CONSTRAINT client_owner_id_exists REFERENCES accounts.account,
    id         bigint       NOT NULL GENERATED ALWAYS AS IDENTITY,
    name       varchar(255) NOT NULL,
    email      varchar(254) NOT NULL,
    phone      varchar(50)  NOT NULL,
    address    text         NOT NULL,
    company    varchar(255) NOT NULL,
    tax_number varchar(50)  NOT NULL,
    notes      text         NOT NULL,
    is_active  boolean      NOT NULL,
    version    integer      NOT NULL DEFAULT 1,
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),
    searched   text         NOT NULL GENERATED ALWAYS AS (lower(name || E'\n' || email || E'\n' || phone || E'\n' || company || E'\n' || address)) STORED,
    PRIMARY KEY (owner_id, id)
);
CREATE UNIQUE INDEX client_email_key ON books.client (owner_id, email) WHERE email <> '';
-- The orders of the list, and the search. Filters by company or by a state of is_active read the list in its order.
CREATE INDEX client_created_at_idx ON books.client (owner_id, created_at, id);
CREATE INDEX client_updated_at_idx ON books.client (owner_id, updated_at, id);
CREATE INDEX client_name_idx ON books.client (owner_id, lower(name), id);
CREATE INDEX client_email_idx ON books.client (owner_id, email, id);
-- For the statistics: there are few inactive clients, and the others are counted by subtraction.
CREATE INDEX client_inactive_idx ON books.client (owner_id) WHERE NOT is_active;
CREATE INDEX client_searched_idx ON books.client USING gin (owner_id, searched gin_trgm_ops);

-- The last number that an owner's quotes or invoices of a year have got. The row is held until the commit, so numbers have no gaps.
CREATE TABLE books.number_counter (
    owner_id bigint  NOT NULL CONSTRAINT number_counter_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    kind     text    NOT NULL CONSTRAINT number_counter_kind_known CHECK (kind IN ('quote', 'invoice')),
    year     integer NOT NULL,
    last     integer NOT NULL,
    PRIMARY KEY (owner_id, kind, year)
) WITH (fillfactor = 50);

-- How many rows an owner has of each kind. Kept by triggers: counting them reads all of the owner's rows.
CREATE TABLE books.tally (
    owner_id bigint NOT NULL CONSTRAINT tally_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    kind     text   NOT NULL,
    n        bigint NOT NULL,
    PRIMARY KEY (owner_id, kind)
) WITH (fillfactor = 50);

-- status: as it was last stored. A sent quote whose expiry_date has passed counts as expired before the daily sweep has stored that.
-- line_items: as the API writes them, [{description, quantity, unit_price, total}]. They belong to their quote alone, are read and
-- replaced only as a whole, and a table of their own would double the cost of a write. searched: what a search looks into, beside the
-- client's name and e-mail.
CREATE TABLE books.quote (
    owner_id     bigint        NOT NULL CONSTRAINT quote_owner_id_exists REFERENCES accounts.account,
    id           bigint        NOT NULL GENERATED ALWAYS AS IDENTITY,
    year         integer       NOT NULL,
    number       integer       NOT NULL,
    client_id    bigint        NOT NULL,
    status       text          NOT NULL CONSTRAINT quote_status_known CHECK (status IN ('draft', 'sent', 'accepted', 'rejected', 'expired')),
    issue_date   date          NOT NULL,
    expiry_date  date          NOT NULL,
    title        varchar(255)  NOT NULL,
    terms        text          NOT NULL,
    notes        text          NOT NULL,
    line_items   json          NOT NULL,
    tax_rate     numeric(5,4)  CONSTRAINT quote_tax_rate_fraction CHECK (tax_rate BETWEEN 0 AND 1),
    subtotal     numeric(22,2) NOT NULL,
    tax_amount   numeric(22,2) NOT NULL,
    total_amount numeric(22,2) NOT NULL CONSTRAINT quote_total_amount_fits CHECK (total_amount BETWEEN 0 AND 99999999.99),
    version      integer       NOT NULL DEFAULT 1,
    sent_at      timestamptz,
    decided_at   timestamptz,
    created_at   timestamptz   NOT NULL DEFAULT now(),
    updated_at   timestamptz   NOT NULL DEFAULT now(),
    -- The number as books.number_text writes it, which the migration can't call.
    searched     text          NOT NULL GENERATED ALWAYS AS (
        'quo-' || lpad(year::text, 4, '0') || '-' || lpad(number::text, greatest(3, length(number::text)), '0') || E'\n' || lower(title)) STORED,
    PRIMARY KEY (owner_id, id),
    CONSTRAINT quote_client_id_exists FOREIGN KEY (owner_id, client_id) REFERENCES books.client (owner_id, id),
    CONSTRAINT quote_expiry_date_order CHECK (expiry_date >= issue_date),
    CONSTRAINT quote_adds_up CHECK (total_amount = subtotal + tax_amount AND tax_amount >= 0)
);
-- The list's order by number reads this index too.
CREATE UNIQUE INDEX quote_number_key ON books.quote (owner_id, (year * 10000000000 + number));
-- The orders of the list, its filters by client and status, and the search. Other filters read the list in its order.
CREATE INDEX quote_created_at_idx ON books.quote (owner_id, created_at, id);
CREATE INDEX quote_updated_at_idx ON books.quote (owner_id, updated_at, id);
CREATE INDEX quote_issue_date_idx ON books.quote (owner_id, issue_date, id);
CREATE INDEX quote_expiry_date_idx ON books.quote (owner_id, expiry_date, id);
CREATE INDEX quote_total_amount_idx ON books.quote (owner_id, total_amount, id);
CREATE INDEX quote_status_idx ON books.quote (owner_id, status, id);
CREATE INDEX quote_status_created_at_idx ON books.quote (owner_id, status, created_at, id);
CREATE INDEX quote_client_id_idx ON books.quote (owner_id, client_id, created_at, id);
-- Those that may have expired are few.
CREATE INDEX quote_passed_idx ON books.quote (owner_id, created_at, id) WHERE status IN ('sent', 'expired');
CREATE INDEX quote_searched_idx ON books.quote USING gin (owner_id, searched gin_trgm_ops);
-- The quotes that may have expired, of an owner, and of all for the daily sweep.
CREATE INDEX quote_sent_idx ON books.quote (owner_id, expiry_date, id) WHERE status = 'sent';
CREATE INDEX quote_sweep_idx ON books.quote (expiry_date) WHERE status = 'sent';

-- status: as it was last stored. A sent or partly paid invoice whose due_date has passed counts as overdue before the sweep has stored
-- that. quote_id: the quote that it was made of. line_items: as of a quote. paid_amount: the sum of its payments. searched: what a search
-- looks into, beside the client.
CREATE TABLE books.invoice (
    owner_id     bigint        NOT NULL CONSTRAINT invoice_owner_id_exists REFERENCES accounts.account,
    id           bigint        NOT NULL GENERATED ALWAYS AS IDENTITY,
    year         integer       NOT NULL,
    number       integer       NOT NULL,
    client_id    bigint        NOT NULL,
    quote_id     bigint,
    status       text          NOT NULL CONSTRAINT invoice_status_known CHECK (status IN ('draft', 'sent', 'paid', 'partial', 'overdue', 'cancelled')),
    issue_date   date          NOT NULL,
    due_date     date          NOT NULL,
    title        varchar(255)  NOT NULL,
    terms        text          NOT NULL,
    notes        text          NOT NULL,
    line_items   json          NOT NULL,
    tax_rate     numeric(5,4)  CONSTRAINT invoice_tax_rate_fraction CHECK (tax_rate BETWEEN 0 AND 1),
    subtotal     numeric(22,2) NOT NULL,
    tax_amount   numeric(22,2) NOT NULL,
    total_amount numeric(22,2) NOT NULL CONSTRAINT invoice_total_amount_positive CHECK (total_amount > 0)
                                        CONSTRAINT invoice_total_amount_fits CHECK (total_amount <= 99999999.99),
    paid_amount  numeric(22,2) NOT NULL DEFAULT 0,
    version      integer       NOT NULL DEFAULT 1,
    sent_at      timestamptz,
    paid_at      timestamptz,
    created_at   timestamptz   NOT NULL DEFAULT now(),
    updated_at   timestamptz   NOT NULL DEFAULT now(),
    searched     text          NOT NULL GENERATED ALWAYS AS (
        lower('INV-' || lpad(year::text, 4, '0') || '-' || CASE WHEN number < 1000 THEN lpad(number::text, 3, '0') ELSE number::text END || E'\n' || title)) STORED,
    PRIMARY KEY (owner_id, id),
    CONSTRAINT invoice_client_id_exists FOREIGN KEY (owner_id, client_id) REFERENCES books.client (owner_id, id),
    CONSTRAINT invoice_quote_id_exists FOREIGN KEY (owner_id, quote_id) REFERENCES books.quote (owner_id, id) ON DELETE SET NULL (quote_id),
    CONSTRAINT invoice_due_date_order CHECK (due_date >= issue_date),
    CONSTRAINT invoice_sent_at_known CHECK (sent_at IS NOT NULL OR status IN ('draft', 'cancelled')),
    CONSTRAINT invoice_adds_up CHECK (total_amount = subtotal + tax_amount AND tax_amount >= 0),
    CONSTRAINT invoice_paid_amount_fits CHECK (paid_amount BETWEEN 0 AND total_amount)
);
-- A number by its year and place in it, which is also an order of the list.
CREATE UNIQUE INDEX invoice_number_key ON books.invoice (owner_id, (year * 10000000000 + number));
-- A quote becomes one invoice.
CREATE UNIQUE INDEX invoice_quote_id_key ON books.invoice (owner_id, quote_id) WHERE quote_id IS NOT NULL;
-- The orders of the list, those of its filters by client and status, and the search.
CREATE INDEX invoice_created_at_idx ON books.invoice (owner_id, created_at, id);
CREATE INDEX invoice_updated_at_idx ON books.invoice (owner_id, updated_at, id);
CREATE INDEX invoice_issue_date_idx ON books.invoice (owner_id, issue_date, id);
CREATE INDEX invoice_due_date_idx ON books.invoice (owner_id, due_date, id);
CREATE INDEX invoice_total_amount_idx ON books.invoice (owner_id, total_amount, id);
CREATE INDEX invoice_client_id_idx ON books.invoice (owner_id, client_id, created_at, id);
CREATE INDEX invoice_status_idx ON books.invoice (owner_id, status, created_at, id);
CREATE INDEX invoice_status_order_idx ON books.invoice (owner_id, status, id);
CREATE INDEX invoice_searched_idx ON books.invoice USING gin (owner_id, searched gin_trgm_ops);
-- What is overdue, and what soon will be: few of an owner's invoices. The list and its filter, and the reports.
CREATE INDEX invoice_open_created_at_idx ON books.invoice (owner_id, created_at, id) WHERE status IN ('sent', 'partial', 'overdue');
CREATE INDEX invoice_open_idx ON books.invoice (owner_id, due_date, id) WHERE status IN ('sent', 'partial', 'overdue');
-- What the sweep has to store, of all owners. The condition on sent_at, which always holds, keeps lists of one owner from reading it.
CREATE INDEX invoice_unswept_idx ON books.invoice (due_date) WHERE status IN ('sent', 'partial') AND sent_at IS NOT NULL;
-- The invoices that may have to be reminded of.
CREATE INDEX invoice_owed_idx ON books.invoice (due_date, owner_id) WHERE status IN ('sent', 'partial', 'overdue') AND sent_at IS NOT NULL;

-- What was paid for an invoice. Whoever writes here holds the invoice's row, and brings its paid_amount and status up to date.
CREATE TABLE books.payment (
    owner_id       bigint        NOT NULL,
    invoice_id     bigint        NOT NULL,
    id             bigint        NOT NULL GENERATED ALWAYS AS IDENTITY,
    amount         numeric(10,2) NOT NULL CONSTRAINT payment_amount_positive CHECK (amount > 0),
    payment_date   date          NOT NULL,
    payment_method varchar(50)   NOT NULL,
    reference      varchar(100)  NOT NULL,
    created_at     timestamptz   NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, invoice_id, id),
    CONSTRAINT payment_invoice_id_exists FOREIGN KEY (owner_id, invoice_id) REFERENCES books.invoice (owner_id, id) ON DELETE CASCADE
);

-- client_id: whom it is billed to. attachment_count: how many rows of books.attachment it has; whoever adds or removes one holds the
-- expense's row. searched: what a search looks into.
CREATE TABLE books.expense (
    owner_id         bigint        NOT NULL CONSTRAINT expense_owner_id_exists REFERENCES accounts.account,
    id               bigint        NOT NULL GENERATED ALWAYS AS IDENTITY,
    description      varchar(500)  NOT NULL,
    amount           numeric(10,2) NOT NULL CONSTRAINT expense_amount_positive CHECK (amount > 0),
    category         text          NOT NULL CONSTRAINT expense_category_known CHECK (category IN (
        'office', 'travel', 'meals', 'software', 'marketing', 'other')),
    expense_date     date          NOT NULL,
    receipt_number   varchar(100)  NOT NULL,
    vendor           varchar(255)  NOT NULL,
    tax_amount       numeric(10,2) NOT NULL CONSTRAINT expense_tax_amount_positive CHECK (tax_amount >= 0),
    is_billable      boolean       NOT NULL,
    client_id        bigint,
    status           text          NOT NULL CONSTRAINT expense_status_known CHECK (status IN ('pending', 'approved', 'rejected', 'reimbursed')),
    notes            text          NOT NULL,
    attachment_count smallint      NOT NULL DEFAULT 0 CONSTRAINT expense_attachment_count_bounded CHECK (attachment_count BETWEEN 0 AND 50),
    version          integer       NOT NULL DEFAULT 1,
    created_at       timestamptz   NOT NULL DEFAULT now(),
    updated_at       timestamptz   NOT NULL DEFAULT now(),
    searched         text          NOT NULL GENERATED ALWAYS AS (
        lower(description || E'\n' || vendor || E'\n' || receipt_number || E'\n' || notes)) STORED,
    PRIMARY KEY (owner_id, id),
    CONSTRAINT expense_client_id_exists FOREIGN KEY (owner_id, client_id) REFERENCES books.client (owner_id, id)
);
-- Whatever the list is ordered by, expense_date, created_at and id decide between equals. So the index of an order is also that of the
-- filter by the same column, in the list's usual order.
CREATE INDEX expense_expense_date_idx ON books.expense (owner_id, expense_date, created_at, id);
CREATE INDEX expense_created_at_idx ON books.expense (owner_id, created_at, expense_date, id);
CREATE INDEX expense_updated_at_idx ON books.expense (owner_id, updated_at, expense_date, created_at, id);
CREATE INDEX expense_amount_idx ON books.expense (owner_id, amount, expense_date, created_at, id);
CREATE INDEX expense_vendor_idx ON books.expense (owner_id, lower(vendor), expense_date, created_at, id);
CREATE INDEX expense_category_idx ON books.expense (owner_id, category, expense_date, created_at, id);
CREATE INDEX expense_status_idx ON books.expense (owner_id, status, expense_date, created_at, id);
-- The foreign key to client is checked by this index too.
CREATE INDEX expense_client_id_idx ON books.expense (owner_id, client_id, expense_date, created_at, id);
CREATE INDEX expense_is_billable_idx ON books.expense (owner_id, is_billable, expense_date, created_at, id);
CREATE INDEX expense_has_receipts_idx ON books.expense (owner_id, (attachment_count > 0), expense_date, created_at, id);
CREATE INDEX expense_searched_idx ON books.expense USING gin (owner_id, searched gin_trgm_ops);

-- key: of the file in the storage. filename: as the client called it, only for people.
CREATE TABLE books.attachment (
    owner_id     bigint       NOT NULL,
    id           bigint       NOT NULL GENERATED ALWAYS AS IDENTITY,
    expense_id   bigint       NOT NULL,
    key          text         NOT NULL CONSTRAINT attachment_key_plain CHECK (key ~ '^[a-z0-9/._-]{1,200}$'),
    filename     varchar(255) NOT NULL,
    content_type text         NOT NULL,
    size         integer      NOT NULL,
    uploaded_at  timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, id),
    CONSTRAINT attachment_expense_id_exists FOREIGN KEY (owner_id, expense_id) REFERENCES books.expense (owner_id, id) ON DELETE CASCADE
);
CREATE INDEX attachment_expense_id_idx ON books.attachment (owner_id, expense_id, uploaded_at, id);
CREATE INDEX attachment_uploaded_at_idx ON books.attachment (owner_id, uploaded_at, id);
CREATE TRIGGER attachment_key_used AFTER INSERT OR DELETE ON books.attachment
    FOR EACH ROW EXECUTE FUNCTION core.use_media_file('key');

-- One statement may add rows of several owners (imports, tests), and the owners' rows of the tally are then locked in their order.
CREATE TRIGGER client_counted AFTER INSERT ON books.client
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('client');
CREATE TRIGGER client_uncounted AFTER DELETE ON books.client
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('client');
CREATE TRIGGER quote_counted AFTER INSERT ON books.quote
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('quote');
CREATE TRIGGER quote_uncounted AFTER DELETE ON books.quote
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('quote');
CREATE TRIGGER invoice_counted AFTER INSERT ON books.invoice
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('invoice');
CREATE TRIGGER invoice_uncounted AFTER DELETE ON books.invoice
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('invoice');
CREATE TRIGGER expense_counted AFTER INSERT ON books.expense
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('expense');
CREATE TRIGGER expense_uncounted AFTER DELETE ON books.expense
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('expense');
CREATE TRIGGER attachment_counted AFTER INSERT ON books.attachment
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('attachment');
CREATE TRIGGER attachment_uncounted AFTER DELETE ON books.attachment
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION books.count_rows('attachment');

-- A quote shows the invoice that was made of it.
CREATE TRIGGER invoice_of_quote_made AFTER INSERT ON books.invoice
    FOR EACH ROW WHEN (NEW.quote_id IS NOT NULL) EXECUTE FUNCTION books.touch_quote();
CREATE TRIGGER invoice_of_quote_gone AFTER DELETE ON books.invoice
    FOR EACH ROW WHEN (OLD.quote_id IS NOT NULL) EXECUTE FUNCTION books.touch_quote();
CREATE TRIGGER invoice_of_quote_changed AFTER UPDATE OF quote_id ON books.invoice
    FOR EACH ROW WHEN (OLD.quote_id IS DISTINCT FROM NEW.quote_id) EXECUTE FUNCTION books.touch_quote();
