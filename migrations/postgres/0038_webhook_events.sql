-- Triggers write what webhooks report, in the transaction of the change itself, so that no path is missed: no
-- command, no cleanup, and no change by hand. Without an active webhook they write nothing. A refresh of
-- tokens fires none of them.

-- Reports an event to all active webhooks that want it. One that follows one that is waiting for its next
-- attempt waits with it.
CREATE FUNCTION latchkey_report(reported TEXT, about users, session UUID) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_deliveries (id, webhook_id, user_id, session_id, event, user_data, due_at)
    SELECT gen_random_uuid(), webhooks.id, about.id, session, reported,
        json_build_object(
            'id', about.id, 'email', about.email, 'name', about.name, 'roles', about.roles,
            'is_active', about.is_active, 'is_admin', about.is_admin,
            'email_verified', about.email_verified, 'otp_enabled', about.otp_enabled,
            'date_joined', to_char(about.date_joined AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'last_login', to_char(about.last_login AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'metadata', about.metadata, 'app_metadata', about.app_metadata
        )::text,
        COALESCE(
            (SELECT due_at FROM webhook_deliveries AS earlier
            WHERE earlier.webhook_id = webhooks.id AND earlier.user_id = about.id
                AND earlier.status = 'pending'
            ORDER BY seq DESC LIMIT 1),
            '1970-01-01T00:00:00Z')
    FROM webhooks
    WHERE webhooks.is_active AND strpos(' ' || webhooks.events || ' ', ' ' || reported || ' ') > 0;
END $$;

-- A sign-in that renews the hash of a password leaves the user's secret; another password replaces it. A
-- second factor that is turned on ends the sessions that have not completed it.
CREATE FUNCTION latchkey_report_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks WHERE is_active) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM latchkey_report('user.created', NEW, NULL);
        IF NEW.email_verified THEN
            PERFORM latchkey_report('user.verified', NEW, NULL);
        END IF;
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM latchkey_report('user.deleted', OLD, NULL);
        RETURN NULL;
    END IF;
    IF (OLD.email, OLD.name, OLD.roles, OLD.is_active, OLD.is_admin, OLD.metadata, OLD.app_metadata)
        IS DISTINCT FROM
       (NEW.email, NEW.name, NEW.roles, NEW.is_active, NEW.is_admin, NEW.metadata, NEW.app_metadata) THEN
        PERFORM latchkey_report('user.updated', NEW, NULL);
    END IF;
    IF NEW.email_verified AND NOT OLD.email_verified THEN
        PERFORM latchkey_report('user.verified', NEW, NULL);
    END IF;
    IF OLD.password_hash <> NEW.password_hash AND OLD.jwt_secret <> NEW.jwt_secret THEN
        PERFORM latchkey_report('password.changed', NEW, NULL);
    END IF;
    IF NEW.otp_enabled AND NOT OLD.otp_enabled THEN
        PERFORM latchkey_report('otp.enabled', NEW, NULL);
        PERFORM latchkey_report('session.ended', NEW, id) FROM sessions
            WHERE user_id = NEW.id AND NOT second_factor;
    ELSIF OLD.otp_enabled AND NOT NEW.otp_enabled THEN
        PERFORM latchkey_report('otp.disabled', NEW, NULL);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER latchkey_report_user_insert AFTER INSERT ON users
    FOR EACH ROW EXECUTE FUNCTION latchkey_report_user();

CREATE TRIGGER latchkey_report_user_update AFTER UPDATE OF email, name, roles, is_active, is_admin, metadata,
    app_metadata, email_verified, otp_enabled, jwt_secret ON users
    FOR EACH ROW EXECUTE FUNCTION latchkey_report_user();

CREATE TRIGGER latchkey_report_user_delete AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION latchkey_report_user();

-- What has been reported about a deleted user is forgotten.
CREATE FUNCTION latchkey_forget_webhook_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM webhook_deliveries WHERE user_id = OLD.id AND status <> 'pending';
    RETURN NULL;
END $$;

CREATE TRIGGER latchkey_forget_webhook_deliveries AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION latchkey_forget_webhook_deliveries();

-- A session that lacks the second factor is none yet. The sessions of a deleted user go with the user.
CREATE FUNCTION latchkey_report_session() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about users;
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks WHERE is_active) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO about FROM users WHERE id = COALESCE(NEW.user_id, OLD.user_id);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.second_factor OR NOT about.otp_enabled THEN
            PERFORM latchkey_report('session.created', about, NEW.id);
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.second_factor OR NOT about.otp_enabled THEN
            PERFORM latchkey_report('session.ended', about, OLD.id);
        END IF;
    ELSIF about.otp_enabled THEN
        PERFORM latchkey_report('session.created', about, NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER latchkey_report_session_insert AFTER INSERT ON sessions
    FOR EACH ROW EXECUTE FUNCTION latchkey_report_session();

CREATE TRIGGER latchkey_report_session_completion AFTER UPDATE OF second_factor ON sessions
    FOR EACH ROW WHEN (NEW.second_factor AND NOT OLD.second_factor)
    EXECUTE FUNCTION latchkey_report_session();

CREATE TRIGGER latchkey_report_session_delete AFTER DELETE ON sessions
    FOR EACH ROW EXECUTE FUNCTION latchkey_report_session();
