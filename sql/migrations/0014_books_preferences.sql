-- What the owner of books wants of its papers: currency, sheet, texts, logo, and the defaults of new quotes and invoices. An owner without
-- a row has the defaults of books.preference (sql/books/functions.sql). The row goes with its account: preferences are no books.
-- Safe beside a running release: creates new objects only.
CREATE TABLE books.preferences (
    owner_id        bigint       NOT NULL PRIMARY KEY CONSTRAINT preferences_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    -- ISO 4217.
    currency        text         NOT NULL CONSTRAINT preferences_currency_plain CHECK (currency ~ '^[A-Z]{3}$'),
    paper_size      text         NOT NULL CONSTRAINT preferences_paper_size_known CHECK (paper_size IN ('A4', 'Letter')),
    tax_number      varchar(50)  NOT NULL,
    phone           varchar(50)  NOT NULL,
    website         varchar(200) NOT NULL,
    quote_terms     text         NOT NULL,
    invoice_terms   text         NOT NULL,
    -- Days from the issue date.
    quote_days      integer      NOT NULL CONSTRAINT preferences_quote_days_range CHECK (quote_days BETWEEN 0 AND 3650),
    invoice_days    integer      NOT NULL CONSTRAINT preferences_invoice_days_range CHECK (invoice_days BETWEEN 0 AND 3650),
    footer          varchar(200) NOT NULL,
    -- The key of the picture in the storage of files.
    logo            text         CONSTRAINT preferences_logo_plain CHECK (logo ~ '^[a-z0-9/._-]{1,200}$'),
    sends_reminders boolean      NOT NULL
);

-- Keeps the register of files in step (sql/core/functions.sql).
CREATE TRIGGER preferences_logo_used AFTER INSERT OR UPDATE OF logo OR DELETE ON books.preferences
    FOR EACH ROW EXECUTE FUNCTION core.use_media_file('logo');
