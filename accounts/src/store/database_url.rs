//! Where the database is: a file, or PostgreSQL servers.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::sqlite::SqliteConnectOptions;

use crate::store::{invalid_database_url::InvalidDatabaseUrl, postgres_servers::PostgresServers};

/// The location of a database.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file on this machine.
    Sqlite(Box<SqliteConnectOptions>),
    /// A PostgreSQL database, on one server or several.
    Postgres(PostgresServers),
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" if url.contains(":memory:") || url.contains("mode=memory") => {
                Err(InvalidDatabaseUrl::InMemory)
            }
            "sqlite" => SqliteConnectOptions::from_str(url)
                .map(|options| Self::Sqlite(Box::new(options)))
                .map_err(|_| InvalidDatabaseUrl::Syntax),
            "postgres" | "postgresql" => PostgresServers::from_url(url).map(Self::Postgres),
            _ => Err(InvalidDatabaseUrl::Scheme),
        }
    }
}

impl DatabaseUrl {
    /// The database file at this path.
    #[must_use]
    pub fn sqlite_file(path: PathBuf) -> Self {
        Self::Sqlite(Box::new(SqliteConnectOptions::new().filename(path)))
    }

    /// The path of the database file, or `None` for a PostgreSQL server.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(options) => Some(options.get_filename()),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names the database without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(options) => write!(f, "{}", options.get_filename().display()),
            Self::Postgres(servers) => fmt::Display::fmt(servers, f),
        }
    }
}
