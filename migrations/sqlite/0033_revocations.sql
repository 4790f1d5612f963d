-- What ends access tokens before they expire. Services that verify tokens by themselves are told by the
-- server; the server reads it here. Triggers write it, in the transaction of the change itself, so that
-- a change by hand is one, too. A row is kept for as long as an access token can live, also that of a
-- user who is deleted: then it is the only thing that says so.
CREATE TABLE revocations (
    -- Transactions write one after another, so this is the order of their commits.
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       TEXT NOT NULL,
    -- One of these: the session that has ended; the secret whose tokens have; or, in seconds since 1970,
    -- before when a token must have been issued to be revoked.
    session_id    TEXT,
    jwt_secret    TEXT,
    issued_before BIGINT,
    at            TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE INDEX revocations_at ON revocations (at);

CREATE TRIGGER log_user_update AFTER UPDATE ON users
WHEN (OLD.id, OLD.jwt_secret) IS NOT (NEW.id, NEW.jwt_secret)
BEGIN
    INSERT INTO revocations (user_id, jwt_secret) VALUES (OLD.id, OLD.jwt_secret);
END;

-- Where the secret stays, tokens are revoked by their time. For a user who is deactivated by hand that
-- includes tokens of a server whose clock is 5 seconds ahead; there are no new ones. With a second factor
-- that was turned on there are, issued in this second.
CREATE TRIGGER log_user_deactivation AFTER UPDATE ON users
WHEN OLD.is_active AND NOT NEW.is_active AND OLD.jwt_secret IS NEW.jwt_secret
BEGIN
    INSERT INTO revocations (user_id, issued_before)
    VALUES (OLD.id, CAST(strftime('%s', 'now') AS INTEGER) + 6);
END;

CREATE TRIGGER log_second_factor AFTER UPDATE ON users
WHEN NEW.otp_enabled AND NOT OLD.otp_enabled AND OLD.jwt_secret IS NEW.jwt_secret
BEGIN
    INSERT INTO revocations (user_id, issued_before)
    VALUES (OLD.id, CAST(strftime('%s', 'now') AS INTEGER));
END;

CREATE TRIGGER log_user_delete AFTER DELETE ON users BEGIN
    INSERT INTO revocations (user_id, jwt_secret) VALUES (OLD.id, OLD.jwt_secret);
END;

-- INSERT OR REPLACE removes the rows that are in its way without a trigger. Which those are can only be
-- seen before, and only after it is known that it was not an insertion that does nothing on a conflict.
-- `email_key` has an index; lower(email) no longer has one.
CREATE TABLE replaced_users (user_id TEXT NOT NULL);

DROP TRIGGER tell_user_replacement;

CREATE TRIGGER tell_user_replacement BEFORE INSERT ON users BEGIN
    DELETE FROM replaced_users;
    INSERT INTO replaced_users (user_id)
    SELECT id FROM users WHERE id = NEW.id OR email_key = lower(NEW.email);
    INSERT INTO user_changes (user_id) SELECT user_id FROM replaced_users;
END;

CREATE TRIGGER log_user_replacement AFTER INSERT ON users BEGIN
    INSERT INTO revocations (user_id, issued_before)
    SELECT user_id, CAST(strftime('%s', 'now') AS INTEGER) + 6 FROM replaced_users;
    DELETE FROM replaced_users;
END;

-- The sessions of a user who is deleted go with the user, whose row is gone by then.
CREATE TRIGGER log_session_delete AFTER DELETE ON sessions
WHEN EXISTS (SELECT 1 FROM users WHERE id = OLD.user_id)
BEGIN
    INSERT INTO revocations (user_id, session_id) VALUES (OLD.user_id, OLD.id);
END;
