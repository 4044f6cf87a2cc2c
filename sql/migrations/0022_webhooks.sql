-- Webhooks: events of all areas, sent to the addresses that accounts name. Functions: sql/webhooks/functions.sql.
-- Safe beside a running release: creates new objects. The triggers on the tables of books wait for a moment without their writers, and
-- write nothing before somebody has a webhook, which a running release can't make.

CREATE SCHEMA webhooks;

CREATE FUNCTION webhooks.announce_client() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION webhooks.announce_quote() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION webhooks.announce_invoice() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION webhooks.announce_payment() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION webhooks.announce_expense() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- Who has to read every event of the log, and how far they are: an event is removed only when all of them have read it.
CREATE TABLE core.event_reader (
    name     text   CONSTRAINT event_reader_pkey PRIMARY KEY,
    position bigint NOT NULL
);
INSERT INTO core.event_reader (name, position) SELECT 'webhooks', h.position FROM core.event_head h;

-- topics: as the API has them, such as books.invoice.paid, books.* or *. salt: the secret is made of it and of SECRET_KEY, whose key_check
-- tells whether that is still the same. previous_salt signs too, until previous_until. failing_since: since then no attempt has
-- succeeded. disabled_reason: why the server has switched it off.
CREATE TABLE webhooks.webhook (
    id              bigint        NOT NULL GENERATED ALWAYS AS IDENTITY CONSTRAINT webhook_pkey PRIMARY KEY,
    account_id      bigint        NOT NULL CONSTRAINT webhook_account_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    url             varchar(2048) NOT NULL,
    description     varchar(500)  NOT NULL,
    topics          text[]        NOT NULL CONSTRAINT webhook_topics_bounded CHECK (cardinality(topics) BETWEEN 1 AND 50),
    is_active       boolean       NOT NULL,
    salt            bytea         NOT NULL,
    key_check       bytea         NOT NULL,
    previous_salt   bytea,
    previous_until  timestamptz,
    failing_since   timestamptz,
    disabled_at     timestamptz,
    disabled_reason text          CONSTRAINT webhook_disabled_reason_known CHECK (disabled_reason IN ('gone', 'failing', 'key')),
    version         integer       NOT NULL DEFAULT 1,
    created_at      timestamptz   NOT NULL DEFAULT now(),
    updated_at      timestamptz   NOT NULL DEFAULT now()
);
CREATE INDEX webhook_account_id_idx ON webhooks.webhook (account_id, id);
-- Asked at each change of the books: whether its owner has a webhook that names it.
CREATE INDEX webhook_active_idx ON webhooks.webhook (account_id) WHERE is_active;

-- What is sent: one body for all webhooks that get it. key: the webhook-id. position: of the event; null: it was asked for by a person.
CREATE TABLE webhooks.message (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY CONSTRAINT message_pkey PRIMARY KEY,
    key        uuid        NOT NULL DEFAULT gen_random_uuid(),
    position   bigint,
    topic      text        NOT NULL,
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT message_position_once UNIQUE (position, topic)
);
CREATE INDEX message_created_at_idx ON webhooks.message (created_at);

-- The order in which the deliveries of a lane are sent. A replayed one gets a new place.
CREATE SEQUENCE webhooks.place;

