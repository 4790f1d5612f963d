//! The database of a test.

use std::{
    env,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::LazyLock,
    time::UNIX_EPOCH,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection,
    postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};
use tokio::{
    runtime::Runtime,
    sync::{Mutex, OnceCell},
};
use url::{Host, Url};

/// The kinds of database that the program supports.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// The kind that `LATCHKEY_TEST_DATABASE` selects.
    pub fn of_this_run() -> Self {
        match env::var("LATCHKEY_TEST_DATABASE").as_deref() {
            Err(env::VarError::NotPresent) | Ok("sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            other => panic!("LATCHKEY_TEST_DATABASE is {other:?}, not sqlite or postgres"),
        }
    }
}

/// The database of one test. SQL is executed directly, not through the program.
pub enum Database {
    Sqlite(PathBuf),
    Postgres(Url),
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for sqlx")
});

/// The name of a database with all tables. Copying it takes a fraction of the time that creating them does.
static TEMPLATE: LazyLock<String> = LazyLock::new(|| {
    let name = format!("latchkey_template_{}", process::id());
    postgres_administration(&format!("CREATE DATABASE {name}"));
    let migrated = Command::new(env!("CARGO_BIN_EXE_latchkey"))
        .arg("migrate")
        .env("DATABASE_URL", postgres_url(&name).as_str())
        .status();
    assert!(migrated.expect("the program starts").success());
    name
});

impl Database {
    /// Creates a database, for PostgreSQL with the tables.
    pub(super) fn new(data_folder: &Path) -> Self {
        match Kind::of_this_run() {
            Kind::Sqlite => Self::with_options(data_folder, ""),
            Kind::Postgres => Self::with_options(data_folder, &format!("TEMPLATE {}", *TEMPLATE)),
        }
    }

    /// Creates a database without tables, for PostgreSQL with these options of `CREATE DATABASE`.
    pub(super) fn with_options(data_folder: &Path, options: &str) -> Self {
        match Kind::of_this_run() {
            Kind::Sqlite => Self::Sqlite(data_folder.join("latchkey.db")),
            Kind::Postgres => {
                let moment = UNIX_EPOCH.elapsed().expect("a clock after 1970").as_nanos();
                let name = format!("latchkey_test_{}_{moment}", process::id());
                postgres_administration(&format!("CREATE DATABASE {name} {options}"));
                Self::Postgres(postgres_url(&name))
            }
        }
    }

    /// The `DATABASE_URL` to start the program with, or `None` for the program's default.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(url) => Some(url.as_str()),
        }
    }

    /// The `DATABASE_URL` of either kind.
    pub fn address(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite://{}", file.display()),
            Self::Postgres(url) => url.to_string(),
        }
    }

    /// Runs one statement and returns the number of changed rows.
    #[track_caller]
    pub fn execute(&self, sql: &str) -> u64 {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        let result = RUNTIME.block_on(async {
            match self {
                Self::Sqlite(file) => {
                    let mut connection = sqlite(file).await?;
                    let done = query.execute(&mut connection).await?;
                    connection.close().await?;
                    Ok(done.rows_affected())
                }
                Self::Postgres(url) => {
                    let mut connection = postgres(url).await?;
                    let done = query.execute(&mut connection).await?;
                    connection.close().await?;
                    Ok(done.rows_affected())
                }
            }
        });
        result.unwrap_or_else(|error: sqlx::Error| panic!("{sql}: {error}"))
    }

    /// Returns the result of a query with one row and one column, cast to text.
    #[track_caller]
    pub fn text(&self, sql: &str) -> String {
        let query = AssertSqlSafe(sql);
        let result = RUNTIME.block_on(async {
            match self {
                Self::Sqlite(file) => {
                    let mut connection = sqlite(file).await?;
                    let text = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
                    connection.close().await?;
                    Ok(text)
                }
                Self::Postgres(url) => postgres_text(url, sql).await,
            }
        });
        result.unwrap_or_else(|error: sqlx::Error| panic!("{sql}: {error}"))
    }

    /// The bytes in a column of a table's only row in hexadecimal, or an empty string.
    #[track_caller]
    pub fn hex(&self, table: &str, column: &str) -> String {
        let hex = match self {
            Self::Sqlite(_) => format!("lower(hex({column}))"),
            Self::Postgres(_) => format!("encode({column}, 'hex')"),
        };
        self.text(&format!("SELECT COALESCE({hex}, '') FROM {table}"))
    }

    /// Runs `action` while another connection holds SQLite's write lock or a lock on PostgreSQL's
    /// table of users.
    #[track_caller]
    pub fn while_locked(&self, action: impl FnOnce()) {
        let locked = RUNTIME.block_on(async {
            match self {
                Self::Sqlite(file) => {
                    let mut connection = sqlite(file).await?;
                    sqlx::raw_sql("BEGIN EXCLUSIVE")
                        .execute(&mut connection)
                        .await?;
                    Ok::<_, sqlx::Error>(Locked::Sqlite(connection))
                }
                Self::Postgres(url) => {
                    let mut connection = postgres(url).await?;
                    sqlx::raw_sql("BEGIN; LOCK TABLE users")
                        .execute(&mut connection)
                        .await?;
                    Ok(Locked::Postgres(connection))
                }
            }
        });
        let locked = locked.expect("a lock on the database");
        action();
        let closed = RUNTIME.block_on(async {
            match locked {
                Locked::Sqlite(connection) => connection.close().await,
                Locked::Postgres(connection) => connection.close().await,
            }
        });
        closed.expect("the end of the lock");
    }

    /// Returns the number of rows for which the condition holds.
    #[track_caller]
    pub fn count(&self, table: &str, condition: &str) -> usize {
        self.text(&format!(
            "SELECT CAST(count(*) AS TEXT) FROM {table} WHERE {condition}"
        ))
        .parse()
        .expect("a count is a number")
    }
}

