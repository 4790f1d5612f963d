-- A user's profile. Roles are names in a JSON array, metadata are JSON objects; the user may change the
-- name and the first of the two objects.
ALTER TABLE users
    ADD COLUMN name         TEXT NOT NULL DEFAULT '',
    ADD COLUMN roles        TEXT NOT NULL DEFAULT '[]' CHECK (json_typeof(roles::json) = 'array'),
    ADD COLUMN metadata     TEXT NOT NULL DEFAULT '{}' CHECK (json_typeof(metadata::json) = 'object'),
    ADD COLUMN app_metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_typeof(app_metadata::json) = 'object'),
    -- Access tokens that were issued before this time, in seconds since 1970, may have roles that were
    -- taken away.
    ADD COLUMN roles_since  BIGINT NOT NULL DEFAULT 0;

ALTER TABLE registrations ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- The cache holds the new columns, too.
DROP TRIGGER latchkey_tell_user_update ON users;

CREATE TRIGGER latchkey_tell_user_update AFTER UPDATE ON users
    FOR EACH ROW
    WHEN ((OLD.id, OLD.email, OLD.is_active, OLD.is_admin, OLD.jwt_secret, OLD.date_joined, OLD.last_login,
           OLD.email_verified, OLD.otp_enabled, OLD.name, OLD.roles, OLD.metadata, OLD.roles_since)
        IS DISTINCT FROM
          (NEW.id, NEW.email, NEW.is_active, NEW.is_admin, NEW.jwt_secret, NEW.date_joined, NEW.last_login,
           NEW.email_verified, NEW.otp_enabled, NEW.name, NEW.roles, NEW.metadata, NEW.roles_since))
    EXECUTE FUNCTION latchkey_tell_user();

-- When a role is taken away, tokens that were issued up to this second are revoked. The next ones say that
-- they were issued in the next second, or still later if the same has just happened before: so no token
-- with a role that was taken away counts as issued after that.
CREATE FUNCTION latchkey_note_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT jsonb_array_elements_text(OLD.roles::jsonb)
        EXCEPT SELECT jsonb_array_elements_text(NEW.roles::jsonb)) THEN
        NEW.roles_since := greatest(floor(extract(epoch FROM clock_timestamp())), OLD.roles_since) + 1;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER latchkey_note_roles BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles)
    EXECUTE FUNCTION latchkey_note_roles();

CREATE FUNCTION latchkey_log_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revocations (user_id, issued_before) VALUES (NEW.id, NEW.roles_since);
    RETURN NULL;
END $$;

-- With another secret, all tokens are revoked anyway.
CREATE TRIGGER latchkey_log_roles AFTER UPDATE ON users
    FOR EACH ROW WHEN (OLD.roles_since < NEW.roles_since AND OLD.jwt_secret = NEW.jwt_secret)
    EXECUTE FUNCTION latchkey_log_roles();
