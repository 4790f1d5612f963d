-- Registrations that wait for their link, where new accounts require activation. They wait side by
-- side, each with its own password; the first that is activated becomes a row of `users`.
CREATE TABLE registrations (
    -- The id of the future user.
    id            UUID NOT NULL PRIMARY KEY,
    email         TEXT NOT NULL,
    -- The email address in lower case.
    address       TEXT NOT NULL,
    -- From 1 to 5, so that an address has no more.
    slot          INTEGER NOT NULL,
    -- Empty if the address has an account already: this can't be activated.
    password_hash TEXT NOT NULL,
    ip            TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    UNIQUE (address, slot)
);

CREATE INDEX registrations_expires_at ON registrations (expires_at);

-- Accounts of an earlier version that only wait for their link have 24 hours from now on.
INSERT INTO registrations (id, email, address, slot, password_hash, ip, user_agent, created_at, expires_at)
SELECT id, email, lower(email COLLATE "C"), 1, password_hash,
    COALESCE((SELECT min(ip) FROM audit_events WHERE user_id = users.id AND event = 'registered'), ''),
    COALESCE((SELECT min(user_agent) FROM audit_events WHERE user_id = users.id AND event = 'registered'), ''),
    date_joined, now() + interval '24 hours'
FROM users WHERE awaits_activation AND NOT is_active;

-- The tokens of emailed links. Several of a purpose are valid until one of them is used.
CREATE TABLE new_mailed_tokens (
    hash            BYTEA NOT NULL PRIMARY KEY,
    purpose         TEXT NOT NULL,
    -- Where the link was sent to. A change of the email address leads to it, and so does its undoing.
    email           TEXT NOT NULL,
    -- The same in lower case.
    address         TEXT NOT NULL,
    -- A link of an address without an account has no user. If it is for one registration only, it has
    -- that.
    user_id         UUID REFERENCES users (id) ON DELETE CASCADE,
    registration_id UUID REFERENCES registrations (id) ON DELETE CASCADE,
    -- A keyed hash of the code that the email shows; and up to which number of attempts it works.
    code_hash       BYTEA,
    code_limit      BIGINT NOT NULL DEFAULT 0,
    -- Whether the session that asked for it had completed a second factor.
    second_factor   BOOLEAN NOT NULL DEFAULT FALSE,
    ip              TEXT NOT NULL,
    user_agent      TEXT NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL,
    used_at         TIMESTAMPTZ,
    expires_at      TIMESTAMPTZ NOT NULL
);

INSERT INTO new_mailed_tokens
    (hash, purpose, email, address, user_id, registration_id, ip, user_agent, created_at, expires_at)
SELECT hash, purpose, COALESCE(new_email, users.email), lower(COALESCE(new_email, users.email) COLLATE "C"),
    CASE WHEN registrations.id IS NULL THEN user_id END,
    CASE WHEN purpose = 'activation' THEN registrations.id END,
    '', '', CASE purpose WHEN 'reset' THEN mailed_tokens.expires_at - interval '1 hour'
        ELSE mailed_tokens.expires_at - interval '24 hours' END, mailed_tokens.expires_at
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
    key        BYTEA NOT NULL PRIMARY KEY,
    attempts   BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX code_attempts_updated_at ON code_attempts (updated_at);

-- When the last ten emails of a purpose were sent to an address, under a keyed hash of both.
CREATE TABLE email_limits (
    key     BYTEA NOT NULL PRIMARY KEY,
    sent_1  TIMESTAMPTZ NOT NULL,
    sent_2  TIMESTAMPTZ,
    sent_3  TIMESTAMPTZ,
    sent_4  TIMESTAMPTZ,
    sent_5  TIMESTAMPTZ,
    sent_6  TIMESTAMPTZ,
    sent_7  TIMESTAMPTZ,
    sent_8  TIMESTAMPTZ,
    sent_9  TIMESTAMPTZ,
    sent_10 TIMESTAMPTZ
);

CREATE INDEX email_limits_sent_1 ON email_limits (sent_1);

-- Whether an email was requested from a session or a known device of the account.
ALTER TABLE mail_requests ADD COLUMN is_own BOOLEAN NOT NULL DEFAULT FALSE;

-- An email to an address without an account belongs to no user.
ALTER TABLE outbox ALTER COLUMN user_id DROP NOT NULL;

-- Their emails are still sent.
UPDATE outbox SET user_id = NULL
WHERE user_id IN (SELECT id FROM users WHERE awaits_activation AND NOT is_active);
DELETE FROM users WHERE awaits_activation AND NOT is_active;

DROP TRIGGER latchkey_tell_user_update ON users;
ALTER TABLE users DROP COLUMN awaits_activation;

CREATE TRIGGER latchkey_tell_user_update AFTER UPDATE ON users
    FOR EACH ROW
    WHEN ((OLD.id, OLD.email, OLD.is_active, OLD.is_admin, OLD.jwt_secret, OLD.date_joined, OLD.last_login,
           OLD.email_verified, OLD.otp_enabled)
        IS DISTINCT FROM
          (NEW.id, NEW.email, NEW.is_active, NEW.is_admin, NEW.jwt_secret, NEW.date_joined, NEW.last_login,
           NEW.email_verified, NEW.otp_enabled))
    EXECUTE FUNCTION latchkey_tell_user();
