-- Where to report what happens to users. Events are names separated by spaces; the secret is encrypted under
-- the master secret.
CREATE TABLE webhooks (
    id              TEXT    NOT NULL PRIMARY KEY,
    url             TEXT    NOT NULL,
    events          TEXT    NOT NULL,
    is_active       BOOLEAN NOT NULL DEFAULT TRUE,
    secret          BLOB    NOT NULL,
    created_at      TEXT    NOT NULL,
    -- When and why the server has disabled it: 'failing', 'gone' or 'backlog'.
    disabled_at     TEXT,
    disabled_reason TEXT
);

-- One event for one webhook: first in the queue, then in the log. Nothing refers to `users`, so that the
-- deletion of a user is reported, too; and nothing refers to `webhooks`, so that one with a long log can be
-- deleted at once.
CREATE TABLE webhook_deliveries (
    -- Changes of one user wait for one another, so this is their order.
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    webhook_id       TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    session_id       TEXT,
    event            TEXT    NOT NULL,
    -- The user as of the event, in JSON; only the id once the user is deleted and that is reported.
    user_data        TEXT    NOT NULL,
    created_at       TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    -- 'pending', 'delivered', 'failed' or 'canceled'.
    status           TEXT    NOT NULL DEFAULT 'pending',
    attempts         INTEGER NOT NULL DEFAULT 0,
    due_at           TEXT    NOT NULL,
    first_attempt_at TEXT,
    last_attempt_at  TEXT,
    finished_at      TEXT,
    -- Which worker is delivering it, and until when no other does.
    leased_by        TEXT,
    leased_until     TEXT,
    -- What became of the last attempt.
    response_status  INTEGER,
    error            TEXT
);

-- What is due, the order of each user's events, and the oldest that waits.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (webhook_id, user_id, seq)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (created_at) WHERE status = 'pending';
-- For the log, for its cleanup, and for deleted users.
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (webhook_id, seq);
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at);
CREATE INDEX webhook_deliveries_user ON webhook_deliveries (user_id);
