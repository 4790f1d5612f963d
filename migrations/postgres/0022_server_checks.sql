-- What servers check: under 'master_secret' a code of the master secret that the data belongs to, and
-- under 'write' what was last written to find out whether writing works.
CREATE TABLE server_checks (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
