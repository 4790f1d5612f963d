-- What has happened to accounts, for their users and for operators to see. No secrets stand here.
CREATE TABLE audit_events (
    id         UUID        NOT NULL PRIMARY KEY,
    user_id    UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at         TIMESTAMPTZ NOT NULL,
    event      TEXT        NOT NULL,
    -- Empty where an operator did it, on the server itself.
    ip         TEXT        NOT NULL,
    user_agent TEXT        NOT NULL,
    -- The session that it was about; it may be over.
    session_id UUID,
    -- How often it happened, the time above being the last.
    count      BIGINT      NOT NULL DEFAULT 1,
    -- In hours since 1970, where a stranger can make it happen: all of one hour is one row.
    hour       BIGINT
);

CREATE INDEX audit_events_user ON audit_events (user_id, at);
CREATE INDEX audit_events_at ON audit_events (at);
CREATE UNIQUE INDEX audit_events_hour ON audit_events (user_id, event, hour)
    WHERE hour IS NOT NULL;

-- From where a new password was asked for.
ALTER TABLE mail_requests
    ADD COLUMN ip         TEXT,
    ADD COLUMN user_agent TEXT;

-- For the task that removes what is over.
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_last_used_at ON sessions (last_used_at);
CREATE INDEX retired_refresh_tokens_retired_at ON retired_refresh_tokens (retired_at);
CREATE INDEX mailed_tokens_expires_at ON mailed_tokens (expires_at);
