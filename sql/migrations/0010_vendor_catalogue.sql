-- The catalogue of a vendor: categories, items, what was deleted of them, and the order in which all of it changed.
-- Functions: sql/vendor/functions.sql. Safe beside a running release: creates new objects only.
--
-- Every transaction that writes a vendor's catalogue takes the vendor's next position first (vendor.next_position), so the writers of one
-- vendor wait for each other there, and nowhere else. Global categories have positions of their own (vendor.global_head).

CREATE FUNCTION vendor.number_global_category() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION vendor.announce_global_category() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION vendor.tally_links() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- client_time: when the device made the change that the row shows; of two changes of a row the later one wins (docs/api/vendor.md#sync).
-- position: of the row's last change. The name's constraint is checked at the end of a statement, because one statement may give a name to
-- another row.
CREATE TABLE vendor.category (
    vendor_id   uuid         NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    id          uuid         NOT NULL DEFAULT gen_random_uuid(),
    name        varchar(100) NOT NULL,
    description text,
    is_active   boolean      NOT NULL DEFAULT true,
    sort_order  integer      NOT NULL DEFAULT 0,
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),
    client_time timestamptz  NOT NULL DEFAULT now(),
    position    bigint       NOT NULL,
    PRIMARY KEY (vendor_id, id),
    CONSTRAINT category_name_key UNIQUE (vendor_id, name) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX category_listed ON vendor.category (vendor_id, sort_order, name, id) WHERE is_active;
CREATE INDEX category_changed ON vendor.category (vendor_id, position, id);

-- Categories of all vendors, which only administrators write. A trigger gives each change the next position of vendor.global_head.
CREATE TABLE vendor.global_category (
    id          uuid         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    name        varchar(100) NOT NULL,
    description text,
    is_active   boolean      NOT NULL DEFAULT true,
    sort_order  integer      NOT NULL DEFAULT 0,
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),
    position    bigint       NOT NULL DEFAULT 0
);
CREATE INDEX global_category_listed ON vendor.global_category (sort_order, name, id) WHERE is_active;
CREATE INDEX global_category_changed ON vendor.global_category (position);

CREATE TABLE vendor.global_tombstone (
    id         uuid        NOT NULL PRIMARY KEY,
    position   bigint      NOT NULL CONSTRAINT global_tombstone_position_key UNIQUE,
    deleted_at timestamptz NOT NULL
);
CREATE INDEX global_tombstone_deleted_at ON vendor.global_tombstone (deleted_at);

-- One row: the last position of a change of a global category. forgotten: the highest position of a tombstone that was removed.
CREATE TABLE vendor.global_head (
    only_row   boolean     NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
    position   bigint      NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now(),
    forgotten  bigint      NOT NULL DEFAULT 0
);
INSERT INTO vendor.global_head DEFAULT VALUES;

CREATE TRIGGER global_category_numbered BEFORE INSERT OR UPDATE ON vendor.global_category
    FOR EACH ROW EXECUTE FUNCTION vendor.number_global_category();
CREATE TRIGGER global_category_announced AFTER INSERT OR UPDATE OR DELETE ON vendor.global_category
    FOR EACH ROW EXECUTE FUNCTION vendor.announce_global_category();

-- image, thumbnail: the keys of the pictures in the storage of files.
CREATE TABLE vendor.item (
    vendor_id           uuid          NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    id                  uuid          NOT NULL DEFAULT gen_random_uuid(),
    name                varchar(255)  NOT NULL,
    description         text,
    price               numeric(10,2) NOT NULL CONSTRAINT item_price_positive CHECK (price >= 0),
    mrp_price           numeric(10,2) CONSTRAINT item_mrp_price_positive CHECK (mrp_price >= 0),
    price_type          varchar(10)   NOT NULL DEFAULT 'exclusive' CONSTRAINT item_price_type_known CHECK (price_type IN ('exclusive', 'inclusive')),
    additional_discount numeric(10,2) NOT NULL DEFAULT 0 CONSTRAINT item_additional_discount_positive CHECK (additional_discount >= 0),
    gst_percentage      numeric(5,2)  NOT NULL DEFAULT 0 CONSTRAINT item_gst_percentage_range CHECK (gst_percentage BETWEEN 0 AND 100),
    veg_nonveg          varchar(10)   CONSTRAINT item_veg_nonveg_known CHECK (veg_nonveg IN ('veg', 'nonveg')),
    stock_quantity      integer       NOT NULL DEFAULT 0 CONSTRAINT item_stock_quantity_positive CHECK (stock_quantity >= 0),
    sku                 varchar(100),
    barcode             varchar(100),
    is_active           boolean       NOT NULL DEFAULT true,
    sort_order          integer       NOT NULL DEFAULT 0,
    image               text          CONSTRAINT item_image_key_plain CHECK (image ~ '^[a-z0-9/._-]{1,200}$'),
    thumbnail           text          CONSTRAINT item_thumbnail_key_plain CHECK (thumbnail ~ '^[a-z0-9/._-]{1,200}$'),
    last_updated        timestamptz   NOT NULL DEFAULT now(),
    created_at          timestamptz   NOT NULL DEFAULT now(),
    client_time         timestamptz   NOT NULL DEFAULT now(),
    position            bigint        NOT NULL,
    PRIMARY KEY (vendor_id, id)
);
CREATE INDEX item_listed ON vendor.item (vendor_id, sort_order, name, id) WHERE is_active;
CREATE INDEX item_changed ON vendor.item (vendor_id, position, id);

