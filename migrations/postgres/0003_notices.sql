-- Servers keep users in memory. Whatever changes one, a server or a person with psql, tells them all
-- in the same transaction.
CREATE FUNCTION latchkey_tell_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('latchkey_users', OLD.id::text);
    RETURN NULL;
END $$;

CREATE FUNCTION latchkey_tell_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('latchkey_users', OLD.user_id::text);
    RETURN NULL;
END $$;

CREATE FUNCTION latchkey_tell_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('latchkey_users', '*');
    RETURN NULL;
END $$;

CREATE TRIGGER latchkey_tell_user AFTER UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION latchkey_tell_user();
-- A new session needs no notice: who does not know it asks.
CREATE TRIGGER latchkey_tell_session AFTER DELETE ON sessions
    FOR EACH ROW EXECUTE FUNCTION latchkey_tell_session();
CREATE TRIGGER latchkey_tell_all_users AFTER TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION latchkey_tell_all();
CREATE TRIGGER latchkey_tell_all_sessions AFTER TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION latchkey_tell_all();
