//! Why a text is not the URL of a database.

/// Why a text is not the URL of a database that can be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// An unsupported scheme.
    #[error("it must start with sqlite:// or postgres://")]
    Scheme,
    /// Connections would not share a database in memory, and a restart would lose it.
    #[error("a database in memory can't be used; name a file")]
    InMemory,
    /// A syntax error. The message does not quote the text, which may contain a password.
    #[error("it can't be read as a database URL")]
    Syntax,
    /// A kind of server that would not do.
    #[error("target_session_attrs must be read-write or primary, as the server writes")]
    Target,
}
