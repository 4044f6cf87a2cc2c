-- Sales: indexes for the lists of the administration (handlers/sales/admin_*.py).
-- Safe beside a running release: creates indexes only. Writers of a table wait while its index is built: less than a second for a
-- million sessions, and next to nothing for the others.

-- Deleted invoices, newest first. There are few, and imports don't write into this index.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX invoice_deleted ON sales.invoice (id) WHERE NOT is_active;

-- Sessions of all kinds, of everybody and of one worker, newest first.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX session_created_all ON sales.session (created_at, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX session_worker_all ON sales.session (worker_id, created_at, id);

-- Customers by name; salesmen and names of created_by by a part of them.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX customer_name ON sales.customer (lower(name), id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX salesman_searched ON sales.salesman USING gin (lower(name) gin_trgm_ops);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX creator_searched ON sales.creator USING gin (lower(name) gin_trgm_ops);