/// The connection that holds a lock.
enum Locked {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Postgres(url) = self {
            let name = url.path().trim_start_matches('/');
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            if let Err(error) = RUNTIME.block_on(administrate(&drop)) {
                eprintln!("{drop}: {error}");
            }
        }
    }
}

/// Runs a statement in the PostgreSQL server's own database.
#[track_caller]
pub fn postgres_administration(sql: &str) {
    let result = RUNTIME.block_on(administrate(sql));
    result.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// All tests share one connection for this, because opening one takes longer than the statement.
async fn administrate(sql: &str) -> sqlx::Result<()> {
    static CONNECTION: OnceCell<Mutex<PgConnection>> = OnceCell::const_new();
    let open = async || postgres(&postgres_url("postgres")).await.map(Mutex::new);
    let connection = CONNECTION.get_or_try_init(open).await?;
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *connection.lock().await)
        .await?;
    Ok(())
}

/// Runs a statement in the PostgreSQL database of this URL. Returns the text in the first column of its first
/// row, which is empty if there is none.
pub(super) fn query_postgres(url: &Url, sql: &str) -> sqlx::Result<String> {
    RUNTIME.block_on(postgres_text(url, sql))
}

async fn postgres_text(url: &Url, sql: &str) -> sqlx::Result<String> {
    let mut connection = postgres(url).await?;
    let text = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut connection);
    let text: Option<String> = text.await?;
    connection.close().await?;
    Ok(text.unwrap_or_default())
}

async fn sqlite(file: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new().filename(file).connect().await
}

async fn postgres(url: &Url) -> sqlx::Result<PgConnection> {
    let mut options = PgConnectOptions::from_url(url)?;
    if let Some(Host::Ipv6(ip)) = url.host() {
        // sqlx would look up the brackets, too.
        options = options.host(&ip.to_string());
    }
    options.connect().await
}

fn postgres_url(database: &str) -> Url {
    let setting = |name| {
        env::var(name).unwrap_or_else(|_| {
            panic!(
                "LATCHKEY_TEST_DATABASE=postgres needs PGHOST, PGPORT, PGUSER and PGPASSWORD, and \
                 {name} is not set: install postgresql and postgresql-common (apt-get install \
                 postgresql), then output the tests under `pg_virtualenv`"
            )
        })
    };
    let mut url = Url::parse("postgres://localhost").expect("a URL");
    url.set_host(Some(&setting("PGHOST"))).expect("PGHOST");
    let port = setting("PGPORT").parse().expect("PGPORT is a number");
    url.set_port(Some(port)).expect("PGPORT");
    url.set_username(&setting("PGUSER")).expect("PGUSER");
    url.set_password(Some(&setting("PGPASSWORD")))
        .expect("PGPASSWORD");
    url.set_path(database);
    // Encryption on one machine costs time and is not under test.
    url.set_query(Some("sslmode=disable"));
    url
}
