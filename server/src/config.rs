//! The settings. Each is declared once, with its flag, variable, default, parser and help.

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use accounts::{
    CaCertificates, CacheSettings, DatabaseSettings, DatabaseUrl, EmailFrom, HashingCost,
    Lifetimes, MasterSecrets, ProviderSettings, RegistrationPolicy, SecondFactorPolicy, SmtpUrl,
    TokenAlgorithm, read_file,
};
use clap::{ArgAction::Set, Args};
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};
use url::{Position, Url};

use crate::{
    appearance::AppearanceConfig,
    embedded_site::EmbeddedSite,
    failure::Failure,
    middleware::{AllowedOrigins, TrustedProxies},
    parsing::{choice, trimmed},
    providers::{self, GitHubConfig},
    site::{self, SiteFiles},
};

/// The settings of the program.
#[derive(Args)]
pub struct Config {
    /// IP address and port to serve on.
    #[arg(long, env = "LATCHKEY_LISTEN", default_value = "127.0.0.1:3000", value_parser = listen)]
    pub listen: SocketAddr,
    /// IP address and port to serve metrics on, for Prometheus [default: none]
    #[arg(long, env = "LATCHKEY_METRICS_LISTEN", value_parser = listen)]
    pub metrics_listen: Option<SocketAddr>,
    /// Folder of the embedded database, the master secret, and emails written as files; created on
    /// first start.
    #[arg(long, env = "LATCHKEY_DATA_DIR", default_value = "data", value_parser = folder)]
    pub data_dir: PathBuf,
    /// sqlite://… or postgres://… [default: sqlite://<data dir>/latchkey.db]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = trimmed::<DatabaseUrl>)]
    pub database_url: Option<DatabaseUrl>,
    /// Master secret, at least 32 bytes. A comma-separated list rotates it: the first signs, all
    /// verify [default: created on first start in <data dir>/secret.key]
    #[arg(long, env = "LATCHKEY_SECRET", hide_env_values = true, value_parser = MasterSecrets::parse)]
    pub secret: Option<MasterSecrets>,
    /// Folder of the built site [default: the site in the program, or target/site if it contains none]
    #[arg(long, env = "LATCHKEY_SITE_ROOT", value_parser = folder)]
    pub site_root: Option<PathBuf>,
    /// The site in the program, if it contains one.
    #[arg(skip)]
    pub embedded_site: Option<EmbeddedSite>,
    /// The server's URL as users see it, without a path; issuer and audience of its tokens
    /// [default: http:// + the listen address]
    #[arg(long, env = "LATCHKEY_PUBLIC_URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// How access tokens are signed: HS256, which only Latchkey can verify, or EdDSA or ES256, which any
    /// service can.
    #[arg(long, env = "LATCHKEY_TOKEN_ALG", default_value = "HS256", value_parser = trimmed::<TokenAlgorithm>)]
    pub token_alg: TokenAlgorithm,
    /// What pages and emails look like.
    #[command(flatten)]
    pub appearance: AppearanceConfig,
    /// Where the home page / redirects to: a URL, or one of this server's paths such as /login
    /// [default: none; it says what Latchkey is]
    #[arg(long, env = "LATCHKEY_HOME_URL", value_parser = home_url)]
    pub home_url: Option<String>,
    /// Lifetime of an access token.
    #[arg(long, env = "LATCHKEY_ACCESS_TTL", default_value = "15m", value_parser = duration(LIFETIME))]
    pub access_ttl: Duration,
    /// How long a session may be idle.
    #[arg(long, env = "LATCHKEY_REFRESH_TTL", default_value = "30d", value_parser = duration(LIFETIME))]
    pub refresh_ttl: Duration,
    /// How long a session may last in total.
    #[arg(long, env = "LATCHKEY_SESSION_TTL", default_value = "90d", value_parser = duration(LIFETIME))]
    pub session_ttl: Duration,
    /// How long a used refresh token still gets a new pair.
    #[arg(long, env = "LATCHKEY_REFRESH_GRACE", default_value = "30s", value_parser = duration(GRACE))]
    pub refresh_grace: Duration,
    /// How long audit events are kept.
    #[arg(long, env = "LATCHKEY_AUDIT_TTL", default_value = "90d", value_parser = duration(LIFETIME))]
    pub audit_ttl: Duration,
    /// Cost of password hashes: KiB of memory, passes, lanes.
    #[arg(long, env = "LATCHKEY_ARGON2", default_value = "m=19456,t=2,p=1", value_parser = trimmed::<HashingCost>)]
    pub argon2: HashingCost,
    /// File of the passwords of data breaches, which new passwords must not be among; latchkey passwords
    /// build writes it [default: none]
    #[arg(long, env = "LATCHKEY_BREACHED_PASSWORDS", value_parser = file)]
    pub breached_passwords: Option<PathBuf>,
    /// How emails are sent.
    #[command(flatten)]
    pub email: EmailConfig,
    /// Who may create an account without an administrator: open, invite (with an emailed invitation) or
    /// closed.
    #[arg(long, env = "LATCHKEY_REGISTRATION", default_value = "open", value_parser = trimmed::<RegistrationPolicy>)]
    pub registration: RegistrationPolicy,
    /// true: a new account can't be used until the emailed link is opened.
    #[arg(long, env = "LATCHKEY_REQUIRE_ACTIVATION", default_value = "false", action = Set, value_parser = choice("true", "false"))]
    pub require_activation: bool,
    /// Who must have a second factor: off (nobody), admins or all. They can do nothing else before it is set
    /// up.
    #[arg(long, env = "LATCHKEY_REQUIRE_SECOND_FACTOR", default_value = "off", value_parser = trimmed::<SecondFactorPolicy>)]
    pub require_second_factor: SecondFactorPolicy,
    /// Maximum number of users in the cache; 0 turns it off.
    #[arg(long, env = "LATCHKEY_CACHE_USERS", default_value = "100000", value_parser = cache_users)]
    pub cache_users: usize,
    /// With PostgreSQL, how long the cache stays valid when change notifications stop arriving.
    #[arg(long, env = "LATCHKEY_CACHE_LEASE", default_value = "1s", value_parser = duration(LEASE))]
    pub cache_lease: Duration,
    /// How long services that verify tokens by themselves may rely on what they were last told about
    /// revocations.
    #[arg(long, env = "LATCHKEY_REVOCATION_LEASE", default_value = "1s", value_parser = duration(LEASE))]
    pub revocation_lease: Duration,
    /// true: webhooks may lead to private and local addresses, and to http:// URLs.
    #[arg(long, env = "LATCHKEY_WEBHOOK_ALLOW_PRIVATE", default_value = "false", action = Set, value_parser = choice("true", "false"))]
    pub webhook_allow_private: bool,
    /// Maximum number of database connections [default: 20 to PostgreSQL, 4 to SQLite]
    #[arg(long, env = "LATCHKEY_DB_CONNECTIONS", value_parser = connections)]
    pub db_connections: Option<u32>,
    /// How long a request waits for a database connection.
    #[arg(long, env = "LATCHKEY_DB_ACQUIRE_TIMEOUT", alias = "db-wait", default_value = "5s", value_parser = duration(TIMEOUT))]
    pub db_acquire_timeout: Duration,
    /// How long PostgreSQL may work on one statement.
    #[arg(long, env = "LATCHKEY_DB_STATEMENT_TIMEOUT", default_value = "10s", value_parser = duration(TIMEOUT))]
    pub db_statement_timeout: Duration,
    /// How long the start waits for a PostgreSQL server that can't be reached yet.
    #[arg(long, env = "LATCHKEY_DB_START_TIMEOUT", default_value = "60s", value_parser = duration(START_TIMEOUT))]
    pub db_start_timeout: Duration,
    /// GitHub, as a provider that users can sign in with.
    #[command(flatten)]
    pub github: GitHubConfig,
    /// The OpenID Connect issuers that users can sign in with. Their variables have names that the operator
    /// chooses, and so are no flags.
    #[arg(skip)]
    pub issuers: Vec<ProviderSettings>,
    /// The first administrator.
    #[command(flatten)]
    pub administrator: AdministratorConfig,
    /// How requests are limited.
    #[command(flatten)]
    pub clients: ClientConfig,
    /// What is logged.
    #[command(flatten)]
    pub log: LogConfig,
}

