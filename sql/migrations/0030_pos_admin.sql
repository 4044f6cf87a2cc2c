-- Shop: indexes for the lists of the administration (handlers/pos/admin_*.py).
-- Safe beside a running release: creates indexes only. Writers of a table wait while its index is built, about half a second for a million
-- orders or entries. 0034 removes the indexes that two of these replace.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX supplier_name ON pos.supplier (lower(name), id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX supplier_searched ON pos.supplier
    USING gin (pos.folded(name || ' ' || contact_person || ' ' || rfc || ' ' || phone_number) gin_trgm_ops);

-- Customers who are frequent, newest first. None on the debt, which each charge and payment changes.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX customer_frequent ON pos.customer (is_frequent, id) WHERE is_active;

-- Products of a supplier, newest first.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX product_of_supplier ON pos.product (supplier_id, id);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX promotion_searched ON pos.promotion USING gin (pos.folded(name) gin_trgm_ops);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX promotion_active ON pos.promotion (is_active, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX promotion_audience ON pos.promotion (target_audience, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX promotion_begins ON pos.promotion (start_date, id);

-- Orders in a state, or paid in a way, newest first; and those of a seller.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX shop_order_status ON pos.shop_order (status, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX shop_order_method ON pos.shop_order (payment_method, id) WHERE payment_method IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX shop_order_of_seller ON pos.shop_order (seller_id, id) WHERE seller_id IS NOT NULL;

-- Entries of one type, newest first.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX point_entry_type ON pos.point_entry (transaction_type, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX credit_entry_type ON pos.credit_entry (transaction_type, id);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX chatbot_user_searched ON pos.chatbot_user USING gin (pos.folded(name || ' ' || mobile_number) gin_trgm_ops);