-- A message for one webhook. tries: attempts since it was last queued; attempts: all. expires_at: after that there is no further attempt.
-- response_status to error: of the last attempt.
CREATE TABLE webhooks.delivery (
    id              bigint      NOT NULL GENERATED ALWAYS AS IDENTITY CONSTRAINT delivery_pkey PRIMARY KEY,
    webhook_id      bigint      NOT NULL CONSTRAINT delivery_webhook_id_exists REFERENCES webhooks.webhook ON DELETE CASCADE,
    message_id      bigint      NOT NULL CONSTRAINT delivery_message_id_exists REFERENCES webhooks.message ON DELETE CASCADE,
    topic           text        NOT NULL,
    status          text        NOT NULL DEFAULT 'pending' CONSTRAINT delivery_status_known CHECK (status IN ('pending', 'delivered', 'dead')),
    place           bigint      NOT NULL DEFAULT nextval('webhooks.place'),
    tries           integer     NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz DEFAULT now(),
    expires_at      timestamptz NOT NULL DEFAULT now() + interval '3 days',
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    duration_ms     integer,
    response_status integer,
    response_body   text,
    error           text,
    -- The foreign key to message is checked by this index too.
    CONSTRAINT delivery_message_id_once UNIQUE (message_id, webhook_id),
    CONSTRAINT delivery_next_attempt_at_known CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL))
);
-- The list and its filters.
CREATE INDEX delivery_webhook_id_idx ON webhooks.delivery (webhook_id, id);
CREATE INDEX delivery_status_idx ON webhooks.delivery (webhook_id, status, id);
CREATE INDEX delivery_topic_idx ON webhooks.delivery (webhook_id, topic, status, id);
-- The next one of a lane.
CREATE INDEX delivery_waiting_idx ON webhooks.delivery (webhook_id, topic, place) WHERE status = 'pending';

CREATE TABLE webhooks.attempt (
    delivery_id     bigint      NOT NULL CONSTRAINT attempt_delivery_id_exists REFERENCES webhooks.delivery ON DELETE CASCADE,
    number          integer     NOT NULL,
    started_at      timestamptz NOT NULL,
    duration_ms     integer     NOT NULL,
    response_status integer,
    response_body   text,
    error           text,
    CONSTRAINT attempt_pkey PRIMARY KEY (delivery_id, number)
);

-- A lane: the deliveries of one webhook and one topic, which are sent one after another. due_at: when a process may take it; null: nothing
-- waits. A process that has taken it moves that into the future again and again, so that another one takes it only when the
-- first has ended. owner: the process that has it. is_slow: its receiver has taken long lately.
CREATE TABLE webhooks.lane (
    webhook_id bigint      NOT NULL CONSTRAINT lane_webhook_id_exists REFERENCES webhooks.webhook ON DELETE CASCADE,
    topic      text        NOT NULL,
    due_at     timestamptz,
    owner      uuid,
    is_slow    boolean     NOT NULL DEFAULT false,
    CONSTRAINT lane_pkey PRIMARY KEY (webhook_id, topic)
) WITH (fillfactor = 70);
CREATE INDEX lane_due_at_idx ON webhooks.lane (is_slow, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX lane_owner_idx ON webhooks.lane (owner) WHERE owner IS NOT NULL;

-- At commit, when a document has all its parts. A change of a row that shows in its document is a new version; the sweeps of what is overdue
-- or expired change only the status.
CREATE CONSTRAINT TRIGGER client_announced AFTER INSERT OR DELETE ON books.client
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION webhooks.announce_client();
CREATE CONSTRAINT TRIGGER client_change_announced AFTER UPDATE ON books.client
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION webhooks.announce_client();
CREATE CONSTRAINT TRIGGER quote_announced AFTER INSERT OR DELETE ON books.quote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION webhooks.announce_quote();
CREATE CONSTRAINT TRIGGER quote_change_announced AFTER UPDATE ON books.quote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.version <> NEW.version OR OLD.status <> NEW.status) EXECUTE FUNCTION webhooks.announce_quote();
CREATE CONSTRAINT TRIGGER invoice_announced AFTER INSERT OR DELETE ON books.invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION webhooks.announce_invoice();
CREATE CONSTRAINT TRIGGER invoice_change_announced AFTER UPDATE ON books.invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.version <> NEW.version OR OLD.status <> NEW.status) EXECUTE FUNCTION webhooks.announce_invoice();
CREATE CONSTRAINT TRIGGER payment_announced AFTER INSERT OR UPDATE OR DELETE ON books.payment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION webhooks.announce_payment();
CREATE CONSTRAINT TRIGGER expense_announced AFTER INSERT OR DELETE ON books.expense
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION webhooks.announce_expense();
CREATE CONSTRAINT TRIGGER expense_change_announced AFTER UPDATE ON books.expense
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.version <> NEW.version OR OLD.status <> NEW.status) EXECUTE FUNCTION webhooks.announce_expense();
