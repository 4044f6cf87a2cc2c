-- Functions of the shop's point of sale. This file is applied whenever its text has changed (core/data/migrations.py).
-- Tables and triggers: sql/migrations/0005_pos.sql.
--
-- Triggers on pos.point_entry and pos.credit_entry
--   point_entry_added,   after an insert               adds the amount to the customer's balance; of a charge to the debt, and takes a
--   credit_entry_added                                 payment from it
--   point_entry_kept,    before an update or delete    refuses it: a ledger only grows
--   credit_entry_kept
-- Triggers on pos.customer
--   customer_balances_kept, customer_starts_empty      refuse every change of a balance that no ledger's trigger makes
--
-- Amounts: numeric. `zone` is the setting BUSINESS_TIMEZONE, by which a day begins and ends.

-- Documents write money as text with two decimals.
CREATE OR REPLACE FUNCTION pos.money(amount numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(amount, 2)::text
$$;

-- The present day of the shop.
CREATE OR REPLACE FUNCTION pos.today(zone text) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (now() AT TIME ZONE zone)::date
$$;

-- The percentage that a tax_rate stands for. docs/api/pos.md#products
CREATE OR REPLACE FUNCTION pos.tax_percent(tax_rate text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE tax_rate WHEN '16.00' THEN 16 WHEN '0.16' THEN 16 WHEN '8.00' THEN 8 WHEN '0.08' THEN 8 ELSE 0 END::numeric
$$;

CREATE OR REPLACE FUNCTION pos.keep_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the entries of a ledger are never changed or deleted';
END $$;

CREATE OR REPLACE FUNCTION pos.add_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pos.customer SET current_points = current_points + NEW.amount WHERE id = NEW.customer_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION pos.add_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pos.customer
       SET credit_used = credit_used + CASE NEW.transaction_type WHEN 'CHARGE' THEN NEW.amount ELSE -NEW.amount END
     WHERE id = NEW.customer_id;
    RETURN NULL;
END $$;

-- A ledger's trigger is the first level, this one the second.
CREATE OR REPLACE FUNCTION pos.keep_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a balance is the sum of its ledger';
    END IF;
    RETURN NEW;
END $$;

-- A supplier.
CREATE OR REPLACE FUNCTION pos.supplier_document(s pos.supplier) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', s.id, 'name', s.name, 'phone_number', s.phone_number, 'contact_person', s.contact_person, 'rfc', s.rfc,
        'tax_address', s.tax_address)
$$;
