-- The language of a user's emails, such as 'de': that of the last sign-in, or of the registration. Null if the
-- client has stated none, which means English.
ALTER TABLE users ADD COLUMN language TEXT;

-- The language of a registration that waits, which the user gets.
ALTER TABLE registrations ADD COLUMN language TEXT;

-- The language of a request for an email.
ALTER TABLE mail_requests ADD COLUMN language TEXT;

-- The language of an email, where it is not that of its user when it is sent.
ALTER TABLE outbox ADD COLUMN language TEXT;
