-- Ids are UUIDs as text; times are RFC 3339 in UTC, to the millisecond.

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL CHECK (length(email) <= 254),
    -- An Argon2id PHC string.
    password_hash TEXT    NOT NULL,
    is_active     BOOLEAN NOT NULL DEFAULT TRUE,
    is_admin      BOOLEAN NOT NULL DEFAULT FALSE,
    -- A random UUID. Changing it voids every token of the user at once.
    jwt_secret    TEXT    NOT NULL,
    date_joined   TEXT    NOT NULL,
    last_login    TEXT
);

-- Addresses are compared without case.
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE sessions (
    id           TEXT NOT NULL PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The id (jti) of the one refresh token that is good now.
    refresh_id   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    -- The session is over then, however often it is used; and sooner when it is not used.
    expires_at   TEXT NOT NULL,
    ip           TEXT NOT NULL,
    user_agent   TEXT NOT NULL
);

-- For a user's devices, and for those that nobody uses any more.
CREATE INDEX sessions_user ON sessions (user_id, last_used_at);

-- Refresh tokens that have been used within the grace time. One that is in neither table was
-- used longer ago.
CREATE TABLE retired_refresh_tokens (
    id         TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    retired_at TEXT NOT NULL
);

CREATE INDEX retired_refresh_tokens_session ON retired_refresh_tokens (session_id);
