-- Snapshots: figures that an owner keeps. Functions: sql/dashboard/functions.sql.
-- Safe beside a running release: creates a new table only.

-- The figures of the period of this type that snapshot_date is in, as they were when the snapshot was stored. accepted: of its quotes.
CREATE TABLE dashboard.snapshot (
    owner_id              bigint        NOT NULL CONSTRAINT snapshot_owner_id_exists REFERENCES accounts.account ON DELETE CASCADE,
    id                    bigint        NOT NULL GENERATED ALWAYS AS IDENTITY,
    snapshot_date         date          NOT NULL,
    period_type           text          NOT NULL CONSTRAINT snapshot_period_type_known CHECK (period_type IN ('daily', 'weekly', 'monthly', 'quarterly', 'yearly')),
    total_revenue         numeric(22,2) NOT NULL,
    total_expenses        numeric(22,2) NOT NULL,
    outstanding_amount    numeric(22,2) NOT NULL,
    total_clients         bigint        NOT NULL,
    new_clients           bigint        NOT NULL,
    total_invoices        bigint        NOT NULL,
    total_quotes          bigint        NOT NULL,
    accepted              bigint        NOT NULL,
    total_expense_count   bigint        NOT NULL,
    reimbursable_expenses numeric(22,2) NOT NULL,
    created_at            timestamptz   NOT NULL DEFAULT now(),
    updated_at            timestamptz   NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, id),
    CONSTRAINT snapshot_snapshot_date_key UNIQUE (owner_id, period_type, snapshot_date)
);
-- The order of the list.
CREATE INDEX snapshot_snapshot_date_idx ON dashboard.snapshot (owner_id, snapshot_date, id);
