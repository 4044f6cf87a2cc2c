-- The shop's point of sale: suppliers, customers with their points and store credit, products, promotions, orders, chatbot users.
-- Functions: sql/pos/functions.sql. Safe beside a running release: creates new objects only.
--
-- Every statement takes its locks in this order, so that no two wait for each other: order, customer, products by id.

CREATE SCHEMA pos;

CREATE FUNCTION pos.keep_entry() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION pos.add_points() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION pos.add_credit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION pos.announce_order() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION pos.announce_stock() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION pos.sum_order() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION pos.keep_balance() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- What is searched for, and what it is searched in: without case and without the accents of Spanish and its neighbours, because a
-- cashier types neither. Compared byte by byte, so that an index finds a beginning.
CREATE FUNCTION pos.folded(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(lower(words), 'áàâäãåéèêëíìîïóòôöõúùûüñç', 'aaaaaaeeeeiiiiooooouuuunc') COLLATE "C"
$$;
CREATE FUNCTION pos.searched_customer(first_name text, last_name text, phone_number text, email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pos.folded(first_name || ' ' || last_name || ' ' || email || ' ' || regexp_replace(phone_number, '[^0-9]', '', 'g'))
$$;

CREATE TABLE pos.supplier (
    id             bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           varchar(100) NOT NULL,
    phone_number   varchar(20)  NOT NULL,
    contact_person varchar(40)  NOT NULL,
    rfc            varchar(40)  NOT NULL,
    tax_address    varchar(250) NOT NULL
);

-- Both balances are the sums of their ledgers, point_entry and credit_entry: the triggers of the ledgers change them, and nothing else.
CREATE TABLE pos.customer (
    id               bigint        GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_name       varchar(60)   NOT NULL,
    last_name        varchar(60)   NOT NULL,
    phone_number     varchar(20)   NOT NULL,
    email            varchar(254)  NOT NULL,
    birth_date       date          NOT NULL,
    is_frequent      boolean       NOT NULL DEFAULT false,
    frequency_month  date,                                   -- the first day of the month in which is_frequent was last decided
    birthday_year    integer,                                -- the last year of which the birthday's discount was used
    current_points   bigint        NOT NULL DEFAULT 0 CONSTRAINT customer_points_enough CHECK (current_points >= 0),
    credit_limit     numeric(10,2) NOT NULL CONSTRAINT customer_credit_limit_positive CHECK (credit_limit >= 0),
    credit_used      numeric(12,2) NOT NULL DEFAULT 0 CONSTRAINT customer_credit_used_positive CHECK (credit_used >= 0),
    is_active        boolean       NOT NULL DEFAULT true,    -- false: deleted; the ledgers and orders stay
    created_at       timestamptz   NOT NULL DEFAULT now()
);
-- The phone number and e-mail of a deleted customer are free again.
CREATE UNIQUE INDEX customer_phone_number_key ON pos.customer (phone_number) WHERE is_active;
CREATE UNIQUE INDEX customer_email_key ON pos.customer (lower(email)) WHERE is_active;

CREATE INDEX customer_searched ON pos.customer
    USING gin (pos.searched_customer(first_name, last_name, phone_number, email) gin_trgm_ops) WHERE is_active;

-- A rate in the spelling in which the client has sent it; pos.tax_percent knows what it means.
CREATE TABLE pos.product (
    id                bigint        GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name              varchar(200)  NOT NULL,
    sku               varchar(30)   NOT NULL,
    price             numeric(10,2) NOT NULL DEFAULT 0 CONSTRAINT product_price_positive CHECK (price >= 0),
    tax_rate          varchar(5)    NOT NULL DEFAULT '16.00'
                      CONSTRAINT product_tax_rate_known CHECK (tax_rate IN ('16.00', '0.16', '8.00', '0.08', '0.00', 'EXENT')),
    current_stock     integer       NOT NULL DEFAULT 0 CONSTRAINT product_stock_positive CHECK (current_stock >= 0),
    reserved_quantity integer       NOT NULL DEFAULT 0 CONSTRAINT product_reserved_positive CHECK (reserved_quantity >= 0),
    supplier_id       bigint        NOT NULL CONSTRAINT product_supplier_exists REFERENCES pos.supplier,
    is_active         boolean       NOT NULL DEFAULT true,   -- false: deleted; the lines of orders stay
    updated_at        timestamptz   NOT NULL DEFAULT now()
);
-- Nobody means two products by codes that differ in case only; the code of a deleted product is free again.
CREATE UNIQUE INDEX product_sku_key ON pos.product (lower(sku)) WHERE is_active;
CREATE INDEX product_supplier ON pos.product (supplier_id);
CREATE INDEX product_name ON pos.product (lower(name), id) WHERE is_active;
CREATE INDEX product_name_begins ON pos.product (pos.folded(name), id) WHERE is_active;
CREATE INDEX product_sku_begins ON pos.product (pos.folded(sku), id) WHERE is_active;
CREATE INDEX product_searched ON pos.product USING gin (pos.folded(name || ' ' || sku) gin_trgm_ops) WHERE is_active;

-- Of a product, one promotion at most is active on a day.
CREATE TABLE pos.promotion (
    id               bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id       bigint       NOT NULL CONSTRAINT promotion_product_exists REFERENCES pos.product,
    name             varchar(50)  NOT NULL,
    description      text         NOT NULL,
    discount_percent numeric(5,2) NOT NULL CHECK (discount_percent BETWEEN 0.01 AND 100),
    start_date       date         NOT NULL,
    end_date         date         NOT NULL,
    target_audience  text         NOT NULL CHECK (target_audience IN ('ALL', 'FREQUENT_ONLY')),
    is_active        boolean      NOT NULL DEFAULT true,
    CONSTRAINT promotion_dates_ordered CHECK (start_date <= end_date),
    CONSTRAINT promotion_alone EXCLUDE USING gist (
        int8range(product_id, product_id, '[]') WITH &&, daterange(start_date, end_date, '[]') WITH &&) WHERE (is_active)
);
CREATE INDEX promotion_product ON pos.promotion (product_id, start_date) INCLUDE (end_date) WHERE is_active;
CREATE INDEX promotion_of_product ON pos.promotion (product_id, id);

-- Amounts are exact: rounded half up to cents when they are stored. The business day and hour are those of BUSINESS_TIMEZONE when the
-- order was made, for analytics.
CREATE TABLE pos.shop_order (
    id                bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Eight hexadecimal digits that look random. Each id has its own, as multiplying by an odd number modulo 2^32 loses nothing; of
    -- random ones two would be the same among 80,000.
    ticket_folio      varchar(8)  NOT NULL GENERATED ALWAYS AS (lpad(upper(to_hex((id * 2654435761 + 305419896) % 4294967296)), 8, '0')) STORED,
    status            text        NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'PAID', 'CANCELLED')),
    payment_method    text        CHECK (payment_method IN ('CASH', 'CARD', 'POINTS', 'CREDIT')),
    seller_id         bigint      CONSTRAINT shop_order_seller_fkey REFERENCES accounts.account ON DELETE SET NULL,
    seller_name       text        NOT NULL,                -- as it was; the account may go
    customer_id       bigint      REFERENCES pos.customer,
    subtotal          numeric     NOT NULL,
    total_tax         numeric     NOT NULL,
    final_amount      numeric     NOT NULL,
    money_saved_total numeric     NOT NULL,
    points_used       bigint      NOT NULL DEFAULT 0,
    store_credit_used numeric     NOT NULL DEFAULT 0,
    is_birthday       boolean     NOT NULL DEFAULT false,  -- the customer's birthday made it cheaper
    business_day      date        NOT NULL,
    business_hour     smallint    NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    paid_at           timestamptz,
    CONSTRAINT shop_order_ticket_folio_key UNIQUE (ticket_folio),
    CONSTRAINT shop_order_paid_whole CHECK ((status = 'PAID') = (paid_at IS NOT NULL) AND (status = 'PAID') = (payment_method IS NOT NULL))
);
CREATE INDEX shop_order_day ON pos.shop_order (business_day, id);
CREATE INDEX shop_order_customer ON pos.shop_order (customer_id, business_day) WHERE customer_id IS NOT NULL;
CREATE INDEX shop_order_seller ON pos.shop_order (seller_id) WHERE seller_id IS NOT NULL;

