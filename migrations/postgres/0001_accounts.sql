CREATE TABLE users (
    id            UUID        NOT NULL PRIMARY KEY,
    email         TEXT        NOT NULL CHECK (length(email) <= 254),
    -- An Argon2id PHC string.
    password_hash TEXT        NOT NULL,
    is_active     BOOLEAN     NOT NULL DEFAULT TRUE,
    is_admin      BOOLEAN     NOT NULL DEFAULT FALSE,
    -- Random. Changing it voids every token of the user at once.
    jwt_secret    UUID        NOT NULL,
    date_joined   TIMESTAMPTZ NOT NULL,
    last_login    TIMESTAMPTZ
);

-- Addresses are compared without case.
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE sessions (
    id           UUID        NOT NULL PRIMARY KEY,
    user_id      UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The id (jti) of the one refresh token that is good now.
    refresh_id   UUID        NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    -- The session is over then, however often it is used; and sooner when it is not used.
    expires_at   TIMESTAMPTZ NOT NULL,
    ip           TEXT        NOT NULL,
    user_agent   TEXT        NOT NULL
);

-- For a user's devices, and for those that nobody uses any more.
CREATE INDEX sessions_user ON sessions (user_id, last_used_at);

-- Refresh tokens that have been used within the grace time. One that is in neither table was
-- used longer ago.
CREATE TABLE retired_refresh_tokens (
    id         UUID        NOT NULL PRIMARY KEY,
    session_id UUID        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    retired_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX retired_refresh_tokens_session ON retired_refresh_tokens (session_id);
