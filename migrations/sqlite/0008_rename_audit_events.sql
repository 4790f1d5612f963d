-- Names of audit events in standard terms. No row has a new name yet, so that the unique index on
-- (user_id, event, hour) stays satisfied.
UPDATE audit_events SET event = 'password_reset_requested' WHERE event = 'password_reset_asked';
UPDATE audit_events SET event = 'email_change_requested' WHERE event = 'email_change_asked';
