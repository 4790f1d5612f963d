-- Keys with which other services call the API. Only a hash of each is stored; scopes are separated by
-- spaces. The last use is written now and then only.
CREATE TABLE service_keys (
    id           TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL,
    scopes       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    last_used_at TEXT
);

-- Servers cache these keys as they cache users, and see in the same way which of them have changed. A
-- new key needs no notice: no server has cached that it does not exist.
CREATE TRIGGER tell_service_key_update AFTER UPDATE ON service_keys
WHEN (OLD.id, OLD.hash, OLD.scopes, OLD.expires_at)
    IS NOT (NEW.id, NEW.hash, NEW.scopes, NEW.expires_at)
BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
END;

CREATE TRIGGER tell_service_key_delete AFTER DELETE ON service_keys BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
END;

-- INSERT OR REPLACE removes the row that is in its way without a trigger.
CREATE TRIGGER tell_service_key_replacement BEFORE INSERT ON service_keys BEGIN
    INSERT INTO user_changes (user_id) SELECT id FROM service_keys WHERE id = NEW.id;
END;
