-- Servers drop a user from their cache when they are notified. Only changes of what the cache holds
-- are worth that: not a new password hash, nor an update that changes nothing.
DROP TRIGGER latchkey_tell_user ON users;

CREATE TRIGGER latchkey_tell_user_update AFTER UPDATE ON users
    FOR EACH ROW
    WHEN ((OLD.id, OLD.email, OLD.is_active, OLD.awaits_activation, OLD.is_admin, OLD.jwt_secret, OLD.date_joined,
           OLD.last_login, OLD.email_verified, OLD.otp_enabled)
        IS DISTINCT FROM
          (NEW.id, NEW.email, NEW.is_active, NEW.awaits_activation, NEW.is_admin, NEW.jwt_secret, NEW.date_joined,
           NEW.last_login, NEW.email_verified, NEW.otp_enabled))
    EXECUTE FUNCTION latchkey_tell_user();

CREATE TRIGGER latchkey_tell_user_delete AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION latchkey_tell_user();
