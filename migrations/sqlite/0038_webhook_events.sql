-- Triggers write what webhooks report, in the transaction of the change itself, so that no path is missed: no
-- command, no cleanup, and no change by hand. Without an active webhook they write nothing. A refresh of
-- tokens fires none of them.

-- A user as webhooks report it.
CREATE VIEW webhook_users AS
SELECT id, json_object(
    'id', id, 'email', email, 'name', name, 'roles', roles,
    'is_active', json(CASE WHEN is_active THEN 'true' ELSE 'false' END),
    'is_admin', json(CASE WHEN is_admin THEN 'true' ELSE 'false' END),
    'email_verified', json(CASE WHEN email_verified THEN 'true' ELSE 'false' END),
    'otp_enabled', json(CASE WHEN otp_enabled THEN 'true' ELSE 'false' END),
    'date_joined', date_joined, 'last_login', last_login,
    'metadata', metadata, 'app_metadata', app_metadata
) AS data
FROM users;

-- What is inserted here is reported to all active webhooks that want it. An event that follows one that is
-- waiting for its next attempt waits with it.
CREATE VIEW webhook_events AS SELECT event, user_id, session_id FROM webhook_deliveries;

CREATE TRIGGER report_webhook_event INSTEAD OF INSERT ON webhook_events BEGIN
    INSERT INTO webhook_deliveries (id, webhook_id, user_id, session_id, event, user_data, due_at)
    SELECT
        lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
            || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-'
            || hex(randomblob(6))),
        webhooks.id, NEW.user_id, NEW.session_id, NEW.event, webhook_users.data,
        COALESCE(
            (SELECT due_at FROM webhook_deliveries AS earlier
            WHERE earlier.webhook_id = webhooks.id AND earlier.user_id = NEW.user_id
                AND earlier.status = 'pending'
            ORDER BY seq DESC LIMIT 1),
            '1970-01-01T00:00:00.000Z')
    FROM webhooks JOIN webhook_users ON webhook_users.id = NEW.user_id
    WHERE webhooks.is_active AND instr(' ' || webhooks.events || ' ', ' ' || NEW.event || ' ') > 0;
END;

CREATE TRIGGER report_user_insert AFTER INSERT ON users
WHEN EXISTS (SELECT 1 FROM webhooks WHERE is_active)
BEGIN
    INSERT INTO webhook_events (event, user_id) VALUES ('user.created', NEW.id);
    INSERT INTO webhook_events (event, user_id)
    SELECT 'user.verified', NEW.id WHERE NEW.email_verified;
END;

-- A sign-in that renews the hash of a password leaves the user's secret; another password replaces it. A
-- second factor that is turned on ends the sessions that have not completed it.
CREATE TRIGGER report_user_update AFTER UPDATE OF email, name, roles, is_active, is_admin, metadata,
    app_metadata, email_verified, otp_enabled, jwt_secret ON users
WHEN EXISTS (SELECT 1 FROM webhooks WHERE is_active)
BEGIN
    INSERT INTO webhook_events (event, user_id)
    SELECT 'user.updated', NEW.id
    WHERE (OLD.email, OLD.name, OLD.roles, OLD.is_active, OLD.is_admin, OLD.metadata, OLD.app_metadata)
        IS NOT (NEW.email, NEW.name, NEW.roles, NEW.is_active, NEW.is_admin, NEW.metadata, NEW.app_metadata);
    INSERT INTO webhook_events (event, user_id)
    SELECT 'user.verified', NEW.id WHERE NEW.email_verified AND NOT OLD.email_verified;
    INSERT INTO webhook_events (event, user_id)
    SELECT 'password.changed', NEW.id
    WHERE OLD.password_hash <> NEW.password_hash AND OLD.jwt_secret <> NEW.jwt_secret;
    INSERT INTO webhook_events (event, user_id)
    SELECT 'otp.enabled', NEW.id WHERE NEW.otp_enabled AND NOT OLD.otp_enabled;
    INSERT INTO webhook_events (event, user_id)
    SELECT 'otp.disabled', NEW.id WHERE OLD.otp_enabled AND NOT NEW.otp_enabled;
    INSERT INTO webhook_events (event, user_id, session_id)
    SELECT 'session.ended', NEW.id, id FROM sessions
    WHERE user_id = NEW.id AND NOT second_factor AND NEW.otp_enabled AND NOT OLD.otp_enabled;
END;

-- Before, while there still is a row to report.
CREATE TRIGGER report_user_delete BEFORE DELETE ON users
WHEN EXISTS (SELECT 1 FROM webhooks WHERE is_active)
BEGIN
    INSERT INTO webhook_events (event, user_id) VALUES ('user.deleted', OLD.id);
END;

-- What has been reported about a deleted user is forgotten.
CREATE TRIGGER forget_webhook_deliveries AFTER DELETE ON users BEGIN
    DELETE FROM webhook_deliveries WHERE user_id = OLD.id AND status <> 'pending';
END;

-- A session that lacks the second factor is none yet. The sessions of a deleted user go with the user.
CREATE TRIGGER report_session_insert AFTER INSERT ON sessions
WHEN EXISTS (SELECT 1 FROM webhooks WHERE is_active)
BEGIN
    INSERT INTO webhook_events (event, user_id, session_id)
    SELECT 'session.created', id, NEW.id FROM users
    WHERE id = NEW.user_id AND (NEW.second_factor OR NOT otp_enabled);
END;

CREATE TRIGGER report_session_completion AFTER UPDATE OF second_factor ON sessions
WHEN NEW.second_factor AND NOT OLD.second_factor AND EXISTS (SELECT 1 FROM webhooks WHERE is_active)
BEGIN
    INSERT INTO webhook_events (event, user_id, session_id)
    SELECT 'session.created', id, NEW.id FROM users WHERE id = NEW.user_id AND otp_enabled;
END;

CREATE TRIGGER report_session_delete AFTER DELETE ON sessions
WHEN EXISTS (SELECT 1 FROM webhooks WHERE is_active)
BEGIN
    INSERT INTO webhook_events (event, user_id, session_id)
    SELECT 'session.ended', id, OLD.id FROM users
    WHERE id = OLD.user_id AND (OLD.second_factor OR NOT otp_enabled);
END;
