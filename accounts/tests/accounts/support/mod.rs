//! A test environment: a fresh database, a clock that is advanced by hand, and cheap password hashes.
//!
//! `LATCHKEY_TEST_DATABASE` selects the database: `sqlite` (the default), or `postgres` with libpq's
//! variables PGHOST, PGPORT, PGUSER and PGPASSWORD.

mod emails;
#[allow(dead_code, reason = "the tests of the program need more of it")]
pub mod receiver;
#[allow(dead_code, reason = "the tests of the program need more of it")]
pub mod soft_passkey;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use accounts::{
    Accounts, Administrator, Authorized, CacheSettings, Clock, Database, DatabaseSettings,
    DatabaseUrl, Device, Id, Lifetimes, MasterSecrets, OsRandom, RegistrationPolicy, Scope,
    SecondFactorPolicy, Settings, Timestamp, TokenAlgorithm, TokenPair,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use time::macros::datetime;
use totp_rs::{Builder, Secret, Totp};

pub const EMAIL: &str = "ada@example.com";
pub const PASSWORD: &str = "correct horse battery";
pub const OLD_SECRET: &str = "the first master secret of the tests and long enough";
pub const NEW_SECRET: &str = "the second master secret of the tests and long enough";

/// The cheapest possible cost.
const CHEAP: &str = "m=64,t=1,p=1";

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that is advanced by hand: the time, and the uptime.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<(Timestamp, Duration)>>);

impl ManualClock {
    fn new() -> Self {
        let time = Timestamp::new(datetime!(2026-03-01 12:00 UTC));
        Self(Arc::new(Mutex::new((time, HOUR))))
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        let mut clock = self.0.lock().unwrap();
        *clock = (clock.0.plus(by), clock.1 + by);
    }

    /// The clock is set, and no time passes.
    pub fn set_back(&self, by: Duration) {
        let mut clock = self.0.lock().unwrap();
        clock.0 = clock.0.minus(by);
    }

