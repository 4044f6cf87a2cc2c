-- Dashboards: what an owner's books add up to, kept in the transaction that changes the books. Functions: sql/dashboard/functions.sql.
-- Safe beside a running release: creates new objects. The triggers on the tables of books wait for a moment without their writers, and
-- a running release goes on writing as before. What is stored already is added up after the start, by a duty (dashboard.unbuilt).
--
-- Adding up an owner's rows takes seconds where there are a million, and a dashboard is looked at after each change. Every figure is
-- therefore kept for the five kinds of periods that the API has, so that an answer reads a few rows.
--
-- Only functions write these tables, and each write of the books does. So the tables have what makes such a write cheap: no index by an amount,
-- so that most updates are HOT; no check constraints and no generated columns, because Postgres prepares their expressions anew for each statement.

CREATE SCHEMA dashboard;

CREATE FUNCTION dashboard.invoice_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION dashboard.quote_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION dashboard.expense_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION dashboard.client_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION dashboard.total_gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- What an owner's invoices that are sent, partial or overdue still have to bring. version counts the changes of the owner's figures. This
-- row is the first of the figures that a transaction locks, so that those of one owner follow each other. It is also the only one that
-- refers to the account: each check of a foreign key would cost as much as the row. What goes with it goes by the trigger total_gone.
CREATE TABLE dashboard.total (
    owner_id   bigint        NOT NULL CONSTRAINT total_pkey PRIMARY KEY CONSTRAINT total_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    invoices   bigint        NOT NULL,
    balance    numeric(22,2) NOT NULL,
    version    bigint        NOT NULL DEFAULT 1,
    changed_at timestamptz   NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- The same by the day on which the invoices are due. unpaid: those of which nothing is paid.
CREATE TABLE dashboard.due (
    owner_id bigint        NOT NULL,
    due_date date          NOT NULL,
    invoices bigint        NOT NULL,
    unpaid   bigint        NOT NULL,
    balance  numeric(22,2) NOT NULL,
    PRIMARY KEY (owner_id, due_date)
) WITH (fillfactor = 70);

-- What a period amounts to. billed: the totals of the invoices issued in it that are neither drafts nor cancelled, invoices: their number,
-- subtotal: what their lines come to. spent: the amounts of its expenses that are not rejected; reimbursable: of those that are billable.
-- quotes: those issued in it that are no drafts.
CREATE TABLE dashboard.period (
    owner_id     bigint        NOT NULL,
    period_type  text          NOT NULL,
    period_start date          NOT NULL,
    billed       numeric(22,2) NOT NULL DEFAULT 0,
    subtotal     numeric(22,2) NOT NULL DEFAULT 0,
    invoices     bigint        NOT NULL DEFAULT 0,
    lines        bigint        NOT NULL DEFAULT 0,   -- of these invoices
    spent        numeric(22,2) NOT NULL DEFAULT 0,
    reimbursable numeric(22,2) NOT NULL DEFAULT 0,
    expenses     bigint        NOT NULL DEFAULT 0,
    quotes       bigint        NOT NULL DEFAULT 0,
    accepted     bigint        NOT NULL DEFAULT 0,
    clients      bigint        NOT NULL DEFAULT 0,   -- added in it
    PRIMARY KEY (owner_id, period_type, period_start)
) WITH (fillfactor = 70);

-- What each client, service or category of expenses has of a period. name: of a client its id; of a service the beginning of the description
-- of an invoice's line; of an expense its category. n: how many invoices, lines or expenses. quotes: of a client. A row whose n is 0 is
-- not shown, but keeps its id for the time when there is something again.
CREATE TABLE dashboard.share (
    owner_id      bigint        NOT NULL,
    category_type text          NOT NULL,
    period_type   text          NOT NULL,
    period_start  date          NOT NULL,
    name          text          NOT NULL,
    id            bigint        NOT NULL GENERATED ALWAYS AS IDENTITY,
    amount        numeric(22,2) NOT NULL DEFAULT 0,
    magnitude     smallint      NOT NULL DEFAULT -200,   -- dashboard.magnitude(amount)
    n             bigint        NOT NULL DEFAULT 0,
    quotes        bigint        NOT NULL DEFAULT 0,
    created_at    timestamptz   NOT NULL DEFAULT now(),
    updated_at    timestamptz   NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, category_type, period_type, name, period_start)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX share_id_key ON dashboard.share (owner_id, id);
-- The largest of a period first: ORDER BY magnitude DESC, amount DESC, id. An index by the amount itself would get another entry with each
-- change of it, and every other index too, and would be full of dead ones where invoices come often. The magnitude seldom changes.
CREATE INDEX share_magnitude_idx ON dashboard.share (owner_id, category_type, period_type, period_start, magnitude DESC);

-- How a client stands. billed, invoices: of all time. paid: invoices that are paid; days: from their issue until they were paid; late_days:
-- how many of these were after the due_date.
CREATE TABLE dashboard.client (
    owner_id  bigint        NOT NULL,
    client_id bigint        NOT NULL,
    billed    numeric(22,2) NOT NULL,
    invoices  bigint        NOT NULL,
    balance   numeric(22,2) NOT NULL,
    paid      bigint        NOT NULL,
    days      bigint        NOT NULL,
    late_days bigint        NOT NULL,
    score     numeric(5,2)  NOT NULL,   -- dashboard.score(paid, late_days)
    risk      text          NOT NULL,   -- dashboard.risk(score, balance)
    PRIMARY KEY (owner_id, client_id),
    CONSTRAINT client_client_id_exists FOREIGN KEY (owner_id, client_id) REFERENCES books.client (owner_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
-- Few clients are a risk. The index is written only where the risk changes.
CREATE INDEX client_risk_idx ON dashboard.client (owner_id, risk, client_id) WHERE risk <> 'low';

-- The owners whose books were there before this migration, and whose figures are still to be added up.
CREATE TABLE dashboard.unbuilt (
    owner_id bigint CONSTRAINT unbuilt_pkey PRIMARY KEY CONSTRAINT unbuilt_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE
);

CREATE TRIGGER total_gone AFTER DELETE ON dashboard.total FOR EACH ROW EXECUTE FUNCTION dashboard.total_gone();

-- Each statement is added up once, however many rows it writes. Triggers fire in the order of their names, and these names come after NOUN_counted
-- and NOUN_uncounted: whatever a statement does, it locks books.tally first and dashboard.total second.
CREATE TRIGGER invoice_valued AFTER INSERT ON books.invoice
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.invoice_changed();
CREATE TRIGGER invoice_revalued AFTER UPDATE ON books.invoice
    REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.invoice_changed();
CREATE TRIGGER invoice_unvalued AFTER DELETE ON books.invoice
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION dashboard.invoice_changed();
CREATE TRIGGER quote_valued AFTER INSERT ON books.quote
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.quote_changed();
CREATE TRIGGER quote_revalued AFTER UPDATE ON books.quote
    REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.quote_changed();
CREATE TRIGGER quote_unvalued AFTER DELETE ON books.quote
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION dashboard.quote_changed();
CREATE TRIGGER expense_valued AFTER INSERT ON books.expense
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.expense_changed();
CREATE TRIGGER expense_revalued AFTER UPDATE ON books.expense
    REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.expense_changed();
CREATE TRIGGER expense_unvalued AFTER DELETE ON books.expense
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION dashboard.expense_changed();
CREATE TRIGGER client_valued AFTER INSERT ON books.client
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.client_changed();
CREATE TRIGGER client_revalued AFTER UPDATE ON books.client
    REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.client_changed();
CREATE TRIGGER client_unvalued AFTER DELETE ON books.client
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION dashboard.client_changed();

-- At the end, because the CREATE TRIGGER before it have locked the tables of the books against writers: what is written before this look is seen by it,
-- and what is written after it is counted by the triggers. An earlier look would miss the owners whose first rows are committed in between.
INSERT INTO dashboard.unbuilt (owner_id) SELECT DISTINCT t.owner_id FROM books.tally t;
