-- Registrations that wait for their link, where new accounts require activation. They wait side by
-- side, each with its own password; the first that is activated becomes a row of `users`.
CREATE TABLE registrations (
    -- The id of the future user.
    id            TEXT NOT NULL PRIMARY KEY,
    email         TEXT NOT NULL,
    -- The email address in lower case.
    address       TEXT NOT NULL,
    -- From 1 to 5, so that an address has no more.
    slot          INTEGER NOT NULL,
    -- Empty if the address has an account already: this can't be activated.
    password_hash TEXT NOT NULL,
    ip            TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    expires_at    TEXT NOT NULL,
    UNIQUE (address, slot)
);

CREATE INDEX registrations_expires_at ON registrations (expires_at);

-- Accounts of an earlier version that only wait for their link have 24 hours from now on.
INSERT INTO registrations (id, email, address, slot, password_hash, ip, user_agent, created_at, expires_at)
SELECT id, email, lower(email), 1, password_hash,
    COALESCE((SELECT min(ip) FROM audit_events WHERE user_id = users.id AND event = 'registered'), ''),
    COALESCE((SELECT min(user_agent) FROM audit_events WHERE user_id = users.id AND event = 'registered'), ''),
    date_joined, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+24 hours')
FROM users WHERE awaits_activation AND NOT is_active;

-- The tokens of emailed links. Several of a purpose are valid until one of them is used.
CREATE TABLE new_mailed_tokens (
    hash            BLOB NOT NULL PRIMARY KEY,
    purpose         TEXT NOT NULL,
    -- Where the link was sent to. A change of the email address leads to it, and so does its undoing.
    email           TEXT NOT NULL,
    -- The same in lower case.
    address         TEXT NOT NULL,
    -- A link of an address without an account has no user. If it is for one registration only, it has
    -- that.
    user_id         TEXT REFERENCES users (id) ON DELETE CASCADE,
    registration_id TEXT REFERENCES registrations (id) ON DELETE CASCADE,
    -- A keyed hash of the code that the email shows; and up to which number of attempts it works.
    code_hash       BLOB,
    code_limit      BIGINT NOT NULL DEFAULT 0,
    -- Whether the session that asked for it had completed a second factor.
    second_factor   BOOLEAN NOT NULL DEFAULT FALSE,
    ip              TEXT NOT NULL,
    user_agent      TEXT NOT NULL,
    created_at      TEXT NOT NULL,
    used_at         TEXT,
    expires_at      TEXT NOT NULL
);

INSERT INTO new_mailed_tokens
    (hash, purpose, email, address, user_id, registration_id, ip, user_agent, created_at, expires_at)
SELECT hash, purpose, COALESCE(new_email, users.email), lower(COALESCE(new_email, users.email)),
    CASE WHEN registrations.id IS NULL THEN user_id END,
    CASE WHEN purpose = 'activation' THEN registrations.id END,
    '', '', CASE purpose WHEN 'reset' THEN strftime('%Y-%m-%dT%H:%M:%fZ', mailed_tokens.expires_at, '-1 hour')
        ELSE strftime('%Y-%m-%dT%H:%M:%fZ', mailed_tokens.expires_at, '-24 hours') END, mailed_tokens.expires_at
FROM mailed_tokens JOIN users ON users.id = user_id
    LEFT JOIN registrations ON registrations.id = user_id;

DROP TABLE mailed_tokens;
ALTER TABLE new_mailed_tokens RENAME TO mailed_tokens;

CREATE INDEX mailed_tokens_user ON mailed_tokens (user_id);
CREATE INDEX mailed_tokens_registration ON mailed_tokens (registration_id);
CREATE INDEX mailed_tokens_address ON mailed_tokens (address);
CREATE INDEX mailed_tokens_expires_at ON mailed_tokens (expires_at);

-- How often a code was tried for an address, under a keyed hash of it, whether or not it has an account.
CREATE TABLE code_attempts (
    key        BLOB NOT NULL PRIMARY KEY,
    attempts   BIGINT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE INDEX code_attempts_updated_at ON code_attempts (updated_at);

-- When the last ten emails of a purpose were sent to an address, under a keyed hash of both.
CREATE TABLE email_limits (
    key     BLOB NOT NULL PRIMARY KEY,
    sent_1  TEXT NOT NULL,
    sent_2  TEXT,
    sent_3  TEXT,
    sent_4  TEXT,
    sent_5  TEXT,
    sent_6  TEXT,
    sent_7  TEXT,
    sent_8  TEXT,
    sent_9  TEXT,
    sent_10 TEXT
);

CREATE INDEX email_limits_sent_1 ON email_limits (sent_1);

-- Whether an email was requested from a session or a known device of the account.
ALTER TABLE mail_requests ADD COLUMN is_own BOOLEAN NOT NULL DEFAULT FALSE;

-- An email to an address without an account belongs to no user.
CREATE TABLE new_outbox (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    REFERENCES users (id) ON DELETE CASCADE,
    content    BLOB    NOT NULL,
    created_at TEXT    NOT NULL,
    -- When to try next; moved on before each attempt, so that no other server tries as well.
    due_at     TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0
);

INSERT INTO new_outbox (id, user_id, content, created_at, due_at, attempts)
SELECT id, user_id, content, created_at, due_at, attempts FROM outbox;

DROP TABLE outbox;
ALTER TABLE new_outbox RENAME TO outbox;
CREATE INDEX outbox_due_at ON outbox (due_at);
CREATE INDEX outbox_user ON outbox (user_id);

-- Their emails are still sent.
UPDATE outbox SET user_id = NULL
WHERE user_id IN (SELECT id FROM users WHERE awaits_activation AND NOT is_active);
DELETE FROM users WHERE awaits_activation AND NOT is_active;

DROP TRIGGER tell_user_update;
ALTER TABLE users DROP COLUMN awaits_activation;

CREATE TRIGGER tell_user_update AFTER UPDATE ON users
WHEN (OLD.id, OLD.email, OLD.is_active, OLD.is_admin, OLD.jwt_secret, OLD.date_joined, OLD.last_login,
      OLD.email_verified, OLD.otp_enabled)
    IS NOT
     (NEW.id, NEW.email, NEW.is_active, NEW.is_admin, NEW.jwt_secret, NEW.date_joined, NEW.last_login,
      NEW.email_verified, NEW.otp_enabled)
BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
END;