/// The first administrator.
#[derive(Args)]
pub struct AdministratorConfig {
    /// Email address of the first administrator, who is created at the start if there is none.
    #[arg(long, env = "LATCHKEY_ADMIN_EMAIL")]
    pub admin_email: Option<String>,
    /// Password of the first administrator.
    #[arg(long, env = "LATCHKEY_ADMIN_PASSWORD", hide_env_values = true)]
    pub admin_password: Option<SecretString>,
}

impl AdministratorConfig {
    /// Returns the email address and the password, if they are set.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn credentials(&self) -> Result<Option<(&str, &str)>, Failure> {
        match (&self.admin_email, &self.admin_password) {
            (Some(email), Some(password)) => Ok(Some((email, password.expose_secret()))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Failure::new(
                "LATCHKEY_ADMIN_PASSWORD: set it, too, or leave LATCHKEY_ADMIN_EMAIL out",
            )),
            (None, Some(_)) => Err(Failure::new(
                "LATCHKEY_ADMIN_EMAIL: set it, too, or leave LATCHKEY_ADMIN_PASSWORD out",
            )),
        }
    }
}

/// How emails are sent.
#[derive(Args)]
pub struct EmailConfig {
    /// SMTP server, smtp://user:password@host:port or smtps://…
    /// [default: emails are written as files to <data dir>/outbox]
    #[arg(long, env = "LATCHKEY_SMTP_URL", hide_env_values = true, default_value = "", hide_default_value = true, value_parser = smtp_url)]
    pub smtp_url: OptionalSmtpUrl,
    /// PEM file with certificates of authorities that the SMTP server's certificate may come from,
    /// besides the system's.
    #[arg(long, env = "LATCHKEY_SMTP_CA_FILE", default_value = "", hide_default_value = true, value_parser = ca_file)]
    pub smtp_ca_file: OptionalCaCertificates,
    /// Sender of the emails [default: <site name> <no-reply@localhost>]
    #[arg(long, env = "LATCHKEY_MAIL_FROM", value_parser = trimmed::<EmailFrom>)]
    pub mail_from: Option<EmailFrom>,
}

