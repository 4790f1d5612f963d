-- INSERT OR REPLACE, as a person may write it at SQLite's prompt, removes the rows that are in its way
-- without a trigger.
CREATE TRIGGER tell_user_replacement BEFORE INSERT ON users BEGIN
    INSERT INTO user_changes (user_id)
    SELECT id FROM users WHERE id = NEW.id OR lower(email) = lower(NEW.email);
END;
