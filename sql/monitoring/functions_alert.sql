-- Alerts: raising, ending and acknowledging them. docs/api/monitoring.md#alerts
-- The area's triggers are listed in functions.sql.

CREATE OR REPLACE FUNCTION monitoring.alert_document(a monitoring.alert) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'id', a.id, 'alert_type', a.alert_type, 'alert_type_display', monitoring.display(a.alert_type),
        'severity', a.severity, 'severity_display', monitoring.display(a.severity), 'title', a.title, 'message', a.message,
        'task_execution', a.execution_id, 'triggered_at', core.iso(a.triggered_at), 'acknowledged_at', core.iso(a.acknowledged_at),
        'acknowledged_by', a.acknowledged_by, 'resolved_at', core.iso(a.resolved_at), 'is_resolved', a.resolved_at IS NOT NULL,
        'metadata', a.metadata, 'notification_sent', a.notification_sent)
$$;

-- The event is committed with the alert, so that a reader of the log hears of each one.
CREATE OR REPLACE FUNCTION monitoring.alert_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (topic, payload, tags)
    VALUES ('monitoring.alert', json_build_object('account_id', NEW.account_id, 'alert', monitoring.alert_document(NEW))::text,
            ARRAY[CASE WHEN NEW.account_id IS NULL THEN 'administrators' ELSE 'account:' || NEW.account_id END]);
    RETURN NULL;
END $$;

-- Raises an alert by itself, unless one about the same subject is unresolved.
CREATE OR REPLACE FUNCTION monitoring.raise_alert(
    account bigint, its_type text, its_severity text, its_subject text, its_title text, its_message text, its_metadata jsonb,
    execution bigint DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO monitoring.alert (account_id, alert_type, severity, subject, title, message, metadata, execution_id, notification_sent)
    VALUES (account, its_type, its_severity, its_subject, left(its_title, 255), its_message, its_metadata, execution, true)
        ON CONFLICT (account_id, alert_type, subject) WHERE resolved_at IS NULL AND subject IS NOT NULL DO NOTHING
$$;

-- Ends the alerts that the server has raised about a subject.
CREATE OR REPLACE FUNCTION monitoring.end_alert(account bigint, its_type text, its_subject text) RETURNS void LANGUAGE sql AS $$
    UPDATE monitoring.alert a SET resolved_at = now(), version = a.version + 1
     WHERE a.account_id = account AND a.alert_type = its_type AND a.subject = its_subject AND a.resolved_at IS NULL
        OR account IS NULL AND a.account_id IS NULL AND a.alert_type = its_type AND a.subject = its_subject AND a.resolved_at IS NULL
$$;

-- Acknowledges an alert that the account may see, once: the first to do so stays. No row: there is no such alert for the account.
CREATE OR REPLACE FUNCTION monitoring.acknowledge_alert(account bigint, is_admin boolean, alert bigint, actor jsonb)
RETURNS TABLE (document json, etag text) LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
DECLARE
    before monitoring.alert;
    after  monitoring.alert;
BEGIN
    SELECT * INTO before FROM monitoring.alert a WHERE a.id = alert AND (is_admin OR a.account_id = account) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    after := before;
    IF before.acknowledged_at IS NULL THEN
        UPDATE monitoring.alert a SET acknowledged_at = now(), acknowledged_by = account, version = a.version + 1
         WHERE a.id = alert RETURNING * INTO after;
        PERFORM operations.note(actor, 'alert.acknowledge', 'alert', alert::text, NULL, jsonb_build_object('acknowledged_by', account));
    END IF;
    RETURN QUERY SELECT monitoring.alert_document(after), books.etag(after.version);
END $$;
