-- Keys with which other services call the API. Only a hash of each is stored; scopes are separated by
-- spaces. The last use is written now and then only.
CREATE TABLE service_keys (
    id           UUID  NOT NULL PRIMARY KEY,
    name         TEXT  NOT NULL,
    hash         BYTEA NOT NULL,
    scopes       TEXT  NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ
);

-- Servers cache these keys as they cache users, and are notified in the same way. A new key needs no
-- notice: no server has cached that it does not exist.
CREATE TRIGGER latchkey_tell_service_key_update AFTER UPDATE ON service_keys
    FOR EACH ROW
    WHEN ((OLD.id, OLD.hash, OLD.scopes, OLD.expires_at)
        IS DISTINCT FROM (NEW.id, NEW.hash, NEW.scopes, NEW.expires_at))
    EXECUTE FUNCTION latchkey_tell_user();

CREATE TRIGGER latchkey_tell_service_key_delete AFTER DELETE ON service_keys
    FOR EACH ROW EXECUTE FUNCTION latchkey_tell_user();

CREATE TRIGGER latchkey_tell_all_service_keys AFTER TRUNCATE ON service_keys
    FOR EACH STATEMENT EXECUTE FUNCTION latchkey_tell_all();
