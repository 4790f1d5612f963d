-- Invitations that wait to be accepted, at most one for each email address. Each becomes a row of `users`.
CREATE TABLE invitations (
    -- The id of the future user.
    id           TEXT NOT NULL PRIMARY KEY,
    -- The hash of the token in the emailed link.
    hash         BLOB NOT NULL UNIQUE,
    email        TEXT NOT NULL,
    -- The email address in lower case.
    address      TEXT NOT NULL UNIQUE,
    -- What the user starts with.
    name         TEXT NOT NULL,
    roles        TEXT NOT NULL,
    is_admin     BOOLEAN NOT NULL,
    metadata     TEXT NOT NULL,
    app_metadata TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    -- Who has sent it: 'user' for an administrator, or 'service_key', with the id. Null for an operator on
    -- the server itself.
    actor_kind   TEXT,
    actor_id     TEXT
);

CREATE INDEX invitations_created_at ON invitations (created_at, id);
CREATE INDEX invitations_expires_at ON invitations (expires_at);