/// An empty value means "not set". With a plain `Option`, clap would expect the parser to return a
/// `SmtpUrl`.
pub type OptionalSmtpUrl = Option<SmtpUrl>;

/// The same for `CaCertificates`.
pub type OptionalCaCertificates = Option<CaCertificates>;

/// How requests are limited.
#[derive(Args, Clone)]
pub struct ClientConfig {
    /// How long a request may take.
    #[arg(long, env = "LATCHKEY_REQUEST_TIMEOUT", default_value = "30s", value_parser = duration(TIMEOUT))]
    pub request_timeout: Duration,
    /// How long a connection without a request stays open.
    #[arg(long, env = "LATCHKEY_KEEP_ALIVE", default_value = "75s", value_parser = duration(TIMEOUT))]
    pub keep_alive: Duration,
    /// IP addresses and networks of proxies whose X-Forwarded-For is trusted, comma-separated.
    #[arg(long, env = "LATCHKEY_TRUSTED_PROXIES", default_value = "", hide_default_value = true, value_parser = trimmed::<TrustedProxies>)]
    pub trusted_proxies: TrustedProxies,
    /// Origins whose scripts may call the API, comma-separated, such as https://app.example.com.
    #[arg(long, env = "LATCHKEY_CORS_ORIGINS", default_value = "", hide_default_value = true, value_parser = trimmed::<AllowedOrigins>)]
    pub cors_origins: AllowedOrigins,
    /// off: no limits per client and no delays after failed sign-ins, for load tests.
    #[arg(long, env = "LATCHKEY_RATE_LIMITS", default_value = "on", action = Set, value_parser = choice("on", "off"))]
    pub rate_limits: bool,
}

