-- Sales: invoices as they arrive from the ERP, their customers and salesmen, and the warehouse's sessions of work on them.
-- Functions and views: sql/sales/functions.sql.
-- Safe beside a running release: creates new objects only.

CREATE SCHEMA sales;

-- Each function that a trigger below calls is declared here, so that the trigger can name it; functions.sql, which is
-- applied in the same transaction, defines it.
CREATE FUNCTION sales.count_invoice_version() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.announce_invoice() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.count_invoice() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.count_no_invoices() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.note_creator() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.show_session() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.show_sessions() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.count_session() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION sales.count_no_sessions() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

CREATE TABLE sales.customer (
    id       bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code     varchar(50)  NOT NULL,
    name     varchar(255) NOT NULL,
    area     varchar(150) NOT NULL DEFAULT '',
    address1 text         NOT NULL DEFAULT '',
    address2 text         NOT NULL DEFAULT '',
    phone1   varchar(20)  NOT NULL DEFAULT '',
    phone2   varchar(20)  NOT NULL DEFAULT '',
    email    varchar(254) NOT NULL DEFAULT '',
    CONSTRAINT customer_code_key UNIQUE (code)
);

CREATE TABLE sales.salesman (
    id    bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  varchar(150) NOT NULL,
    phone varchar(20)  NOT NULL DEFAULT '',
    CONSTRAINT salesman_name_key UNIQUE (name)
);

CREATE TABLE sales.invoice (
    id              bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_no      varchar(100) NOT NULL,
    invoice_date    date         NOT NULL,
    customer_id     bigint       NOT NULL REFERENCES sales.customer ON DELETE CASCADE,
    salesman_id     bigint       REFERENCES sales.salesman ON DELETE SET NULL,
    status          text         NOT NULL DEFAULT 'PENDING',
    created_by      varchar(150),                                    -- free text of the ERP
    created_user_id bigint       REFERENCES accounts.account ON DELETE SET NULL,   -- who imported; null with the API key
    remarks         text,
    version         integer      NOT NULL DEFAULT 1,      -- grows by one with every change that a reader can see; in the ETag
    is_active       boolean      NOT NULL DEFAULT true,   -- false: deleted, hidden everywhere
    created_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT invoice_status_known CHECK (status IN (
        'PENDING', 'PICKING', 'PICKED', 'PACKING', 'PACKED', 'DISPATCHED', 'DELIVERED'))
);
-- Each invoice that is there has its own number; the number of a deleted one is free again.
CREATE UNIQUE INDEX invoice_invoice_no_key ON sales.invoice (invoice_no) WHERE is_active;
-- Statements have one plan for all values. Of seven states the average one has a seventh of the invoices, so this plan would walk along
-- the ids over all invoices to the few of a rare state. It is to take the index of states, which is right for each of them.
ALTER TABLE sales.invoice ALTER COLUMN status SET (n_distinct = 1000);
-- One index a filter of the list, newest first by id, with what this filter is mostly combined with.
CREATE INDEX invoice_by_status ON sales.invoice (status, id);
CREATE INDEX invoice_by_customer ON sales.invoice (customer_id, id) INCLUDE (is_active, status, invoice_date);
CREATE INDEX invoice_by_salesman ON sales.invoice (salesman_id, id) INCLUDE (is_active, status, invoice_date);
CREATE INDEX invoice_by_created_user ON sales.invoice (created_user_id, id) INCLUDE (is_active, status, invoice_date)
    WHERE created_user_id IS NOT NULL;
CREATE INDEX invoice_by_created_by ON sales.invoice (coalesce(created_by, ''), id) INCLUDE (is_active, status, invoice_date);
CREATE INDEX invoice_by_date ON sales.invoice (invoice_date, id) INCLUDE (is_active, status);
-- Orders; by date, status and created_by those above serve too.
CREATE INDEX invoice_by_created_at ON sales.invoice (created_at, id);
-- The scanner's exact number ignoring case, and search by a part of the number. fastupdate files the pieces of many new numbers
-- together; what waits for that is searched one by one, hence the small limit (kB).
CREATE INDEX invoice_no_lower ON sales.invoice (lower(invoice_no));
CREATE INDEX invoice_no_searched ON sales.invoice USING gin (lower(invoice_no) gin_trgm_ops) WITH (gin_pending_list_limit = 512);