-- The prices of the moment in which the order was made.
CREATE TABLE pos.order_line (
    order_id        bigint       NOT NULL REFERENCES pos.shop_order ON DELETE CASCADE,
    id              bigint       GENERATED ALWAYS AS IDENTITY,
    product_id      bigint       NOT NULL REFERENCES pos.product,
    product_name    varchar(200) NOT NULL,
    quantity        integer      NOT NULL CHECK (quantity > 0),
    unit_price      numeric      NOT NULL,
    promotion_name  varchar(50),
    discount_amount numeric      NOT NULL,
    amount          numeric      NOT NULL,
    tax_amount      numeric      NOT NULL,
    PRIMARY KEY (order_id, id)
);
CREATE INDEX order_line_product ON pos.order_line (product_id, order_id);

-- What was sold of each product on each business day, of paid orders: for analytics, which would otherwise read every line.
CREATE TABLE pos.product_day (
    day        date    NOT NULL,
    product_id bigint  NOT NULL REFERENCES pos.product,
    units      bigint  NOT NULL,
    revenue    numeric NOT NULL,
    PRIMARY KEY (day, product_id)
);
CREATE INDEX product_day_product ON pos.product_day (product_id, day);

-- The tickets of each business day, hour and payment method: paid orders, which are final, so all of this only grows. A row is the
-- same for every till that is paid in that hour; they would wait for each other at it. So a payment adds a row to ticket_delta, which
-- has no index, as it is emptied every second. Readers use the view pos.ticket_part, which has both.
CREATE TABLE pos.ticket_hour (
    day            date     NOT NULL,
    hour           smallint NOT NULL,
    payment_method text     NOT NULL,
    tickets        bigint   NOT NULL,
    revenue        numeric  NOT NULL,
    lowest         numeric  NOT NULL,
    highest        numeric  NOT NULL,
    PRIMARY KEY (day, hour, payment_method)
) WITH (fillfactor = 50);
CREATE TABLE pos.ticket_delta (
    day            date     NOT NULL,
    hour           smallint NOT NULL,
    payment_method text     NOT NULL,
    amount         numeric  NOT NULL
);

