-- When the setup of an authenticator app began, and in which session: the session gets the same secret
-- again for a while.
ALTER TABLE second_factors ADD COLUMN new_seed_at TIMESTAMPTZ;
ALTER TABLE second_factors ADD COLUMN new_seed_session_id UUID;

-- When a recovery code was created: unknown for those from before this.
ALTER TABLE recovery_codes ADD COLUMN created_at TIMESTAMPTZ;
