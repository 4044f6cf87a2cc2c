-- The mails of the books: quotes and invoices that go to clients, and reminders of invoices that are overdue.
-- Safe beside a running release: creates new objects only.

-- kind: which paper goes along, and why. level: of a reminder, how many days overdue it is for: 7, 14 or 30. status: recorded, where this server
-- has no mail server to send by; queued, until its job has run; sent; failed, for good; dropped, where a reminder was no longer due. error:
-- why the last attempt failed. message: what the owner has written. A mail is kept as long as what it is about.
CREATE TABLE books.mail (
    owner_id   bigint       NOT NULL CONSTRAINT mail_owner_id_exists REFERENCES accounts.account,
    id         bigint       NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind       text         NOT NULL CONSTRAINT mail_kind_known CHECK (kind IN ('quote', 'invoice', 'reminder')),
    quote_id   bigint,
    invoice_id bigint,
    level      integer,
    recipient  varchar(254) NOT NULL,
    subject    varchar(200) NOT NULL,
    message    text         NOT NULL,
    status     text         NOT NULL CONSTRAINT mail_status_known CHECK (status IN ('recorded', 'queued', 'sent', 'failed', 'dropped')),
    error      text         NOT NULL DEFAULT '',
    created_at timestamptz  NOT NULL DEFAULT now(),
    sent_at    timestamptz,
    PRIMARY KEY (owner_id, id),
    CONSTRAINT mail_about_one CHECK (num_nonnulls(quote_id, invoice_id) = 1 AND (kind = 'quote') = (quote_id IS NOT NULL)),
    CONSTRAINT mail_level_of_reminder CHECK ((kind = 'reminder') = (level IS NOT NULL)),
    CONSTRAINT mail_quote_id_exists FOREIGN KEY (owner_id, quote_id) REFERENCES books.quote (owner_id, id) ON DELETE CASCADE,
    CONSTRAINT mail_invoice_id_exists FOREIGN KEY (owner_id, invoice_id) REFERENCES books.invoice (owner_id, id) ON DELETE CASCADE
);
CREATE INDEX mail_quote_id_idx ON books.mail (owner_id, quote_id, id) WHERE quote_id IS NOT NULL;
CREATE INDEX mail_invoice_id_idx ON books.mail (owner_id, invoice_id, id) WHERE invoice_id IS NOT NULL;
-- How many an owner has sent of late.
CREATE INDEX mail_created_at_idx ON books.mail (owner_id, created_at);
-- An invoice is reminded of once at each level, however many workers see that it is due.
CREATE UNIQUE INDEX mail_reminder_key ON books.mail (owner_id, invoice_id, level) WHERE kind = 'reminder';
