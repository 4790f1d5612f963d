-- Who has a role. Triggers keep it as `users.roles` says.
CREATE TABLE user_roles (
    role    TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    PRIMARY KEY (role, user_id)
) WITHOUT ROWID;

CREATE INDEX user_roles_user ON user_roles (user_id);

CREATE TRIGGER list_roles_insert AFTER INSERT ON users
WHEN NEW.roles <> '[]'
BEGIN
    DELETE FROM user_roles WHERE user_id = NEW.id;
    INSERT INTO user_roles (role, user_id)
    SELECT DISTINCT value, NEW.id FROM json_each(NEW.roles) WHERE type = 'text';
END;

CREATE TRIGGER list_roles_update AFTER UPDATE OF roles ON users
WHEN OLD.roles IS NOT NEW.roles
BEGIN
    DELETE FROM user_roles WHERE user_id = NEW.id;
    INSERT INTO user_roles (role, user_id)
    SELECT DISTINCT value, NEW.id FROM json_each(NEW.roles) WHERE type = 'text';
END;

INSERT INTO user_roles (role, user_id)
SELECT DISTINCT value, users.id FROM users, json_each(users.roles)
WHERE users.roles <> '[]' AND type = 'text';

-- What searches look at: a line each for email address, name and id, with ASCII letters in lower case.
ALTER TABLE users ADD COLUMN search TEXT
    GENERATED ALWAYS AS (lower(email) || char(10) || lower(name) || char(10) || id) VIRTUAL;

-- An index of trigrams (FTS5) finds texts within it. It needs numbers that never change, which the rows of
-- `users` don't have.
CREATE TABLE user_search_rows (
    number  INTEGER NOT NULL PRIMARY KEY,
    user_id TEXT    NOT NULL UNIQUE,
    text    TEXT    NOT NULL
);

CREATE VIRTUAL TABLE user_search USING fts5 (
    text, content = 'user_search_rows', content_rowid = 'number', tokenize = 'trigram'
);

INSERT INTO user_search_rows (user_id, text) SELECT id, search FROM users;
INSERT INTO user_search (user_search) VALUES ('rebuild');

CREATE TRIGGER index_search_row AFTER INSERT ON user_search_rows BEGIN
    INSERT INTO user_search (rowid, text) VALUES (NEW.number, NEW.text);
END;

CREATE TRIGGER remove_search_row AFTER DELETE ON user_search_rows BEGIN
    INSERT INTO user_search (user_search, rowid, text) VALUES ('delete', OLD.number, OLD.text);
END;

CREATE TRIGGER index_user_insert AFTER INSERT ON users BEGIN
    DELETE FROM user_search_rows WHERE user_id = NEW.id;
    INSERT INTO user_search_rows (user_id, text)
    VALUES (NEW.id, lower(NEW.email) || char(10) || lower(NEW.name) || char(10) || NEW.id);
END;

CREATE TRIGGER index_user_update AFTER UPDATE OF id, email, name ON users
WHEN (OLD.id, OLD.email, OLD.name) IS NOT (NEW.id, NEW.email, NEW.name)
BEGIN
    DELETE FROM user_search_rows WHERE user_id IN (OLD.id, NEW.id);
    INSERT INTO user_search_rows (user_id, text)
    VALUES (NEW.id, lower(NEW.email) || char(10) || lower(NEW.name) || char(10) || NEW.id);
END;

CREATE TRIGGER index_user_delete AFTER DELETE ON users BEGIN
    DELETE FROM user_search_rows WHERE user_id = OLD.id;
END;
