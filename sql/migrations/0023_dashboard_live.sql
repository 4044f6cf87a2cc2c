-- Live figures: what an owner's counts were when the day began. Functions: sql/dashboard/functions.sql.
-- Safe beside a running release: creates a table and triggers. The triggers wait for a moment without writers of their tables, and a running
-- release goes on writing as before.
--
-- A live figure is shown with its change since the day began. For money the days' sums say what it is. A count (invoices that are open, clients
-- that are active) is only known as it is now, so the first change of a day keeps what it was before.

CREATE FUNCTION dashboard.total_opened() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';
CREATE FUNCTION dashboard.client_opened() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not defined''; END';

-- What a count was before the first change of the day. A row of an earlier day says nothing: there is no change since the present day began.
CREATE TABLE dashboard.opening (
    owner_id bigint NOT NULL CONSTRAINT opening_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    figure   text   NOT NULL CONSTRAINT opening_figure_known CHECK (figure IN ('pending', 'overdue', 'active_clients')),
    day      date   NOT NULL,
    value    bigint NOT NULL,
    PRIMARY KEY (owner_id, figure)
) WITH (fillfactor = 70);

-- The row of an owner is the first of the figures that a change writes, and this comes before it is written: all are still as they were. Of a
-- row that is inserted that is not said, as an insertion may turn out to be an update; but then there was nothing.
CREATE TRIGGER total_opened AFTER INSERT ON dashboard.total
    FOR EACH ROW EXECUTE FUNCTION dashboard.total_opened();
CREATE TRIGGER total_reopened BEFORE UPDATE OF changed_at ON dashboard.total
    FOR EACH ROW WHEN ((OLD.changed_at AT TIME ZONE 'UTC')::date < (NEW.changed_at AT TIME ZONE 'UTC')::date) EXECUTE FUNCTION dashboard.total_opened();
-- In the order of their names these come after the triggers that count the clients and that lock dashboard.total.
CREATE TRIGGER client_was_made AFTER INSERT ON books.client
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.client_opened();
CREATE TRIGGER client_was_changed AFTER UPDATE ON books.client
    REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION dashboard.client_opened();
CREATE TRIGGER client_was_deleted AFTER DELETE ON books.client
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION dashboard.client_opened();
