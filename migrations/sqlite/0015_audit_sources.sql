-- Where the first of the events that share a row came from; `ip` and `user_agent` are of the last one.
ALTER TABLE audit_events ADD COLUMN first_ip TEXT;
ALTER TABLE audit_events ADD COLUMN first_user_agent TEXT;

-- That an account was deleted. The key is derived from the master secret and the email address.
CREATE TABLE deleted_accounts (
    id          TEXT NOT NULL PRIMARY KEY,
    address_key BLOB NOT NULL,
    at          TEXT NOT NULL,
    ip          TEXT NOT NULL,
    user_agent  TEXT NOT NULL
);

CREATE INDEX deleted_accounts_address ON deleted_accounts (address_key, at);
CREATE INDEX deleted_accounts_at ON deleted_accounts (at);
