-- Indexes that the analytics read. Functions: sql/dashboard/functions.sql.
-- Safe beside a running release: only indexes change. A running release has no statement that needs the order which goes. Building them
-- holds writers for a moment; there are few figures before the first release with dashboards has added them up.

-- The largest of a period first. Both columns of the order have one direction, so a page after a cursor is one range of the index, also
-- where thousands of clients have the same amount.
DROP INDEX IF EXISTS dashboard.share_amount_idx;
CREATE INDEX share_amount_idx ON dashboard.share (owner_id, category_type, period_type, period_start, amount, id) WHERE n > 0;

-- The accepted quotes of one client in a range of days; an owner's are counted in dashboard.period.
CREATE INDEX quote_accepted_idx ON books.quote (owner_id, client_id, issue_date) WHERE status = 'accepted';