    /// The clock is set, and no time passes.
    pub fn set_ahead(&self, by: Duration) {
        let mut clock = self.0.lock().unwrap();
        clock.0 = clock.0.plus(by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn uptime(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

pub struct TestEnv {
    pub accounts: Accounts,
    pub clock: ManualClock,
    pub database: Database,
    url: DatabaseUrl,
    folder: TempDir,
}

/// Runs the same code on the pool of either database.
macro_rules! on {
    ($database:expr, $pool:ident => $code:expr) => {
        match $database {
            Database::Sqlite { write: $pool, .. } => $code,
            Database::Postgres(postgres) => {
                let $pool = postgres.pool();
                $code
            }
        }
    };
}

impl TestEnv {
    /// An empty database.
    pub async fn new() -> Self {
        let env = Self::without_tables().await;
        env.database.migrate().await.unwrap();
        env
    }

    /// A database with the tables of an earlier version.
    pub async fn before_migration(number: &str) -> Self {
        let env = Self::without_tables().await;
        env.run_migrations(|name| name < number).await;
        env
    }

    /// Runs the migrations with these names, such as `0009_ownership.sql`, in order.
    pub async fn run_migrations(&self, is_due: impl Fn(&str) -> bool) {
        let kind = match &self.database {
            Database::Sqlite { .. } => "sqlite",
            Database::Postgres(_) => "postgres",
        };
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../migrations")
            .join(kind);
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|file| is_due(file.file_name().unwrap().to_str().unwrap()))
            .collect();
        files.sort();
        for file in files {
            let sql = sqlx::AssertSqlSafe(std::fs::read_to_string(file).unwrap());
            on!(&self.database, pool => sqlx::raw_sql(sql).execute(pool).await.map(drop)).unwrap();
        }
    }

    async fn without_tables() -> Self {
        Self::with_postgres_options("").await
    }

    /// An empty database, with a Turkish locale where databases have locales.
    pub async fn turkish() -> Self {
        let options = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' \
                       LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'";
        let env = Self::with_postgres_options(options).await;
        env.database.migrate().await.unwrap();
        env
    }

    async fn with_postgres_options(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = database_with(folder.path(), options).await;
        let database = Database::open(&url, DatabaseSettings::default())
            .await
            .unwrap();
        let clock = ManualClock::new();
        Self {
            accounts: start(&database, &clock, settings(OLD_SECRET, CHEAP)),
            clock,
            database,
            url,
            folder,
        }
    }

    /// A database with one user.
    pub async fn with_user() -> Self {
        let env = Self::new().await;
        let device = laptop();
        let created = env
            .accounts
            .register(EMAIL.into(), PASSWORD.into(), &device);
        created.await.unwrap();
        env
    }

    /// A database with one user, whose email address is verified.
    pub async fn with_verified_user() -> Self {
        let env = Self::with_user().await;
        env.verify_users().await;
        env
    }

    /// Verifies the email addresses of all users.
    pub async fn verify_users(&self) {
        self.execute("UPDATE users SET email_verified = TRUE").await;
    }

    /// Another server on the same database, with other master secrets and hashing cost.
    pub fn server(&self, secrets: &str, cost: &str) -> Accounts {
        self.start(settings(secrets, cost))
    }

    /// Another server on the same database, which signs access tokens in this way.
    pub fn server_with_algorithm(&self, secrets: &str, algorithm: TokenAlgorithm) -> Accounts {
        self.start(Settings {
            token_algorithm: algorithm,
            ..settings(secrets, CHEAP)
        })
    }

    /// Another server with its own connections to the same database.
    pub async fn server_elsewhere(&self) -> Accounts {
        let database = Database::open(&self.url, DatabaseSettings::default())
            .await
            .unwrap();
        start(&database, &self.clock, settings(OLD_SECRET, CHEAP))
    }

    /// The same with a cache that stays valid for a minute without heartbeats.
    pub async fn server_with_long_lease(&self) -> Accounts {
        let database = Database::open(&self.url, DatabaseSettings::default())
            .await
            .unwrap();
        let mut settings = settings(OLD_SECRET, CHEAP);
        settings.cache.lease = MINUTE;
        start(&database, &self.clock, settings)
    }

    /// Another server on the same database that requires activation.
    pub fn server_with_activation(&self) -> Accounts {
        self.start(Settings {
            require_activation: true,
            ..settings(OLD_SECRET, CHEAP)
        })
    }

    /// Another server on the same database with this policy of registration.
    pub fn server_with_registration(&self, registration: RegistrationPolicy) -> Accounts {
        self.start(Settings {
            registration,
            ..settings(OLD_SECRET, CHEAP)
        })
    }

    /// Another server on the same database that does not delay sign-ins after failures.
    pub fn server_without_throttling(&self) -> Accounts {
        self.start(Settings {
            throttle_failed_sign_ins: false,
            ..settings(OLD_SECRET, CHEAP)
        })
    }

    /// Another server on the same database whose webhooks lead to the public internet only.
    pub fn server_without_private_webhooks(&self) -> Accounts {
        self.start(Settings {
            webhook_allow_private: false,
            ..settings(OLD_SECRET, CHEAP)
        })
    }

    fn start(&self, settings: Settings) -> Accounts {
        start(&self.database, &self.clock, settings)
    }

    pub async fn sign_in(&self) -> TokenPair {
        let device = laptop();
        let pair = self.accounts.login(EMAIL.into(), PASSWORD.into(), &device);
        pair.await.unwrap().tokens
    }

    /// Turns the second factor on. Returns the authenticator app and the recovery codes.
    pub async fn turn_on_second_factor(&self) -> (Totp, Vec<String>) {
        self.verify_users().await;
        let pair = self.sign_in().await;
        let caller = self.authorize(&pair.access_token).await.unwrap();
        let setup = self.accounts.begin_totp(&caller, PASSWORD.into()).await;
        let app = authenticator(setup.unwrap().secret);
        let code = self.code(&app);
        let confirmed = self
            .accounts
            .confirm_totp(&caller, (&*code).into(), None)
            .await;
        let (_, recovery_codes) = confirmed.unwrap();
        (app, recovery_codes)
    }

    /// The current code of an authenticator app.
    pub fn code(&self, app: &Totp) -> String {
        let seconds = self.clock.now().unix_seconds().try_into().unwrap();
        app.generate(seconds).to_string()
    }

    /// The caller that an access token belongs to, or in a word why it is rejected.
    pub async fn authorize(&self, token: &str) -> Result<Authorized, &'static str> {
        let caller = self.accounts.authorize(token, &on_laptop()).await;
        caller.map_err(why)
    }

    /// Creates an administrator with this email address, and signs in.
    pub async fn administrator(&self, email: &str) -> Administrator {
        let created = self
            .accounts
            .create_user(email.into(), PASSWORD.into(), true);
        created.await.unwrap();
        self.sign_in_as_administrator(email).await
    }

    /// Signs in as an administrator.
    pub async fn sign_in_as_administrator(&self, email: &str) -> Administrator {
        let device = laptop();
        let pair = self.accounts.login(email.into(), PASSWORD.into(), &device);
        let token = pair.await.unwrap().tokens.access_token;
        let scope = Scope::UsersWrite;
        let found = self
            .accounts
            .administrator(&token, scope, &on_laptop())
            .await;
        found.unwrap()
    }

    /// The number of active administrators.
    pub async fn administrators(&self) -> i64 {
        let sql = "SELECT count(*) FROM users WHERE is_admin AND is_active";
        on!(&self.database, pool => sqlx::query_scalar(sql).fetch_one(pool).await).unwrap()
    }

    /// The id of the user with this email address.
    pub async fn id_of(&self, email: &str) -> String {
        let user = self.accounts.user_details(email.into()).await.unwrap();
        user.id.to_string()
    }

    /// Whether this text is rejected as a refresh token.
    pub async fn refuses_refresh(&self, text: &str) -> bool {
        use accounts::Error;
        let refreshed = self.accounts.refresh(text.into(), &laptop()).await;
        matches!(refreshed, Err(Error::TokenInvalid | Error::Fields(_)))
    }

    pub async fn refresh(&self, token: &str) -> Result<TokenPair, &'static str> {
        let pair = self.accounts.refresh(token.into(), &laptop()).await;
        pair.map_err(why)
    }
}

async fn rows(database: &Database, table: &'static str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    on!(database, pool => sqlx::query_scalar(sql).fetch_one(pool).await).unwrap()
}

impl TestEnv {
    /// The database file, with SQLite.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let is_file = matches!(self.database, Database::Sqlite { .. });
        is_file.then(|| self.folder.path().join("latchkey.db"))
    }

