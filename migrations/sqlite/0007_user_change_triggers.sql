-- Servers drop a user from their cache when its id is added to `user_changes`. Only changes of what
-- the cache holds are worth that: not a new password hash, nor an update that changes nothing.
DROP TRIGGER tell_user_update;

CREATE TRIGGER tell_user_update AFTER UPDATE ON users
WHEN (OLD.id, OLD.email, OLD.is_active, OLD.awaits_activation, OLD.is_admin, OLD.jwt_secret, OLD.date_joined,
      OLD.last_login, OLD.email_verified, OLD.otp_enabled)
    IS NOT
     (NEW.id, NEW.email, NEW.is_active, NEW.awaits_activation, NEW.is_admin, NEW.jwt_secret, NEW.date_joined,
      NEW.last_login, NEW.email_verified, NEW.otp_enabled)
BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
END;
