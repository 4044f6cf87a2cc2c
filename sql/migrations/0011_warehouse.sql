-- The warehouse: who picks, packs and delivers which invoice; and invoices that change after their import.
-- Safe beside a running release: new tables and columns with defaults, functions replaced by ones that do the same for rows as
-- they were; new triggers (brief locks).

-- version: grows by one with every change that a reader can see; the ETag. is_active: false hides a deleted invoice everywhere.
ALTER TABLE sales.invoice
    ADD version   integer NOT NULL DEFAULT 1,
    ADD is_active boolean NOT NULL DEFAULT true;

-- One row for each time someone takes an invoice to pick. Names and states: seed 001; contracts/sales.md, 1.
CREATE TABLE sales.picking_session (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id     bigint      NOT NULL REFERENCES sales.invoice ON DELETE CASCADE,
    picker_id      bigint      REFERENCES accounts.account ON DELETE SET NULL,   -- whose e-mail was scanned
    started_by     bigint      REFERENCES accounts.account ON DELETE SET NULL,   -- who was signed in
    completed_by   bigint      REFERENCES accounts.account ON DELETE SET NULL,   -- or cancelled it
    picking_status text        NOT NULL DEFAULT 'PREPARING',
    notes          text        NOT NULL DEFAULT '',
    cancel_reason  text,
    start_time     timestamptz NOT NULL DEFAULT now(),
    end_time       timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT picking_session_status_known CHECK (picking_status IN ('PREPARING', 'PICKED', 'VERIFIED', 'CANCELLED'))
);
CREATE TABLE sales.packing_session (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id     bigint      NOT NULL REFERENCES sales.invoice ON DELETE CASCADE,
    packer_id      bigint      REFERENCES accounts.account ON DELETE SET NULL,
    started_by     bigint      REFERENCES accounts.account ON DELETE SET NULL,
    completed_by   bigint      REFERENCES accounts.account ON DELETE SET NULL,
    packing_status text        NOT NULL DEFAULT 'IN_PROGRESS',
    notes          text        NOT NULL DEFAULT '',
    cancel_reason  text,
    start_time     timestamptz NOT NULL DEFAULT now(),
    end_time       timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT packing_session_status_known CHECK (packing_status IN ('PENDING', 'IN_PROGRESS', 'PACKED', 'CANCELLED'))
);
CREATE TABLE sales.delivery_session (
    id              bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id      bigint       NOT NULL REFERENCES sales.invoice ON DELETE CASCADE,
    delivery_type   text         NOT NULL,
    assigned_to     bigint       REFERENCES accounts.account ON DELETE SET NULL,   -- null for a courier
    courier_name    varchar(150) NOT NULL DEFAULT '',
    tracking_no     varchar(150) NOT NULL DEFAULT '',
    started_by      bigint       REFERENCES accounts.account ON DELETE SET NULL,
    completed_by    bigint       REFERENCES accounts.account ON DELETE SET NULL,
    delivery_status text         NOT NULL DEFAULT 'IN_TRANSIT',
    notes           text         NOT NULL DEFAULT '',
    cancel_reason   text,
    start_time      timestamptz  NOT NULL DEFAULT now(),
    end_time        timestamptz,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT delivery_session_type_known CHECK (delivery_type IN ('DIRECT', 'COURIER', 'INTERNAL')),
    CONSTRAINT delivery_session_status_known CHECK (delivery_status IN ('PENDING', 'IN_TRANSIT', 'DELIVERED', 'CANCELLED'))
);

-- One session an invoice, but for those that were cancelled; one unfinished one a picker, and a packer.
CREATE UNIQUE INDEX picking_session_invoice_key ON sales.picking_session (invoice_id) WHERE picking_status <> 'CANCELLED';
CREATE UNIQUE INDEX packing_session_invoice_key ON sales.packing_session (invoice_id) WHERE packing_status <> 'CANCELLED';
CREATE UNIQUE INDEX delivery_session_invoice_key ON sales.delivery_session (invoice_id) WHERE delivery_status <> 'CANCELLED';
CREATE UNIQUE INDEX picking_session_picker_active_key ON sales.picking_session (picker_id) WHERE picking_status = 'PREPARING';
CREATE UNIQUE INDEX packing_session_packer_active_key ON sales.packing_session (packer_id) WHERE packing_status = 'IN_PROGRESS';