    /// The number of rows of a table.
    pub async fn rows(&self, table: &'static str) -> i64 {
        rows(&self.database, table).await
    }

    /// The number of committed rows, as another connection sees them.
    pub async fn committed_rows(&self, table: &'static str) -> i64 {
        let elsewhere = Database::open(&self.url, DatabaseSettings::default()).await;
        rows(&elsewhere.unwrap(), table).await
    }

    /// The password hash of the only user.
    pub async fn password_hash(&self) -> String {
        let sql = "SELECT password_hash FROM users";
        on!(&self.database, pool => sqlx::query_scalar(sql).fetch_one(pool).await).unwrap()
    }

    /// Adds a recovery code, given its digits.
    pub async fn add_recovery_code(&self, user_id: Id, digits: &str) {
        let hash = Sha256::new()
            .chain_update(b"recovery code 1")
            .chain_update(user_id.as_bytes())
            .chain_update(digits)
            .finalize()
            .to_vec();
        let sql = "INSERT INTO recovery_codes (user_id, hash) SELECT id, $1 FROM users";
        on!(&self.database, pool => sqlx::query(sql).bind(hash).execute(pool).await.map(drop))
            .unwrap();
    }

    /// Executes SQL that a test has put together.
    pub async fn execute_text(&self, sql: String) {
        let sql = sqlx::AssertSqlSafe(sql);
        on!(&self.database, pool => sqlx::query(sql).execute(pool).await.map(drop)).unwrap();
    }

