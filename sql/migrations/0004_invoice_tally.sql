-- How many invoices there are, by status and by where they lie, without counting them: the list's exact `count`, and
-- the way to page 40,000 that does not walk over the 39,999 before it.
-- Safe beside a running release: new objects, and a trigger on sales.invoice (a brief lock); existing rows are counted.

-- level 0: all invoices (bucket 0); level 3: 16,384 ids a bucket (id >> 14); level 2: 1,024 (id >> 10); level 1: 64 (id >> 6).
CREATE TABLE sales.invoice_tally (
    level  smallint NOT NULL,
    bucket bigint   NOT NULL,
    status text     NOT NULL,
    n      integer  NOT NULL,   -- sums of integers are bigints, quick to add up; those of bigints would be numeric
    PRIMARY KEY (level, bucket, status)
) WITH (fillfactor = 50);   -- room beside each row for its next version, so that counting adds no index entries

-- What happened since the last fold, one row a change, inserted only: two imports never wait for each other, as they
-- would at a counter row. No index: it is emptied every second.
CREATE TABLE sales.invoice_change (
    bucket bigint   NOT NULL,   -- of level 1
    status text     NOT NULL,
    n      smallint NOT NULL    -- +1 came, -1 went
);

CREATE FUNCTION sales.note_invoice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO sales.invoice_change (bucket, status, n) VALUES (OLD.id >> 6, OLD.status, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO sales.invoice_change (bucket, status, n) VALUES (NEW.id >> 6, NEW.status, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoice_counted AFTER INSERT OR DELETE ON sales.invoice
    FOR EACH ROW EXECUTE FUNCTION sales.note_invoice_change();
CREATE TRIGGER invoice_recounted AFTER UPDATE OF id, status ON sales.invoice
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.status <> NEW.status) EXECUTE FUNCTION sales.note_invoice_change();

CREATE FUNCTION sales.note_no_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sales.invoice_change;
    DELETE FROM sales.invoice_tally;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_truncated AFTER TRUNCATE ON sales.invoice
    FOR EACH STATEMENT EXECUTE FUNCTION sales.note_no_invoices();

-- Moves the changes into the tally and returns how many there were; 0 too when another process is at it. A reader adds
-- both tables in one statement, so it sees every change in exactly one of them.
CREATE FUNCTION sales.fold_invoice_changes() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    folded bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM sales.invoice_change)
       AND pg_try_advisory_xact_lock('sales.invoice_tally'::regclass::oid::bigint) THEN
        WITH taken AS (
            DELETE FROM sales.invoice_change RETURNING bucket, status, n
        ), written AS (
            INSERT INTO sales.invoice_tally (level, bucket, status, n)
            SELECT level, bucket >> shift, status, sum(n)
              FROM taken CROSS JOIN (VALUES (0, 62), (1, 0), (2, 4), (3, 8)) AS levels (level, shift)
             GROUP BY 1, 2, 3
            ON CONFLICT (level, bucket, status) DO UPDATE SET n = invoice_tally.n + EXCLUDED.n
        )
        SELECT count(*) INTO folded FROM taken;
    END IF;
    RETURN folded;
END $$;

INSERT INTO sales.invoice_tally (level, bucket, status, n)
SELECT level, id >> shift, status, count(*)
  FROM sales.invoice CROSS JOIN (VALUES (0, 62), (1, 6), (2, 10), (3, 14)) AS levels (level, shift)
 GROUP BY 1, 2, 3;
