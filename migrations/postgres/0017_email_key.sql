-- Email addresses are compared by this key: the address with ASCII letters in lower case. Other letters
-- are stored in lower case. lower() depended on the database's locale: in Turkish, the lower case of I
-- is not i.
ALTER TABLE users
    ADD COLUMN email_key TEXT COLLATE "C" GENERATED ALWAYS AS (lower(email COLLATE "C")) STORED,
    -- Not 0 in accounts whose address differed from an older account's in the database's locale only.
    -- Both stay: signing in looks for the exact spelling first.
    ADD COLUMN email_duplicate BIGINT NOT NULL DEFAULT 0;

DROP INDEX users_email;

UPDATE users SET email_duplicate = number
FROM (
    SELECT id, row_number() OVER (PARTITION BY email_key ORDER BY date_joined, id) - 1 AS number
    FROM users
) AS ranked
WHERE ranked.id = users.id AND number > 0;

CREATE UNIQUE INDEX users_email_key ON users (email_key, email_duplicate);
