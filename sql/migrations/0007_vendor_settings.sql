-- The settings of vendors' devices; the order of changes of what they download; processes learn of a vendor's approval. Functions: sql/vendor/functions.sql.
-- Safe beside a running release: creates new objects only; the trigger on vendor.vendor writes an event that every release reads.

CREATE FUNCTION vendor.announce_vendor() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

CREATE TRIGGER vendor_announced AFTER INSERT OR UPDATE OR DELETE ON vendor.vendor
    FOR EACH ROW EXECUTE FUNCTION vendor.announce_vendor();

-- settings_data: of type json, which keeps the text that the device sent; nothing in it is ever searched.
CREATE TABLE vendor.app_settings (
    id            uuid         NOT NULL DEFAULT gen_random_uuid(),
    vendor_id     uuid         NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    device_id     varchar(255) NOT NULL,
    settings_data json         NOT NULL,
    last_updated  timestamptz  NOT NULL DEFAULT now(),
    created_at    timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (vendor_id, id),
    CONSTRAINT app_settings_device_id_key UNIQUE (vendor_id, device_id)
);

-- The last change of what a vendor's devices download, by kind. Whoever changes such rows takes the next position first
-- (vendor.next_position) and holds this row until the commit. So positions and times are in the order of the commits: a device that has read
-- up to one has read everything before it. The price is that the changes of one vendor wait for each other.
CREATE TABLE vendor.head (
    vendor_id  uuid        NOT NULL REFERENCES vendor.vendor ON DELETE CASCADE,
    kind       varchar(20) NOT NULL CONSTRAINT head_kind_known CHECK (kind IN ('catalogue', 'inventory', 'bills')),
    position   bigint      NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (vendor_id, kind)
) WITH (fillfactor = 50);
