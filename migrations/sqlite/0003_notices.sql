-- Servers keep users in memory. Whatever changes one, a server or a person at SQLite's prompt, is
-- written down in the same transaction, for servers to see whom to forget.
CREATE TABLE user_changes (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL
);

CREATE TRIGGER tell_user_update AFTER UPDATE ON users BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
END;

CREATE TRIGGER tell_user_delete AFTER DELETE ON users BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
END;

-- A new session needs no notice: who does not know it asks.
CREATE TRIGGER tell_session_delete AFTER DELETE ON sessions BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.user_id);
END;

CREATE TRIGGER forget_changes AFTER INSERT ON user_changes BEGIN
    DELETE FROM user_changes WHERE seq <= NEW.seq - 10000;
END;
