-- The raw materials of vendors, and the ledger of their quantities.
-- Safe beside a running release: creates new objects only.

-- Quantities have 12 digits before the point and 3 behind it. A name is unique as it is written: "Salt" and "salt" are two materials.
-- Each write takes the vendor's next position of the kind 'inventory' (vendor.head), by which a device knows that a list has changed.
-- No index holds the quantity, so that a movement of stock writes no index (HOT; hence the fillfactor): materials that are low are found
-- among all of a vendor's, of which there are some thousand at most.
CREATE TABLE vendor.inventory_item (
    id                uuid          NOT NULL DEFAULT gen_random_uuid(),
    vendor_id         uuid          NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    name              varchar(255)  NOT NULL,
    description       text,
    quantity          numeric(15,3) NOT NULL CONSTRAINT inventory_item_quantity_positive CHECK (quantity >= 0),
    unit_type         varchar(10)   NOT NULL CONSTRAINT inventory_item_unit_type_known CHECK (unit_type IN (
        'kg', 'g', 'L', 'mL', 'pcs', 'pkt', 'box', 'carton', 'bag', 'bottle', 'can', 'dozen', 'm', 'cm', 'sqm', 'cum')),
    sku               varchar(100),
    barcode           varchar(100),
    supplier_name     varchar(255),
    supplier_contact  varchar(100),
    min_stock_level   numeric(15,3) NOT NULL CONSTRAINT inventory_item_min_stock_level_positive CHECK (min_stock_level >= 0),
    reorder_quantity  numeric(15,3) NOT NULL CONSTRAINT inventory_item_reorder_quantity_positive CHECK (reorder_quantity >= 0),
    is_active         boolean       NOT NULL,
    last_restocked_at timestamptz,
    created_at        timestamptz   NOT NULL,
    updated_at        timestamptz   NOT NULL,
    PRIMARY KEY (vendor_id, id),
    -- Also the order of the list.
    CONSTRAINT inventory_item_name_key UNIQUE (vendor_id, name)
) WITH (fillfactor = 80);

-- The ledger: each change of a quantity, and each count of the stock (set), also one that confirms it. It begins at 0 with the material
-- and is deleted with it. position: that of the change among the vendor's. quantity: what the client sent. account_id: who did it; no
-- foreign key, because accounts don't belong to a vendor's rows.
CREATE TABLE vendor.inventory_movement (
    vendor_id       uuid          NOT NULL,
    item_id         uuid          NOT NULL,
    position        bigint        NOT NULL,
    action          varchar(10)   NOT NULL CONSTRAINT inventory_movement_action_known CHECK (action IN ('create', 'edit', 'set', 'add', 'subtract')),
    quantity        numeric(15,3) NOT NULL,
    quantity_before numeric(15,3) NOT NULL,
    quantity_after  numeric(15,3) NOT NULL,
    notes           varchar(500)  NOT NULL,
    account_id      bigint,
    created_at      timestamptz   NOT NULL,
    -- Also the order of an item's movements.
    PRIMARY KEY (vendor_id, item_id, position),
    FOREIGN KEY (vendor_id, item_id) REFERENCES vendor.inventory_item (vendor_id, id) ON DELETE CASCADE,
    CONSTRAINT inventory_movement_adds_up CHECK (quantity_after = CASE action
        WHEN 'add' THEN quantity_before + quantity WHEN 'subtract' THEN quantity_before - quantity ELSE quantity END)
);
