-- The id of the request that caused an event, which all log lines of that request have. Null for what no request
-- caused, and for events of earlier versions.
ALTER TABLE audit_events ADD COLUMN request_id TEXT;

-- Of the request whose event is written when the email is sent, the link used or the invitation accepted.
ALTER TABLE mail_requests ADD COLUMN request_id TEXT;
ALTER TABLE registrations ADD COLUMN request_id TEXT;
ALTER TABLE invitations ADD COLUMN request_id TEXT;

-- Why an account is gone, and the request that deleted it.
ALTER TABLE deleted_accounts ADD COLUMN event TEXT NOT NULL DEFAULT 'account_deleted';
ALTER TABLE deleted_accounts ADD COLUMN request_id TEXT;
