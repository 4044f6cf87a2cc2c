-- Webhooks: replays of what is dead read by the moment, and deletions that take locks in the order of all others.
-- Safe beside a running release: creates indexes of dead deliveries, of which there are few, and a trigger of deletions.

-- What is dead since a moment, of all topics or of one. A replay reads no older ones.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX delivery_dead_idx ON webhooks.delivery (webhook_id, created_at, id) WHERE status = 'dead';
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX delivery_dead_topic_idx ON webhooks.delivery (webhook_id, topic, created_at, id) WHERE status = 'dead';

CREATE FUNCTION webhooks.hold_lanes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- Before the foreign keys remove deliveries and lanes, also where an account is deleted with its webhooks.
CREATE TRIGGER webhook_lanes_held BEFORE DELETE ON webhooks.webhook FOR EACH ROW EXECUTE FUNCTION webhooks.hold_lanes();