/// What is logged.
#[derive(Args)]
pub struct LogConfig {
    /// What to log, such as info, debug or warn,accounts=debug.
    #[arg(long = "log", env = "LATCHKEY_LOG", value_name = "LOG", default_value = "info", value_parser = log_filter)]
    pub filter: EnvFilter,
    /// text, or json for log processors.
    #[arg(long = "log-format", env = "LATCHKEY_LOG_FORMAT", value_name = "LOG_FORMAT", default_value = "text", action = Set, value_parser = choice("json", "text"))]
    pub json: bool,
}

impl Config {
    /// How the database is used.
    pub fn database(&self) -> DatabaseSettings {
        DatabaseSettings {
            connections: self.db_connections,
            wait: self.db_acquire_timeout,
            statement_timeout: self.db_statement_timeout,
        }
    }

    /// How long tokens, sessions and audit events live.
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            access: self.access_ttl,
            idle: self.refresh_ttl,
            session: self.session_ttl,
            grace: self.refresh_grace,
            audit: self.audit_ttl,
        }
    }

    /// The built site, and what its pages look like.
    pub fn site(&self) -> Result<SiteFiles, Failure> {
        let mut site = match (&self.site_root, self.embedded_site) {
            (Some(root), _) => SiteFiles::find(root)?,
            // `cargo leptos watch` replaces the files in the folder.
            (None, Some(site)) if !site::is_watched() => SiteFiles::embedded(site)?,
            (None, _) => SiteFiles::find(Path::new(SITE_ROOT))?,
        };
        site.brand = self.appearance.brand();
        site.registration = self.registration.into();
        Ok(site)
    }

    /// The public URL, or else the one of the listen address.
    pub fn server_url(&self) -> String {
        let default = || format!("http://{}", self.listen);
        self.public_url.clone().unwrap_or_else(default)
    }

    /// The providers that users can sign in with.
    pub fn providers(&self) -> Result<Vec<ProviderSettings>, Failure> {
        providers::all(&self.github, &self.issuers)
    }

    /// How users are cached.
    pub fn cache(&self) -> CacheSettings {
        CacheSettings {
            users: self.cache_users,
            lease: self.cache_lease,
        }
    }
}

/// The folder of the built site: `site-root` in Cargo.toml.
const SITE_ROOT: &str = "target/site";

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST: Duration = Duration::from_secs(10 * 365 * DAY.as_secs());

/// The bounds of lifetimes, of the grace period of refresh tokens, of leases, of timeouts, and of the interval
/// of backups.
const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(1)..=LONGEST;
const GRACE: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;
const LEASE: RangeInclusive<Duration> = Duration::from_millis(50)..=LONGEST;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=HOUR;
const START_TIMEOUT: RangeInclusive<Duration> = Duration::ZERO..=HOUR;

const INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(365 * DAY.as_secs());

const MAX_CONNECTIONS: u32 = 1000;

/// The longest file of certificates, in bytes: several times those of all public authorities.
const MAX_CA_FILE: u64 = 1024 * 1024;

fn listen(text: &str) -> Result<SocketAddr, &'static str> {
    trimmed(text).map_err(|_| "write it as <IP address>:<port>, such as 127.0.0.1:3000")
}

fn folder(path: &str) -> Result<PathBuf, &'static str> {
    if path.is_empty() {
        return Err("name a folder");
    }
    Ok(path.into())
}

