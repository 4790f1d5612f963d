-- Further authenticator apps of users whose second factor is on. The first one stays in `second_factors`, where the
-- version before looks for it.
CREATE TABLE authenticator_apps (
    id           TEXT NOT NULL PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Null if the user has given it no name.
    name         TEXT,
    -- The secret, encrypted.
    seed         BLOB NOT NULL,
    created_at   TEXT NOT NULL,
    last_used_at TEXT
);

CREATE INDEX authenticator_apps_user_id ON authenticator_apps (user_id);

-- The same about the first app. All are null for one that the version before has set up; then the user's id is its id.
ALTER TABLE second_factors ADD COLUMN app_id TEXT;
ALTER TABLE second_factors ADD COLUMN app_name TEXT;
ALTER TABLE second_factors ADD COLUMN app_created_at TEXT;
ALTER TABLE second_factors ADD COLUMN app_last_used_at TEXT;

-- The second factor was turned off, or on with another app: no other app is valid any more. That is a trigger because
-- the version before does the same and knows nothing of other apps. A secret that is encrypted again changes, too, but
-- never becomes that of the app that was being set up. A new first app comes with its own id, except from the version
-- before.
CREATE TRIGGER latchkey_forget_authenticator_apps AFTER UPDATE OF seed ON second_factors
WHEN OLD.seed IS NOT NULL AND NEW.seed IS NULL OR NEW.seed = OLD.new_seed AND NEW.new_seed IS NULL
BEGIN
    DELETE FROM authenticator_apps WHERE user_id = NEW.user_id;
    UPDATE second_factors SET app_id = NULL, app_name = NULL, app_created_at = NULL, app_last_used_at = NULL
    WHERE user_id = NEW.user_id AND NEW.app_id IS OLD.app_id;
END;