    /// Executes SQL, as an operator might by hand.
    pub async fn execute(&self, sql: &'static str) {
        on!(&self.database, pool => sqlx::query(sql).execute(pool).await.map(drop)).unwrap();
    }
}

/// The reason of an error, in a word.
pub fn why(error: accounts::Error) -> &'static str {
    match error {
        accounts::Error::TokenExpired => "expired",
        accounts::Error::TokenInvalid => "invalid",
        accounts::Error::InvalidCredentials => "wrong credentials",
        accounts::Error::InactiveAccount => "inactive",
        accounts::Error::OtpRequired => "otp",
        accounts::Error::SecondFactorSetupRequired => "no second factor",
        accounts::Error::EmailUnverified => "unverified",
        accounts::Error::KeyInvalid => "invalid key",
        accounts::Error::PermissionDenied => "not allowed",
        accounts::Error::Throttled(_) => "throttled",
        accounts::Error::ReauthenticationRequired => "not recent",
        accounts::Error::Conflict(_) => "conflict",
        accounts::Error::NotFound => "not found",
        accounts::Error::Fields(_) => "fields",
        other => panic!("{other}"),
    }
}

/// The id of a token, unverified.
pub fn token_id(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

/// An authenticator app with this secret.
pub fn authenticator(secret: String) -> Totp {
    let secret = Secret::try_from_base32(secret).unwrap();
    Builder::new().with_secret(secret).build().unwrap()
}

/// The device that presents tokens.
pub fn on_laptop() -> Arc<Device> {
    Arc::new(laptop())
}

pub fn laptop() -> Device {
    Device::new(IpAddr::V4(Ipv4Addr::LOCALHOST), "Laptop")
}

fn start(database: &Database, clock: &ManualClock, settings: Settings) -> Accounts {
    Accounts::new(database.clone(), settings, clock.clone(), OsRandom).unwrap()
}

fn settings(secrets: &str, cost: &str) -> Settings {
    Settings {
        public_url: "https://accounts.example.com".into(),
        site_name: None,
        master_secrets: MasterSecrets::parse(secrets).unwrap(),
        token_algorithm: TokenAlgorithm::Hs256,
        hashing_cost: cost.parse().unwrap(),
        breached_passwords: None,
        lifetimes: Lifetimes {
            access: 15 * MINUTE,
            idle: 30 * DAY,
            session: 90 * DAY,
            grace: 30 * SECOND,
            audit: 90 * DAY,
        },
        registration: RegistrationPolicy::Open,
        require_activation: false,
        require_second_factor: SecondFactorPolicy::Off,
        throttle_failed_sign_ins: true,
        cache: CacheSettings {
            users: 100,
            lease: SECOND,
        },
        revocation_lease: SECOND,
        webhook_allow_private: true,
        providers: Vec::new(),
    }
}

/// Returns the URL of a database that is empty or, where it is a file in this folder, does not exist.
pub async fn new_database(folder: &Path) -> DatabaseUrl {
    database_with(folder, "").await
}

async fn database_with(folder: &Path, postgres_options: &str) -> DatabaseUrl {
    match std::env::var("LATCHKEY_TEST_DATABASE").as_deref() {
        Err(_) | Ok("sqlite") => DatabaseUrl::sqlite_file(folder.join("latchkey.db")),
        Ok("postgres") => new_postgres_database(postgres_options).await,
        Ok(other) => panic!("LATCHKEY_TEST_DATABASE is {other}, not sqlite or postgres"),
    }
}

async fn new_postgres_database(options: &str) -> DatabaseUrl {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("accounts_{}_{number}", std::process::id());
    let variable = |name| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set: run the tests under pg_virtualenv (Debian: postgresql)")
        })
    };
    let server = format!(
        "postgres://{}:{}@{}:{}",
        variable("PGUSER"),
        variable("PGPASSWORD"),
        variable("PGHOST"),
        variable("PGPORT")
    );
    let mut connection = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} {options}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    format!("{server}/{name}").parse().unwrap()
}
