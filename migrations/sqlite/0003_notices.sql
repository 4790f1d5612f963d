-- PostgreSQL tells servers of changes with this number. A SQLite file needs nothing of the kind: its
-- one server sees by the file whether another process has written to it.
SELECT 1;
