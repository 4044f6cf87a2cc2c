-- The bills of vendors, as their devices send them, and the quarantine of those that can't be stored. Functions: sql/vendor/functions.sql.
-- Safe beside a running release: creates new objects only.

CREATE FUNCTION vendor.count_bills() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- A bill is stored once, and never changes. created_at: when it was made, by the device's clock. synced_at: when it was stored, in the order of
-- the commits (vendor.head). digest: SHA-256 of what was sent, by which a repetition is told from another bill with the same number.
-- warnings: what looks wrong in it, messages by field; null: nothing does.
CREATE TABLE vendor.bill (
    vendor_id           uuid          NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    id                  uuid          NOT NULL DEFAULT gen_random_uuid(),
    synced_at           timestamptz   NOT NULL,
    created_at          timestamptz   NOT NULL,
    bill_date           date          NOT NULL,
    invoice_number      varchar(100)  NOT NULL,
    bill_number         varchar(100)  NOT NULL,
    device_id           varchar(255)  NOT NULL,
    billing_mode        varchar(20)   NOT NULL,
    restaurant_name     varchar(255)  NOT NULL,
    address             text          NOT NULL,
    gstin               varchar(50),
    fssai_license       varchar(50),
    logo_url            text,
    footer_note         text          NOT NULL,
    customer_name       varchar(255),
    customer_phone      varchar(20),
    customer_email      varchar(254),
    customer_address    text,
    subtotal            numeric(12,2) NOT NULL,
    total_amount        numeric(12,2) NOT NULL,
    total_tax           numeric(12,2) NOT NULL,
    cgst_amount         numeric(12,2) NOT NULL,
    sgst_amount         numeric(12,2) NOT NULL,
    igst_amount         numeric(12,2) NOT NULL,
    payment_mode        varchar(50)   NOT NULL,
    payment_reference   varchar(255),
    amount_paid         numeric(12,2),
    change_amount       numeric(12,2) NOT NULL,
    discount_amount     numeric(12,2) NOT NULL,
    discount_percentage numeric(5,2)  NOT NULL,
    notes               text,
    table_number        varchar(50),
    waiter_name         varchar(255),
    digest              bytea         NOT NULL CONSTRAINT bill_digest_sha256 CHECK (length(digest) = 32),
    warnings            json,
    PRIMARY KEY (vendor_id, id),
    CONSTRAINT bill_invoice_number_key UNIQUE (vendor_id, invoice_number)
);

-- The order in which devices download bills, read from its end; also where none of them has the mode that is asked for. And a period.
CREATE INDEX bill_synced_at_idx ON vendor.bill (vendor_id, synced_at, created_at, id) INCLUDE (billing_mode);
CREATE INDEX bill_bill_date_idx ON vendor.bill (vendor_id, bill_date);

-- original_item_id: what the device calls the item, which need not be an item of this vendor.
CREATE TABLE vendor.bill_line (
    vendor_id           uuid          NOT NULL,
    bill_id             uuid          NOT NULL,
    place               integer       NOT NULL,
    id                  uuid          NOT NULL DEFAULT gen_random_uuid(),
    original_item_id    varchar(255),
    item_name           varchar(255)  NOT NULL,
    item_description    text,
    price               numeric(10,2) NOT NULL,
    mrp_price           numeric(10,2) NOT NULL,
    price_type          varchar(20)   NOT NULL,
    quantity            numeric(10,3) NOT NULL,
    subtotal            numeric(12,2) NOT NULL,
    gst_percentage      numeric(5,2)  NOT NULL,
    item_gst_amount     numeric(10,2) NOT NULL,
    veg_nonveg          varchar(10),
    additional_discount numeric(5,2)  NOT NULL,
    discount_amount     numeric(10,2) NOT NULL,
    unit                varchar(50),
    batch_number        varchar(100),
    expiry_date         date,
    PRIMARY KEY (vendor_id, bill_id, place),
    CONSTRAINT bill_line_bill_id_exists FOREIGN KEY (vendor_id, bill_id) REFERENCES vendor.bill (vendor_id, id) ON DELETE CASCADE
);

-- How many bills each vendor has. Kept by a trigger: counting them reads the whole table.
CREATE TABLE vendor.bill_tally (
    vendor_id uuid   NOT NULL PRIMARY KEY REFERENCES vendor.vendor ON DELETE CASCADE,
    bills     bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TRIGGER bill_counted AFTER INSERT ON vendor.bill
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION vendor.count_bills();
CREATE TRIGGER bill_uncounted AFTER DELETE ON vendor.bill
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION vendor.count_bills();

-- Bills that were not stored, each whole, as the text that the device sent. kind: refused, because something in it is wrong; conflict, because
-- another bill has its number. seq: the order in which they came. fields: messages by field; null: error says it all. digest: SHA-256 of sent,
-- or the digest of the bill in conflict; the same bill sent again makes no second row. bill_id: the bill as which it was stored later.
CREATE TABLE vendor.bill_quarantine (
    vendor_id      uuid         NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    id             uuid         NOT NULL DEFAULT gen_random_uuid(),
    seq            bigint       NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind           varchar(10)  NOT NULL CONSTRAINT bill_quarantine_kind_known CHECK (kind IN ('refused', 'conflict')),
    digest         bytea        NOT NULL CONSTRAINT bill_quarantine_digest_sha256 CHECK (length(digest) = 32),
    -- No longer than the body of an upload may be.
    sent           text         NOT NULL CONSTRAINT bill_quarantine_sent_short CHECK (octet_length(sent) <= 41943040),
    error          text         NOT NULL,
    fields         json,
    invoice_number varchar(100),
    device_id      varchar(255) NOT NULL,
    received_at    timestamptz  NOT NULL DEFAULT now(),
    resolved_at    timestamptz,
    bill_id        uuid,
    PRIMARY KEY (vendor_id, id),
    CONSTRAINT bill_quarantine_seq_key UNIQUE (vendor_id, seq),
    CONSTRAINT bill_quarantine_digest_key UNIQUE (vendor_id, kind, digest),
    CONSTRAINT bill_quarantine_resolved_whole CHECK ((resolved_at IS NULL) = (bill_id IS NULL))
);
