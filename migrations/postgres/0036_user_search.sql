-- Who has a role. Triggers keep it as `users.roles` says.
CREATE TABLE user_roles (
    role    TEXT COLLATE "C" NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    PRIMARY KEY (role, user_id)
);

CREATE INDEX user_roles_user ON user_roles (user_id);

CREATE FUNCTION latchkey_list_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_roles WHERE user_id = NEW.id;
    INSERT INTO user_roles (role, user_id)
    SELECT DISTINCT role, NEW.id FROM jsonb_array_elements_text(NEW.roles::jsonb) AS role
    WHERE role IS NOT NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER latchkey_list_roles_insert AFTER INSERT ON users
    FOR EACH ROW WHEN (NEW.roles <> '[]')
    EXECUTE FUNCTION latchkey_list_roles();

CREATE TRIGGER latchkey_list_roles_update AFTER UPDATE ON users
    FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles)
    EXECUTE FUNCTION latchkey_list_roles();

INSERT INTO user_roles (role, user_id)
SELECT DISTINCT role, id FROM users, jsonb_array_elements_text(roles::jsonb) AS role
WHERE roles <> '[]' AND role IS NOT NULL;

-- What searches look at: a line each for email address, name and id, with ASCII letters in lower case.
ALTER TABLE users ADD COLUMN search TEXT COLLATE "C" GENERATED ALWAYS AS (
    lower(email COLLATE "C") || E'\n' || lower(name COLLATE "C") || E'\n' || id::text
) STORED;

-- An index of trigrams finds texts within it. The extension belongs to PostgreSQL, but it may not be
-- installed, or the role may not create it: then searches read the whole table.
DO $$
DECLARE
    extension_schema TEXT;
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    SELECT nspname INTO extension_schema
    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm';
    EXECUTE format(
        'CREATE INDEX users_search ON users USING gin (search %I.gin_trgm_ops)', extension_schema);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'searches for users have no index: %', SQLERRM;
END $$;
