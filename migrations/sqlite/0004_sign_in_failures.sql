-- Sign-ins in a row that had no right password, counted for an address whether or not it has an
-- account; those of its known devices apart. Who guesses at what can't be read from the key.
CREATE TABLE sign_in_failures (
    key           BLOB    NOT NULL PRIMARY KEY,
    -- Also those whose password is still being checked.
    guesses       INTEGER NOT NULL,
    blocked_until TEXT,
    updated_at    TEXT    NOT NULL
);

CREATE INDEX sign_in_failures_updated_at ON sign_in_failures (updated_at);