-- These keep the register of files in step (sql/core/functions.sql). Most items have no picture, so most changes call none of them.
CREATE TRIGGER item_image_made AFTER INSERT ON vendor.item
    FOR EACH ROW WHEN (NEW.image IS NOT NULL) EXECUTE FUNCTION core.use_media_file('image');
CREATE TRIGGER item_image_changed AFTER UPDATE OF image ON vendor.item
    FOR EACH ROW WHEN (OLD.image IS DISTINCT FROM NEW.image) EXECUTE FUNCTION core.use_media_file('image');
CREATE TRIGGER item_image_deleted AFTER DELETE ON vendor.item
    FOR EACH ROW WHEN (OLD.image IS NOT NULL) EXECUTE FUNCTION core.use_media_file('image');
CREATE TRIGGER item_thumbnail_made AFTER INSERT ON vendor.item
    FOR EACH ROW WHEN (NEW.thumbnail IS NOT NULL) EXECUTE FUNCTION core.use_media_file('thumbnail');
CREATE TRIGGER item_thumbnail_changed AFTER UPDATE OF thumbnail ON vendor.item
    FOR EACH ROW WHEN (OLD.thumbnail IS DISTINCT FROM NEW.thumbnail) EXECUTE FUNCTION core.use_media_file('thumbnail');
CREATE TRIGGER item_thumbnail_deleted AFTER DELETE ON vendor.item
    FOR EACH ROW WHEN (OLD.thumbnail IS NOT NULL) EXECUTE FUNCTION core.use_media_file('thumbnail');

-- The categories of an item: own ones and global ones, each in a table of its own, so that both have a key and a foreign key. Rows are
-- inserted and deleted, never updated.
CREATE TABLE vendor.item_category (
    vendor_id   uuid NOT NULL,
    item_id     uuid NOT NULL,
    category_id uuid NOT NULL,
    PRIMARY KEY (vendor_id, item_id, category_id),
    CONSTRAINT item_category_item_id_fkey FOREIGN KEY (vendor_id, item_id) REFERENCES vendor.item ON DELETE CASCADE,
    CONSTRAINT item_category_category_id_fkey FOREIGN KEY (vendor_id, category_id) REFERENCES vendor.category ON DELETE CASCADE
);
CREATE INDEX item_category_items ON vendor.item_category (vendor_id, category_id, item_id);

CREATE TABLE vendor.item_global_category (
    vendor_id   uuid NOT NULL,
    item_id     uuid NOT NULL,
    category_id uuid NOT NULL CONSTRAINT item_global_category_category_id_fkey REFERENCES vendor.global_category ON DELETE CASCADE,
    PRIMARY KEY (vendor_id, item_id, category_id),
    CONSTRAINT item_global_category_item_id_fkey FOREIGN KEY (vendor_id, item_id) REFERENCES vendor.item ON DELETE CASCADE
);
-- Leads with the category, because a global category that is deleted takes its links with it.
CREATE INDEX item_global_category_items ON vendor.item_global_category (category_id, vendor_id, item_id);

-- How many items of a vendor each category has, own or global, kept by the links' triggers; a category without items has no row.
CREATE TABLE vendor.category_tally (
    vendor_id   uuid   NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    category_id uuid   NOT NULL,
    items       bigint NOT NULL,
    PRIMARY KEY (vendor_id, category_id)
) WITH (fillfactor = 50);

CREATE TRIGGER item_category_tallied AFTER INSERT ON vendor.item_category
    REFERENCING NEW TABLE AS links FOR EACH STATEMENT EXECUTE FUNCTION vendor.tally_links();
CREATE TRIGGER item_category_untallied AFTER DELETE ON vendor.item_category
    REFERENCING OLD TABLE AS links FOR EACH STATEMENT EXECUTE FUNCTION vendor.tally_links();
CREATE TRIGGER item_global_category_tallied AFTER INSERT ON vendor.item_global_category
    REFERENCING NEW TABLE AS links FOR EACH STATEMENT EXECUTE FUNCTION vendor.tally_links();
CREATE TRIGGER item_global_category_untallied AFTER DELETE ON vendor.item_global_category
    REFERENCING OLD TABLE AS links FOR EACH STATEMENT EXECUTE FUNCTION vendor.tally_links();

-- What was deleted, so that other devices learn of it, and an old change doesn't bring it back. client_time: when the device deleted it.
CREATE TABLE vendor.tombstone (
    vendor_id   uuid        NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    kind        varchar(20) NOT NULL CONSTRAINT tombstone_kind_known CHECK (kind IN ('category', 'item')),
    id          uuid        NOT NULL,
    client_time timestamptz NOT NULL,
    deleted_at  timestamptz NOT NULL,
    position    bigint      NOT NULL,
    PRIMARY KEY (vendor_id, kind, id)
);
CREATE INDEX tombstone_changed ON vendor.tombstone (vendor_id, position, id);
CREATE INDEX tombstone_deleted_at ON vendor.tombstone (deleted_at);

-- The highest position of a tombstone of the vendor that was removed because of its age.
CREATE TABLE vendor.forgotten (
    vendor_id uuid   NOT NULL PRIMARY KEY REFERENCES vendor.vendor ON DELETE CASCADE,
    position  bigint NOT NULL
);