-- mrp keeps the decimals it was sent with, exactly, up to six; a price is never a float.
CREATE TABLE sales.invoice_item (
    id             bigint       GENERATED ALWAYS AS IDENTITY,
    invoice_id     bigint       NOT NULL REFERENCES sales.invoice ON DELETE CASCADE,
    name           varchar(255) NOT NULL,
    item_code      varchar(100) NOT NULL,
    quantity       integer      NOT NULL CHECK (quantity > 0),
    mrp            numeric      NOT NULL CHECK (mrp >= 0 AND mrp < 10000000000 AND scale(mrp) <= 6),
    company_name   varchar(100) NOT NULL DEFAULT '',
    packing        varchar(50)  NOT NULL DEFAULT '',
    shelf_location varchar(50)  NOT NULL DEFAULT '',
    remarks        text,
    batch_no       varchar(100),
    expiry_date    date,
    PRIMARY KEY (invoice_id, id)
);

-- Search: two texts in lower case, each found by any part of it. Between them stands a separator that no query can contain.
CREATE FUNCTION sales.searched(one text, other text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(one || E'\x1f' || other)
$$;
CREATE INDEX invoice_item_searched ON sales.invoice_item USING gin (sales.searched(name, item_code) gin_trgm_ops);
CREATE INDEX customer_searched ON sales.customer USING gin (sales.searched(name, code) gin_trgm_ops);
CREATE INDEX customer_history_searched ON sales.customer USING gin (sales.searched(name, email) gin_trgm_ops);

-- Every created_by that an invoice has or had: few people, many invoices. The list's filter finds the names here by a part of
-- them, and the invoices of each name by invoice_by_created_by.
CREATE TABLE sales.creator (
    name varchar(150) PRIMARY KEY
);

-- One person's work on one invoice: picking, packing or delivering it. docs/api/sales.md#workflow
CREATE TABLE sales.session (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text        NOT NULL,
    invoice_id    bigint      NOT NULL REFERENCES sales.invoice ON DELETE CASCADE,
    worker_id     bigint      REFERENCES accounts.account ON DELETE SET NULL,   -- whose e-mail was scanned; null for a courier
    started_by    bigint      REFERENCES accounts.account ON DELETE SET NULL,   -- who was signed in
    ended_by      bigint      REFERENCES accounts.account ON DELETE SET NULL,   -- who completed or cancelled it
    status        text        NOT NULL,
    delivery_type text,                                                         -- of a delivery only, as the next two
    courier_name  varchar(150),
    tracking_no   varchar(150),
    notes         text        NOT NULL DEFAULT '',
    cancel_reason text,
    start_time    timestamptz NOT NULL DEFAULT now(),
    end_time      timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    is_shown      boolean     NOT NULL DEFAULT true,                            -- false: its invoice was deleted
    CONSTRAINT session_status_known CHECK (CASE kind
        WHEN 'picking'  THEN status IN ('PREPARING', 'PICKED', 'VERIFIED', 'CANCELLED')
        WHEN 'packing'  THEN status IN ('PENDING', 'IN_PROGRESS', 'PACKED', 'CANCELLED')
        WHEN 'delivery' THEN status IN ('PENDING', 'IN_TRANSIT', 'DELIVERED', 'CANCELLED')
        ELSE false END),
    CONSTRAINT session_delivery_whole CHECK (CASE kind
        WHEN 'delivery' THEN delivery_type IN ('DIRECT', 'COURIER', 'INTERNAL') AND num_nulls(delivery_type, courier_name, tracking_no) = 0
        ELSE num_nonnulls(delivery_type, courier_name, tracking_no) = 0 END)
);
-- One session of a kind an invoice, cancelled ones aside; one unfinished picking and one unfinished packing a worker.
CREATE UNIQUE INDEX session_invoice_key ON sales.session (invoice_id, kind) WHERE status <> 'CANCELLED';
CREATE UNIQUE INDEX session_worker_active_key ON sales.session (worker_id, kind) WHERE status IN ('PREPARING', 'IN_PROGRESS');
-- Histories are newest first by (created_at, id): of everybody or of one worker, in one state, of one type, of one invoice.
CREATE INDEX session_created ON sales.session (kind, created_at, id);
CREATE INDEX session_worker ON sales.session (worker_id, kind, created_at, id);
CREATE INDEX session_status ON sales.session (kind, status, created_at, id);
CREATE INDEX session_delivery_type ON sales.session (delivery_type, created_at, id) WHERE kind = 'delivery';
CREATE INDEX session_invoice ON sales.session (invoice_id);
CREATE INDEX session_courier_searched ON sales.session USING gin (sales.searched(courier_name, tracking_no) gin_trgm_ops)
    WHERE kind = 'delivery';
-- The invoices that a worker has or had in hand, newest first: ?worker of the invoice list.
CREATE INDEX session_worker_invoice ON sales.session (worker_id, invoice_id) WHERE status <> 'CANCELLED';
-- For deleting an account, which looks for what it started and ended.
CREATE INDEX session_started_by ON sales.session (started_by);
CREATE INDEX session_ended_by ON sales.session (ended_by);

-- How many invoices there are, by where they lie and by status: the way to page 40,000 that does not walk over the 39,999
-- before it. level 0: all invoices (bucket 0); level 3: 16,384 ids a bucket (id >> 14); level 2: 1,024 (id >> 10); level 1: 64
-- (id >> 6).
CREATE TABLE sales.invoice_tally (
    level  smallint NOT NULL,
    bucket bigint   NOT NULL,
    status text     NOT NULL,
    n      integer  NOT NULL,   -- sums of integers are bigints, which are quick to add up; sums of bigints would be numeric
    PRIMARY KEY (level, bucket, status)
) WITH (fillfactor = 50);   -- room beside each row for its next version, so that counting adds no index entries

-- How many invoices of a status there are: of all (kind all, key 0), of a customer, of a salesman, of the account that imported
-- them (kind user), of a created_by (kind creator, by its hash). Each of all days together ('-infinity') and of each day
-- (invoice_date); but not of each day of a customer, who has few. A row that would be 0 is not kept.
CREATE TABLE sales.invoice_count (
    kind   text    NOT NULL,
    key    bigint  NOT NULL,
    day    date    NOT NULL,
    status text    NOT NULL,
    n      integer NOT NULL,
    PRIMARY KEY (kind, key, day, status)
) WITH (fillfactor = 50);

-- What changed since both were brought up to date, one row a change, inserted only: two imports never wait for each other, as
-- they would at a counter's row. It has no index, as it is emptied every second.
CREATE TABLE sales.invoice_delta (
    bucket      bigint   NOT NULL,   -- of level 1
    status      text     NOT NULL,
    n           smallint NOT NULL,   -- +1 came, -1 went
    day         date     NOT NULL,
    customer_id bigint   NOT NULL,
    salesman_id bigint,
    account_id  bigint,
    creator     bigint
);

-- How many sessions there are of which day (UTC, of created_at), of whom, in which state: a history's exact `count` without
-- counting, and the day on which its page 4,000 begins. worker_id 0: of everybody, also sessions without a worker.
CREATE TABLE sales.session_tally (
    kind          text    NOT NULL,
    worker_id     bigint  NOT NULL,
    day           date    NOT NULL,
    status        text    NOT NULL,
    delivery_type text    NOT NULL,   -- '': not a delivery
    n             integer NOT NULL,
    PRIMARY KEY (kind, worker_id, day, status, delivery_type)
) WITH (fillfactor = 50);

CREATE TABLE sales.session_delta (
    kind          text     NOT NULL,
    worker_id     bigint,
    day           date     NOT NULL,
    status        text     NOT NULL,
    delivery_type text     NOT NULL,
    n             smallint NOT NULL
);

-- Triggers. What each is for stands at the head of sql/sales/functions.sql.
CREATE TRIGGER invoice_versioned BEFORE UPDATE ON sales.invoice
    FOR EACH ROW WHEN (NEW.version <> OLD.version OR (OLD.invoice_no, OLD.invoice_date, OLD.customer_id, OLD.salesman_id, OLD.status,
                       OLD.created_by, OLD.remarks, OLD.is_active) IS DISTINCT FROM (NEW.invoice_no, NEW.invoice_date,
                       NEW.customer_id, NEW.salesman_id, NEW.status, NEW.created_by, NEW.remarks, NEW.is_active))
    EXECUTE FUNCTION sales.count_invoice_version();
CREATE CONSTRAINT TRIGGER invoice_announced AFTER INSERT ON sales.invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sales.announce_invoice();
CREATE CONSTRAINT TRIGGER invoice_change_announced AFTER UPDATE ON sales.invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.version <> OLD.version) EXECUTE FUNCTION sales.announce_invoice();
CREATE TRIGGER invoice_counted AFTER INSERT OR DELETE ON sales.invoice
    FOR EACH ROW EXECUTE FUNCTION sales.count_invoice();
