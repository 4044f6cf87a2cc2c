-- Sales invoices as they arrive from the ERP, their customers and salesmen.
-- Safe beside a running release: creates new objects only.

CREATE SCHEMA sales;

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
    created_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT invoice_invoice_no_key UNIQUE (invoice_no),
    CONSTRAINT invoice_status_known CHECK (status IN (
        'PENDING', 'PICKING', 'PICKED', 'PACKING', 'PACKED', 'DISPATCHED', 'DELIVERED'))
);
CREATE INDEX invoice_status_id ON sales.invoice (status, id);
CREATE INDEX invoice_customer ON sales.invoice (customer_id);
CREATE INDEX invoice_salesman ON sales.invoice (salesman_id);
CREATE INDEX invoice_created_user ON sales.invoice (created_user_id) WHERE created_user_id IS NOT NULL;

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

-- The one place that knows how an invoice is written: list, detail and stream read it from here. One line of JSON:
-- row_to_json over a subquery writes no line break, where json_agg over records would.
CREATE VIEW sales.invoice_document AS
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
              items.list AS items, items.total AS total_amount, i.remarks, core.iso(i.created_at) AS created_at) document;

-- At commit, when all items are there, whoever wrote them: this server or another program's plain SQL. Never by a
-- sequential scan: a connection keeps its plan, also one that was made while the tables were empty.
CREATE FUNCTION sales.announce_invoice() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
    INSERT INTO core.event (topic, payload)
    SELECT 'sales.invoice', d.document::text FROM sales.invoice_document d WHERE d.id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoice_announced AFTER INSERT ON sales.invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sales.announce_invoice();
