-- The passkeys of users (WebAuthn credentials).
CREATE TABLE passkeys (
    id              TEXT    NOT NULL PRIMARY KEY,
    user_id         TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The id that the authenticator has chosen. No two users have the same.
    credential_id   BLOB    NOT NULL UNIQUE,
    -- The public key, and what else verifies its signatures, as JSON of webauthn-rs.
    credential      TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    -- How often the authenticator says to have used it; 0 if it does not count.
    sign_count      BIGINT  NOT NULL,
    -- Whether it can be copied to other devices, and whether it has been.
    backup_eligible BOOLEAN NOT NULL,
    backed_up       BOOLEAN NOT NULL,
    created_at      TEXT    NOT NULL,
    last_used_at    TEXT
);

CREATE INDEX passkeys_user_id ON passkeys (user_id);

-- Challenges that were signed by a passkey. Each works once.
CREATE TABLE used_passkey_challenges (
    challenge    BLOB NOT NULL PRIMARY KEY,
    forgotten_at TEXT NOT NULL
);

CREATE INDEX used_passkey_challenges_forgotten_at ON used_passkey_challenges (forgotten_at);

-- The passkey that has started a session or proved the user again, which may be gone since; and whether it can
-- be copied to other devices. Null without one. Such a session has completed the second factor.
ALTER TABLE sessions ADD COLUMN passkey_id TEXT;
ALTER TABLE sessions ADD COLUMN passkey_synced BOOLEAN;
