-- Whether the user has opened a link that was mailed to the address.
ALTER TABLE users ADD COLUMN email_verified BOOLEAN NOT NULL DEFAULT FALSE;
-- Not active only because that has not happened yet; an operator's deactivation is another thing.
ALTER TABLE users ADD COLUMN awaits_activation BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN otp_enabled BOOLEAN NOT NULL DEFAULT FALSE;

-- Whether this device has passed the user's second factor.
ALTER TABLE sessions ADD COLUMN second_factor BOOLEAN NOT NULL DEFAULT FALSE;

-- The seeds of authenticator apps, encrypted under the master secret.
CREATE TABLE second_factors (
    user_id       TEXT    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    seed          BLOB,
    -- One that is being set up: its first code puts it in the place of the other.
    new_seed      BLOB,
    -- Codes of any kind that were wrong, in a row.
    wrong_codes   INTEGER NOT NULL DEFAULT 0,
    blocked_until TEXT
);

-- Time steps whose code has been used (RFC 6238, 5.2: each is good once).
CREATE TABLE used_totp_steps (
    user_id TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    step    INTEGER NOT NULL,
    PRIMARY KEY (user_id, step)
);

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
);

-- What stands in mailed links, as hashes; a user has one for each purpose.
CREATE TABLE mailed_tokens (
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    -- Where the purpose is to change the address.
    new_email  TEXT,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (user_id, purpose)
);

-- Wishes for a mail to an address that may be nobody's: found out later, so that the answer to the
-- wish can't tell.
CREATE TABLE mail_requests (
    id         TEXT NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL,
    email      TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE INDEX mail_requests_created_at ON mail_requests (created_at);

-- Mails to be sent, encrypted under the master secret, as links stand in them.
CREATE TABLE outbox (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    content    BLOB    NOT NULL,
    created_at TEXT    NOT NULL,
    -- When to try next; whoever tries moves it on first, so that no other does.
    due_at     TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX outbox_due_at ON outbox (due_at);
CREATE INDEX outbox_user ON outbox (user_id);
