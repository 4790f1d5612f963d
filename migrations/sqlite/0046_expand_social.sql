-- Accounts at other providers that users sign in with, at most one of each issuer for each user.
CREATE TABLE identities (
    id           TEXT NOT NULL PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The name of the provider in the settings when it was linked.
    provider     TEXT NOT NULL,
    -- Together they name the account for good; its email address does not.
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    -- The email address that the provider named last, to tell accounts apart.
    email        TEXT,
    created_at   TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    UNIQUE (issuer, subject),
    UNIQUE (user_id, issuer)
);

-- What is used once on the way to a provider and back. The values themselves are in URLs only.
CREATE TABLE social_tickets (
    hash        BLOB NOT NULL PRIMARY KEY,
    -- 'link' begins to link an account, 'state' comes back from the provider, 'code' signs in.
    kind        TEXT NOT NULL,
    -- The hash of the secret in a cookie of the browser that it belongs to.
    browser     BLOB NOT NULL,
    provider    TEXT NOT NULL,
    -- The user and the session that link an account, or the user who signs in.
    user_id     TEXT REFERENCES users (id) ON DELETE CASCADE,
    session_id  TEXT,
    -- The identity that signs in.
    identity_id TEXT REFERENCES identities (id) ON DELETE CASCADE,
    expires_at  TEXT NOT NULL
);

CREATE INDEX social_tickets_expires_at ON social_tickets (expires_at);
CREATE INDEX social_tickets_user_id ON social_tickets (user_id);
CREATE INDEX social_tickets_identity_id ON social_tickets (identity_id);

-- The name of the provider that an event is about.
ALTER TABLE audit_events ADD COLUMN provider TEXT;