-- The ledgers. Their rows are never changed or deleted.
CREATE TABLE pos.point_entry (
    id               bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id      bigint       NOT NULL REFERENCES pos.customer,
    amount           bigint       NOT NULL,                -- what it adds; negative: what it takes
    transaction_type text         NOT NULL CHECK (transaction_type IN ('EARN', 'REDEEM', 'ADJUSTMENT')),
    description      varchar(255) NOT NULL DEFAULT '',
    created_at       timestamptz  NOT NULL DEFAULT now()
);
CREATE INDEX point_entry_customer ON pos.point_entry (customer_id, id);
CREATE TABLE pos.credit_entry (
    id               bigint        GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id      bigint        NOT NULL REFERENCES pos.customer,
    amount           numeric(12,2) NOT NULL CHECK (amount > 0),
    transaction_type text          NOT NULL CHECK (transaction_type IN ('CHARGE', 'PAYMENT')),   -- a charge adds to the debt
    description      varchar(255)  NOT NULL DEFAULT '',
    created_at       timestamptz   NOT NULL DEFAULT now()
);
CREATE INDEX credit_entry_customer ON pos.credit_entry (customer_id, id);

-- People who may talk to the shop's chatbot.
CREATE TABLE pos.chatbot_user (
    mobile_number    varchar(20) PRIMARY KEY,
    name             varchar(50) NOT NULL,
    last_interaction timestamptz
);

-- Triggers. The head of sql/pos/functions.sql says what each one does.
CREATE TRIGGER point_entry_added AFTER INSERT ON pos.point_entry FOR EACH ROW EXECUTE FUNCTION pos.add_points();
CREATE TRIGGER credit_entry_added AFTER INSERT ON pos.credit_entry FOR EACH ROW EXECUTE FUNCTION pos.add_credit();
CREATE TRIGGER point_entry_kept BEFORE UPDATE OR DELETE ON pos.point_entry FOR EACH ROW EXECUTE FUNCTION pos.keep_entry();
CREATE TRIGGER credit_entry_kept BEFORE UPDATE OR DELETE ON pos.credit_entry FOR EACH ROW EXECUTE FUNCTION pos.keep_entry();
CREATE TRIGGER customer_balances_kept BEFORE UPDATE OF current_points, credit_used ON pos.customer
    FOR EACH ROW WHEN ((OLD.current_points, OLD.credit_used) IS DISTINCT FROM (NEW.current_points, NEW.credit_used))
    EXECUTE FUNCTION pos.keep_balance();
CREATE TRIGGER customer_starts_empty BEFORE INSERT ON pos.customer
    FOR EACH ROW WHEN (NEW.current_points <> 0 OR NEW.credit_used <> 0) EXECUTE FUNCTION pos.keep_balance();
-- At commit, when an order has its lines.
CREATE CONSTRAINT TRIGGER order_announced AFTER INSERT OR UPDATE ON pos.shop_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pos.announce_order();
CREATE CONSTRAINT TRIGGER order_summed AFTER INSERT ON pos.shop_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'PAID') EXECUTE FUNCTION pos.sum_order();
CREATE CONSTRAINT TRIGGER order_paid_summed AFTER UPDATE ON pos.shop_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'PAID' AND OLD.status <> 'PAID') EXECUTE FUNCTION pos.sum_order();
CREATE TRIGGER order_end_announced AFTER DELETE ON pos.shop_order FOR EACH ROW EXECUTE FUNCTION pos.announce_order();
CREATE TRIGGER stock_announced AFTER INSERT ON pos.product FOR EACH ROW EXECUTE FUNCTION pos.announce_stock();
CREATE TRIGGER stock_change_announced AFTER UPDATE ON pos.product
    FOR EACH ROW WHEN ((OLD.current_stock, OLD.reserved_quantity, OLD.is_active, OLD.name, OLD.sku)
        IS DISTINCT FROM (NEW.current_stock, NEW.reserved_quantity, NEW.is_active, NEW.name, NEW.sku))
    EXECUTE FUNCTION pos.announce_stock();
