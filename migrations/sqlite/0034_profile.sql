-- A user's profile. Roles are names in a JSON array, metadata are JSON objects; the user may change the
-- name and the first of the two objects.
ALTER TABLE users ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN roles TEXT NOT NULL DEFAULT '[]' CHECK (json_type(roles) = 'array');
ALTER TABLE users ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_type(metadata) = 'object');
ALTER TABLE users ADD COLUMN app_metadata TEXT NOT NULL DEFAULT '{}'
    CHECK (json_type(app_metadata) = 'object');
-- Access tokens that were issued before this time, in seconds since 1970, may have roles that were taken
-- away.
ALTER TABLE users ADD COLUMN roles_since BIGINT NOT NULL DEFAULT 0;

ALTER TABLE registrations ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- The cache holds the new columns, too.
DROP TRIGGER tell_user_update;

CREATE TRIGGER tell_user_update AFTER UPDATE ON users
WHEN (OLD.id, OLD.email, OLD.is_active, OLD.is_admin, OLD.jwt_secret, OLD.date_joined, OLD.last_login,
      OLD.email_verified, OLD.otp_enabled, OLD.name, OLD.roles, OLD.metadata, OLD.roles_since)
    IS NOT
     (NEW.id, NEW.email, NEW.is_active, NEW.is_admin, NEW.jwt_secret, NEW.date_joined, NEW.last_login,
      NEW.email_verified, NEW.otp_enabled, NEW.name, NEW.roles, NEW.metadata, NEW.roles_since)
BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
END;

-- When a role is taken away, tokens that were issued up to this second are revoked. The next ones say that
-- they were issued in the next second, or still later if the same has just happened before: so no token
-- with a role that was taken away counts as issued after that.
CREATE TRIGGER note_roles AFTER UPDATE OF roles ON users
WHEN EXISTS (
    SELECT 1 FROM json_each(OLD.roles) AS former
    WHERE NOT EXISTS (SELECT 1 FROM json_each(NEW.roles) AS present WHERE present.value = former.value)
)
BEGIN
    UPDATE users SET roles_since = max(CAST(strftime('%s', 'now') AS INTEGER), OLD.roles_since) + 1
    WHERE id = NEW.id;
END;

CREATE TRIGGER log_roles AFTER UPDATE OF roles_since ON users
WHEN OLD.roles_since < NEW.roles_since
BEGIN
    INSERT INTO revocations (user_id, issued_before) VALUES (NEW.id, NEW.roles_since);
END;
