-- Further authenticator apps of users whose second factor is on. The first one stays in `second_factors`, where the
-- version before looks for it.
CREATE TABLE authenticator_apps (
    id           UUID  NOT NULL PRIMARY KEY,
    user_id      UUID  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Null if the user has given it no name.
    name         TEXT,
    -- The secret, encrypted.
    seed         BYTEA NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ
);

CREATE INDEX authenticator_apps_user_id ON authenticator_apps (user_id);

-- The same about the first app. All are null for one that the version before has set up; then the user's id is its id.
ALTER TABLE second_factors ADD COLUMN app_id UUID;
ALTER TABLE second_factors ADD COLUMN app_name TEXT;
ALTER TABLE second_factors ADD COLUMN app_created_at TIMESTAMPTZ;
ALTER TABLE second_factors ADD COLUMN app_last_used_at TIMESTAMPTZ;

-- The second factor was turned off, or on with another app: no other app is valid any more. That is a trigger because
-- the version before does the same and knows nothing of other apps. A secret that is encrypted again changes, too, but
-- never becomes that of the app that was being set up. A new first app comes with its own id, except from the version
-- before.
CREATE FUNCTION latchkey_forget_authenticator_apps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM authenticator_apps WHERE user_id = NEW.user_id;
    UPDATE second_factors SET app_id = NULL, app_name = NULL, app_created_at = NULL, app_last_used_at = NULL
    WHERE user_id = NEW.user_id AND NEW.app_id IS NOT DISTINCT FROM OLD.app_id;
    RETURN NULL;
END $$;

CREATE TRIGGER latchkey_forget_authenticator_apps AFTER UPDATE OF seed ON second_factors
    FOR EACH ROW
    WHEN (OLD.seed IS NOT NULL AND NEW.seed IS NULL OR NEW.seed = OLD.new_seed AND NEW.new_seed IS NULL)
    EXECUTE FUNCTION latchkey_forget_authenticator_apps();
