-- What the analytics read. Functions: sql/dashboard/functions.sql.
-- Safe beside a running release: a column that has its own value, and indexes. A running release has no statement that needs the index which
-- goes. The table of clients is written anew, and building the indexes holds writers: for a moment, as the figures come with this release and
-- are added up after the start; those of quotes for about a second where a million are accepted.

-- The largest of a period first. Both columns of the order have one direction, so a page after a cursor is one range of the index, also
-- where thousands of clients have the same amount.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX IF EXISTS dashboard.share_amount_idx;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX share_amount_idx ON dashboard.share (owner_id, category_type, period_type, period_start, amount, id) WHERE n > 0;

-- How likely it is that a client does not pay, by its score and its balance. A column of its own, because an index on an expression would be
-- written with each change of the balance, and this one only where the risk changes. One generated column can't name another, so the
-- score is worked out here too.
-- squawk-ignore adding-field-with-default
ALTER TABLE dashboard.client ADD COLUMN risk text NOT NULL GENERATED ALWAYS AS (CASE
    WHEN balance > 10000 OR (paid > 0 AND greatest(0, 100 - round(2.0 * late_days / paid, 2)) < 70) THEN 'high'
    WHEN balance > 5000 OR (paid > 0 AND greatest(0, 100 - round(2.0 * late_days / paid, 2)) < 85) THEN 'medium'
    ELSE 'low' END) STORED;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX client_risk_idx ON dashboard.client (owner_id, risk, client_id) WHERE risk <> 'low';

-- The accepted quotes of one client in a range of days; an owner's are counted in dashboard.period.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX quote_accepted_idx ON books.quote (owner_id, client_id, issue_date) WHERE status = 'accepted';
