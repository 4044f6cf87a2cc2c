-- How the warehouse's sessions are written: one place for the answers of start, complete and cancel.
-- Safe beside a running release: creates new objects only.

-- A person's name, or the e-mail of one who has none (contracts/sales.md, 1: "full name").
CREATE FUNCTION accounts.full_name(a accounts.account) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(a.name, ''), a.email)
$$;

-- Minutes between two moments, to 2 decimals; null while the second has not come.
CREATE FUNCTION sales.minutes(since timestamptz, until timestamptz) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT round((extract(epoch FROM until - since) / 60)::numeric, 2)
$$;

-- Sessions as seed 001's clients know them (contracts/sales.md, 5). The name and e-mail of a person who isn't there are left out,
-- not null. Written out twice each: an expression without FROM is inlined, anything cleverer is planned anew on every call.
CREATE FUNCTION sales.picking_document(s sales.picking_session, invoice_no text, picker accounts.account) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN picker.id IS NULL THEN json_build_object(
        'id', s.id, 'invoice', s.invoice_id, 'invoice_no', invoice_no, 'picker', NULL,
        'start_time', core.iso(s.start_time), 'end_time', core.iso(s.end_time), 'picking_status', s.picking_status,
        'notes', s.notes, 'duration_minutes', sales.minutes(s.start_time, s.end_time), 'created_at', core.iso(s.created_at))
    ELSE json_build_object(
        'id', s.id, 'invoice', s.invoice_id, 'invoice_no', invoice_no, 'picker', picker.public_id,
        'picker_name', accounts.full_name(picker), 'picker_email', picker.email,
        'start_time', core.iso(s.start_time), 'end_time', core.iso(s.end_time), 'picking_status', s.picking_status,
        'notes', s.notes, 'duration_minutes', sales.minutes(s.start_time, s.end_time), 'created_at', core.iso(s.created_at))
    END
$$;

CREATE FUNCTION sales.packing_document(s sales.packing_session, invoice_no text, packer accounts.account) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN packer.id IS NULL THEN json_build_object(
        'id', s.id, 'invoice', s.invoice_id, 'invoice_no', invoice_no, 'packer', NULL,
        'start_time', core.iso(s.start_time), 'end_time', core.iso(s.end_time), 'packing_status', s.packing_status,
        'notes', s.notes, 'duration_minutes', sales.minutes(s.start_time, s.end_time), 'created_at', core.iso(s.created_at))
    ELSE json_build_object(
        'id', s.id, 'invoice', s.invoice_id, 'invoice_no', invoice_no, 'packer', packer.public_id,
        'packer_name', accounts.full_name(packer), 'packer_email', packer.email,
        'start_time', core.iso(s.start_time), 'end_time', core.iso(s.end_time), 'packing_status', s.packing_status,
        'notes', s.notes, 'duration_minutes', sales.minutes(s.start_time, s.end_time), 'created_at', core.iso(s.created_at))
    END
$$;

CREATE FUNCTION sales.delivery_document(s sales.delivery_session, invoice_no text, assigned accounts.account) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN assigned.id IS NULL THEN json_build_object(
        'id', s.id, 'invoice', s.invoice_id, 'invoice_no', invoice_no, 'delivery_type', s.delivery_type, 'assigned_to', NULL,
        'courier_name', s.courier_name, 'tracking_no', s.tracking_no,
        'start_time', core.iso(s.start_time), 'end_time', core.iso(s.end_time), 'delivery_status', s.delivery_status,
        'notes', s.notes, 'duration_minutes', sales.minutes(s.start_time, s.end_time), 'created_at', core.iso(s.created_at))
    ELSE json_build_object(
        'id', s.id, 'invoice', s.invoice_id, 'invoice_no', invoice_no, 'delivery_type', s.delivery_type,
        'assigned_to', assigned.public_id, 'assigned_to_name', accounts.full_name(assigned), 'assigned_to_email', assigned.email,
        'courier_name', s.courier_name, 'tracking_no', s.tracking_no,
        'start_time', core.iso(s.start_time), 'end_time', core.iso(s.end_time), 'delivery_status', s.delivery_status,
        'notes', s.notes, 'duration_minutes', sales.minutes(s.start_time, s.end_time), 'created_at', core.iso(s.created_at))
    END
$$;
