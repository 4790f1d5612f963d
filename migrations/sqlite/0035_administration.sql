-- When the user of a session has last proved who they are, after the sign-in.
ALTER TABLE sessions ADD COLUMN authenticated_at TEXT;

-- Who has changed somebody else's account: 'user' for an administrator, or 'service_key', with the id. Null
-- for an operator on the server itself, and for what users do to their own accounts.
ALTER TABLE audit_events ADD COLUMN actor_kind TEXT;
ALTER TABLE audit_events ADD COLUMN actor_id TEXT;
ALTER TABLE deleted_accounts ADD COLUMN actor_kind TEXT;
ALTER TABLE deleted_accounts ADD COLUMN actor_id TEXT;

-- For lists of users, and of what has happened to all of them.
CREATE INDEX users_date_joined ON users (date_joined, id);
CREATE INDEX users_administrators ON users (date_joined, id) WHERE is_admin;
CREATE INDEX users_inactive ON users (date_joined, id) WHERE NOT is_active;
CREATE INDEX users_with_otp ON users (date_joined, id) WHERE otp_enabled;
CREATE INDEX users_unverified ON users (date_joined, id) WHERE NOT email_verified;
CREATE INDEX audit_events_event ON audit_events (event, at);
