-- The settings of vendors' devices; processes learn of a vendor's approval. Functions: sql/vendor/functions.sql.
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