fn file(path: &str) -> Result<PathBuf, &'static str> {
    folder(path).map_err(|_| "name a file")
}

/// Returns a parser of durations within `bounds`.
fn duration(
    bounds: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync {
    move |text| {
        let duration = humantime::parse_duration(text.trim())
            .map_err(|error| format!("{error}; write it as 90s, 15m, 12h or 30d"))?;
        if !bounds.contains(&duration) {
            let (shortest, longest) = (in_words(*bounds.start()), in_words(*bounds.end()));
            return Err(format!("it must be from {shortest} to {longest}"));
        }
        Ok(duration)
    }
}

/// Parses the lifetime of a service key.
pub fn key_lifetime(text: &str) -> Result<Duration, String> {
    duration(LIFETIME)(text)
}

/// Parses the interval of backups.
pub fn backup_interval(text: &str) -> Result<Duration, String> {
    duration(INTERVAL)(text)
}

/// Formats a duration like the setting: `humantime` would write days as months and years.
fn in_words(duration: Duration) -> String {
    match duration.as_secs() / DAY.as_secs() {
        0 => humantime::format_duration(duration).to_string(),
        days => format!("{days}d"),
    }
}

fn cache_users(text: &str) -> Result<usize, &'static str> {
    trimmed(text).map_err(|_| "write it as a number of users, such as 100000")
}

fn connections(text: &str) -> Result<u32, String> {
    trimmed(text)
        .ok()
        .filter(|number| (1..=MAX_CONNECTIONS).contains(number))
        .ok_or_else(|| format!("write it as a number from 1 to {MAX_CONNECTIONS}"))
}

fn smtp_url(text: &str) -> Result<OptionalSmtpUrl, <SmtpUrl as FromStr>::Err> {
    match text.trim() {
        "" => Ok(None),
        url => url.parse().map(Some),
    }
}

/// Reads a file of certificates. No path means that there is none.
fn ca_file(path: &str) -> Result<OptionalCaCertificates, String> {
    let path = path.trim();
    if path.is_empty() {
        return Ok(None);
    }
    let pem = read_file(Path::new(path), MAX_CA_FILE);
    let pem = pem.map_err(|error| format!("can't read {path}: {error}"))?;
    let pem = pem.ok_or_else(|| format!("{path} is longer than {} KiB", MAX_CA_FILE / 1024))?;
    match CaCertificates::from_pem(&pem) {
        Ok(certificates) => Ok(Some(certificates)),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// Parses a public URL and returns it without a trailing slash.
fn public_url(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text.trim().trim_end_matches('/'))
        .map_err(|_| "write it as https://<host>, such as https://accounts.example.com")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it must start with https:// or http://, and name a host");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("it must end after the host and port");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a user or a password");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Parses the target of the home page's redirect: a URL, or a path of this server. A path that begins with
/// two slashes would be another server's.
fn home_url(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.starts_with('/') {
        let base = Url::parse("http://localhost").map_err(|_| "it can't be read")?;
        let url = base.join(text).map_err(|_| "it is not a valid path")?;
        if url.origin() != base.origin() {
            return Err("a path must begin with one slash");
        }
        if url.path() == "/" {
            return Err("the home page can't redirect to itself");
        }
        return Ok(url[Position::BeforePath..].to_owned());
    }
    let url = Url::parse(text)
        .map_err(|_| "write it as https://<host>/<path>, such as https://app.example.com")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it must start with https://, http:// or /");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a user or a password");
    }
    Ok(url.into())
}

/// Parses a log filter. A bare word must be a level: `EnvFilter` would read a mistyped level as the
/// name of a module, and log nothing else.
fn log_filter(text: &str) -> Result<EnvFilter, String> {
    let unknown = text
        .split(',')
        .map(str::trim)
        .find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err());
    if let Some(part) = unknown {
        return Err(format!(
            "{part:?} is none of off, error, warn, info, debug and trace"
        ));
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}
