-- Email addresses are compared by this key: the address with ASCII letters in lower case. Other letters
-- are stored in lower case. PostgreSQL has the same column, independent of its locale.
ALTER TABLE users ADD COLUMN email_key TEXT GENERATED ALWAYS AS (lower(email)) VIRTUAL;

DROP INDEX users_email;
CREATE UNIQUE INDEX users_email_key ON users (email_key);