CREATE TRIGGER invoice_recounted
    AFTER UPDATE OF id, status, is_active, invoice_date, customer_id, salesman_id, created_user_id, created_by ON sales.invoice
    FOR EACH ROW WHEN ((OLD.id, OLD.status, OLD.is_active, OLD.invoice_date, OLD.customer_id, OLD.salesman_id, OLD.created_user_id, OLD.created_by)
        IS DISTINCT FROM (NEW.id, NEW.status, NEW.is_active, NEW.invoice_date, NEW.customer_id, NEW.salesman_id, NEW.created_user_id, NEW.created_by))
    EXECUTE FUNCTION sales.count_invoice();
CREATE TRIGGER invoices_truncated AFTER TRUNCATE ON sales.invoice
    FOR EACH STATEMENT EXECUTE FUNCTION sales.count_no_invoices();
CREATE TRIGGER invoice_creator_noted AFTER INSERT OR UPDATE OF created_by ON sales.invoice
    FOR EACH ROW WHEN (NEW.created_by <> '') EXECUTE FUNCTION sales.note_creator();
CREATE TRIGGER invoice_sessions_shown AFTER UPDATE OF is_active ON sales.invoice
    FOR EACH ROW WHEN (OLD.is_active <> NEW.is_active) EXECUTE FUNCTION sales.show_sessions();
CREATE TRIGGER session_shown BEFORE INSERT OR UPDATE OF invoice_id ON sales.session
    FOR EACH ROW EXECUTE FUNCTION sales.show_session();
CREATE TRIGGER session_counted AFTER INSERT OR DELETE ON sales.session
    FOR EACH ROW EXECUTE FUNCTION sales.count_session();
CREATE TRIGGER session_recounted AFTER UPDATE ON sales.session
    FOR EACH ROW WHEN ((OLD.kind, OLD.worker_id, OLD.status, OLD.delivery_type, OLD.created_at, OLD.is_shown)
        IS DISTINCT FROM (NEW.kind, NEW.worker_id, NEW.status, NEW.delivery_type, NEW.created_at, NEW.is_shown))
    EXECUTE FUNCTION sales.count_session();
CREATE TRIGGER sessions_truncated AFTER TRUNCATE ON sales.session
    FOR EACH STATEMENT EXECUTE FUNCTION sales.count_no_sessions();