-- Histories are newest first by (created_at, id), of everybody or of one worker, of one invoice (cancelled ones too).
CREATE INDEX picking_session_created ON sales.picking_session (created_at, id);
CREATE INDEX packing_session_created ON sales.packing_session (created_at, id);
CREATE INDEX delivery_session_created ON sales.delivery_session (created_at, id);
CREATE INDEX picking_session_picker ON sales.picking_session (picker_id, created_at, id);
CREATE INDEX packing_session_packer ON sales.packing_session (packer_id, created_at, id);
CREATE INDEX delivery_session_assigned ON sales.delivery_session (assigned_to, created_at, id);
CREATE INDEX picking_session_invoice ON sales.picking_session (invoice_id);
CREATE INDEX packing_session_invoice ON sales.packing_session (invoice_id);
CREATE INDEX delivery_session_invoice ON sales.delivery_session (invoice_id);
-- For deleting an account, which looks for what it started and completed.
CREATE INDEX picking_session_started_by ON sales.picking_session (started_by);
CREATE INDEX packing_session_started_by ON sales.packing_session (started_by);
CREATE INDEX delivery_session_started_by ON sales.delivery_session (started_by);
CREATE INDEX picking_session_completed_by ON sales.picking_session (completed_by);
CREATE INDEX packing_session_completed_by ON sales.packing_session (completed_by);
CREATE INDEX delivery_session_completed_by ON sales.delivery_session (completed_by);

-- Whoever changes an invoice, the version tells. A change to its items alone has to touch the invoice: SET version = version + 1.
CREATE FUNCTION sales.count_invoice_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_versioned BEFORE UPDATE ON sales.invoice
    FOR EACH ROW WHEN (NEW.version <> OLD.version OR (OLD.invoice_no, OLD.invoice_date, OLD.customer_id, OLD.salesman_id, OLD.status,
                       OLD.created_by, OLD.remarks, OLD.is_active) IS DISTINCT FROM (NEW.invoice_no, NEW.invoice_date,
                       NEW.customer_id, NEW.salesman_id, NEW.status, NEW.created_by, NEW.remarks, NEW.is_active))
    EXECUTE FUNCTION sales.count_invoice_version();

-- At commit, as for new ones (migration 0003), so that the event shows the invoice as the transaction left it. A transaction
-- that changes very many, and tells readers by other means, may say so: set_config('tradepost.quiet', 'on', true).
CREATE OR REPLACE FUNCTION sales.announce_invoice() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
    IF coalesce(current_setting('tradepost.quiet', true), '') <> 'on' THEN
        INSERT INTO core.event (topic, payload)
        SELECT 'sales.invoice', d.document::text FROM sales.invoice_document d WHERE d.id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoice_change_announced AFTER UPDATE ON sales.invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.version <> OLD.version) EXECUTE FUNCTION sales.announce_invoice();

-- A deleted invoice is no longer counted (migration 0004).
CREATE OR REPLACE FUNCTION sales.note_invoice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.is_active THEN
        INSERT INTO sales.invoice_change (bucket, status, n) VALUES (OLD.id >> 6, OLD.status, -1);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.is_active THEN
        INSERT INTO sales.invoice_change (bucket, status, n) VALUES (NEW.id >> 6, NEW.status, 1);
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER invoice_recounted ON sales.invoice;
CREATE TRIGGER invoice_recounted AFTER UPDATE OF id, status, is_active ON sales.invoice
    FOR EACH ROW WHEN ((OLD.id, OLD.status, OLD.is_active) IS DISTINCT FROM (NEW.id, NEW.status, NEW.is_active))
    EXECUTE FUNCTION sales.note_invoice_change();

-- As migration 0003 has it, with is_active: the stream tells of a deleted invoice too, so that boards take it away.
CREATE OR REPLACE VIEW sales.invoice_document AS
SELECT i.id, row_to_json(document) AS document
  FROM sales.invoice i
  JOIN sales.customer c ON c.id = i.customer_id
  LEFT JOIN sales.salesman s ON s.id = i.salesman_id
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(row_to_json(item) ORDER BY item.id), '[]') AS list,
              round(coalesce(sum(item.quantity * item.mrp), 0), 2) AS total
         FROM (SELECT t.id, t.name, t.item_code, t.quantity, t.mrp, t.company_name, t.packing, t.shelf_location,
                      t.remarks, t.batch_no, t.expiry_date
                 FROM sales.invoice_item t WHERE t.invoice_id = i.id) item
       ) items
 CROSS JOIN LATERAL (
       SELECT c.code, c.name, c.area, c.address1, c.address2, c.phone1, c.phone2, c.email) customer
 CROSS JOIN LATERAL (SELECT s.id, s.name, s.phone) salesman
 CROSS JOIN LATERAL (
       SELECT i.id, i.invoice_no, i.invoice_date, row_to_json(customer) AS customer, i.status,
              CASE WHEN s.id IS NOT NULL THEN row_to_json(salesman) END AS salesman, i.created_by,
              items.list AS items, items.total AS total_amount, i.remarks, core.iso(i.created_at) AS created_at,
              i.is_active) document;
