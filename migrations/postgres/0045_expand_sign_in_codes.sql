-- The codes that were emailed to sign in with, at most one for each user. A code works with the request that has
-- asked for it, and no other.
CREATE TABLE sign_in_codes (
    user_id    UUID NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- The hash of the random value that the request was answered with.
    flow_hash  BYTEA NOT NULL UNIQUE,
    -- A keyed hash of the code. Attempts at it are counted in `code_attempts`.
    code_hash  BYTEA NOT NULL,
    -- The email address that it was sent to, in lower case.
    address    TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX sign_in_codes_expires_at ON sign_in_codes (expires_at);

-- The same hash of a request for such a code.
ALTER TABLE mail_requests ADD COLUMN flow_hash BYTEA;

-- What a session was started with: 'email_code'. Null for the password.
ALTER TABLE sessions ADD COLUMN first_factor TEXT;

-- Devices on which a user signs in without a code of the authenticator app for a time.
CREATE TABLE trusted_devices (
    -- The hash of what identifies the device.
    hash       BYTEA NOT NULL PRIMARY KEY,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The session that the device has used last, which may have ended.
    session_id UUID NOT NULL,
    -- When the code was given.
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX trusted_devices_user_id ON trusted_devices (user_id);
CREATE INDEX trusted_devices_expires_at ON trusted_devices (expires_at);

-- When the second factor was completed on this device, if a session was started without a code of its own.
ALTER TABLE sessions ADD COLUMN trusted_since TIMESTAMPTZ;

-- The session that a link of the purpose 'session' ends, which may have ended.
ALTER TABLE mailed_tokens ADD COLUMN session_id UUID;
