//! What errors of sqlx say about a connection.

use std::io;

/// Whether an error means that the connection to PostgreSQL was closed: nothing that was read is
/// lost, and no transaction was left open.
pub(super) fn is_closed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => !is_timeout(error),
        // Class 08 is connection exceptions, class 57P the end of a session by somebody else.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        _ => false,
    }
}

/// Whether an error means that the server has not answered in time.
pub(super) fn is_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// Whether the server only reads. After a failover, this may be a connection to the server that is no longer the
/// primary one.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| code == "25006"))
}
