//! The settings, read and checked.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use accounts::{
    CacheSettings, DatabaseSettings, DatabaseUrl, EmailFrom, HashingCost, Lifetimes, MasterSecrets,
    SmtpUrl,
};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};
use url::Url;

use crate::{cli::Settings, failure::Failure, middleware::TrustedProxies};

/// What the program was told.
pub struct Config {
    /// Address to serve.
    pub listen: SocketAddr,
    /// Folder of the embedded database and the master secret.
    pub data_dir: PathBuf,
    /// The database, unless it is the embedded one.
    pub database_url: Option<DatabaseUrl>,
    /// How the database is used.
    pub database: DatabaseSettings,
    /// The master secrets, unless they are in the data folder.
    pub master_secrets: Option<MasterSecrets>,
    /// Folder of the built site.
    pub site_root: PathBuf,
    /// The server's URL, without a slash at its end, unless it follows from the address.
    pub public_url: Option<String>,
    /// How long tokens and sessions live, and it is kept what has happened.
    pub lifetimes: Lifetimes,
    /// The cost of password hashes.
    pub hashing_cost: HashingCost,
    /// Whether new accounts can be used only once their address is proved.
    pub require_activation: bool,
    /// How mails go out.
    pub mail: MailConfig,
    /// How users are kept in memory.
    pub cache: CacheSettings,
    /// Who asks, how often, and how long they wait.
    pub clients: ClientConfig,
    /// What to log.
    pub log: LogConfig,
}

/// How mails go out.
pub struct MailConfig {
    /// The mail server; without one, mails are written to the data folder.
    pub smtp: Option<SmtpUrl>,
    /// UserSelector they come from.
    pub from: EmailFrom,
}

/// Who asks, how often, and how long they wait.
pub struct ClientConfig {
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether there is a limit to how often one client may ask, and how often a password may be
    /// guessed.
    pub rate_limits: bool,
    /// How long a request may take.
    pub request_timeout: Duration,
}

/// What to log, and how.
pub struct LogConfig {
    /// Which events.
    pub filter: EnvFilter,
    /// For machines.
    pub json: bool,
}

/// A setting that can't be read.
pub struct BadSetting {
    variable: &'static str,
    reason: String,
}

impl BadSetting {
    fn new(variable: &'static str, reason: impl ToString) -> Self {
        Self {
            variable,
            reason: reason.to_string(),
        }
    }

    /// One line that names the setting; a bad flag is a bad option.
    pub fn into_failure(self, is_flag: impl Fn(&str) -> bool) -> Failure {
        let Self { variable, reason } = self;
        let id = variable
            .trim_start_matches("LATCHKEY_")
            .to_ascii_lowercase();
        if is_flag(&id) {
            let flag = id.replace('_', "-");
            Failure::Usage(format!("--{flag} ({variable}): {reason}"))
        } else {
            Failure::Other(format!("{variable}: {reason}"))
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest life that can be set.
const LONGEST: Duration = Duration::from_secs(10 * 365 * DAY.as_secs());

/// From and to what limits on waiting can be set: nobody waits for longer than an hour.
const WAITS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60 * 60);

/// The most connections to the database that can be set.
const MOST_CONNECTIONS: u32 = 1000;

impl Config {
    /// Reads the settings.
    pub fn read(settings: &Settings) -> Result<Self, BadSetting> {
        let life = Duration::from_secs(1)..=LONGEST;
        Ok(Self {
            listen: parse(
                "LATCHKEY_LISTEN",
                &settings.listen,
                |_| "write it as <IP address>:<port>, such as 127.0.0.1:3000",
            )?,
            data_dir: folder("LATCHKEY_DATA_DIR", &settings.data_dir)?,
            database_url: settings
                .database_url
                .as_deref()
                .map(|url| parse("DATABASE_URL", url, |error| error))
                .transpose()?,
            database: DatabaseSettings {
                connections: settings
                    .db_connections
                    .as_deref()
                    .map(connections)
                    .transpose()?,
                wait: duration("LATCHKEY_DB_WAIT", &settings.db_wait, &WAITS)?,
                statement_timeout: duration(
                    "LATCHKEY_DB_STATEMENT_TIMEOUT",
                    &settings.db_statement_timeout,
                    &WAITS,
                )?,
            },
            master_secrets: settings
                .secret
                .as_deref()
                .map(MasterSecrets::parse)
                .transpose()
                .map_err(|error| BadSetting::new("LATCHKEY_SECRET", error))?,
            site_root: folder("LATCHKEY_SITE_ROOT", &settings.site_root)?,
            public_url: settings.public_url.as_deref().map(public_url).transpose()?,
            lifetimes: Lifetimes {
                access: duration("LATCHKEY_ACCESS_TTL", &settings.access_ttl, &life)?,
                idle: duration("LATCHKEY_REFRESH_TTL", &settings.refresh_ttl, &life)?,
                session: duration("LATCHKEY_SESSION_TTL", &settings.session_ttl, &life)?,
                grace: duration(
                    "LATCHKEY_REFRESH_GRACE",
                    &settings.refresh_grace,
                    &(Duration::ZERO..=LONGEST),
                )?,
                audit: duration("LATCHKEY_AUDIT_TTL", &settings.audit_ttl, &life)?,
            },
            hashing_cost: parse("LATCHKEY_ARGON2", &settings.argon2, |error| error)?,
            require_activation: parse(
                "LATCHKEY_REQUIRE_ACTIVATION",
                &settings.require_activation,
                |_| "take true or false",
            )?,
            mail: MailConfig {
                smtp: settings
                    .smtp_url
                    .as_deref()
                    .filter(|url| !url.trim().is_empty())
                    .map(|url| parse("LATCHKEY_SMTP_URL", url, |error| error))
                    .transpose()?,
                from: parse("LATCHKEY_MAIL_FROM", &settings.mail_from, |error| error)?,
            },
            cache: CacheSettings {
                users: parse(
                    "LATCHKEY_CACHE_USERS",
                    &settings.cache_users,
                    |_| "write it as a number of users, such as 100000",
                )?,
                lease: duration(
                    "LATCHKEY_CACHE_LEASE",
                    &settings.cache_lease,
                    &(Duration::from_millis(50)..=LONGEST),
                )?,
            },
            clients: ClientConfig {
                trusted_proxies: parse(
                    "LATCHKEY_TRUSTED_PROXIES",
                    &settings.trusted_proxies,
                    |error| error,
                )?,
                rate_limits: match settings.rate_limits.trim() {
                    "on" => true,
                    "off" => false,
                    _ => return Err(BadSetting::new("LATCHKEY_RATE_LIMITS", "take on or off")),
                },
                request_timeout: duration(
                    "LATCHKEY_REQUEST_TIMEOUT",
                    &settings.request_timeout,
                    &WAITS,
                )?,
            },
            log: LogConfig {
                filter: log_filter(&settings.log)?,
                json: match settings.log_format.as_str() {
                    "text" => false,
                    "json" => true,
                    _ => return Err(BadSetting::new("LATCHKEY_LOG_FORMAT", "take text or json")),
                },
            },
        })
    }
}

/// What is to be logged. A word alone must be a level: a mistyped one would be taken for a place in the
/// code, and everything else would go unlogged.
fn log_filter(text: &str) -> Result<EnvFilter, BadSetting> {
    let bad = |reason: String| BadSetting::new("LATCHKEY_LOG", reason);
    let unclear = text
        .split(',')
        .map(str::trim)
        .find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err());
    if let Some(part) = unclear {
        return Err(bad(format!(
            "{part:?} is none of off, error, warn, info, debug and trace"
        )));
    }
    EnvFilter::try_new(text).map_err(|error| bad(error.to_string()))
}

fn parse<T: FromStr, M: ToString>(
    variable: &'static str,
    text: &str,
    reason: impl FnOnce(T::Err) -> M,
) -> Result<T, BadSetting> {
    text.trim()
        .parse()
        .map_err(|error| BadSetting::new(variable, reason(error)))
}

fn folder(variable: &'static str, path: &str) -> Result<PathBuf, BadSetting> {
    if path.is_empty() {
        return Err(BadSetting::new(variable, "name a folder"));
    }
    Ok(PathBuf::from(path))
}

fn duration(
    variable: &'static str,
    text: &str,
    bounds: &RangeInclusive<Duration>,
) -> Result<Duration, BadSetting> {
    let duration = humantime::parse_duration(text.trim()).map_err(|error| {
        BadSetting::new(
            variable,
            format!("{error}; write it as 90s, 15m, 12h or 30d"),
        )
    })?;
    if !bounds.contains(&duration) {
        let (shortest, longest) = (written(*bounds.start()), written(*bounds.end()));
        return Err(BadSetting::new(
            variable,
            format!("it must be from {shortest} to {longest}"),
        ));
    }
    Ok(duration)
}

/// As the setting is written: days are the longest unit.
fn written(duration: Duration) -> String {
    match duration.as_secs() / DAY.as_secs() {
        0 => humantime::format_duration(duration).to_string(),
        days => format!("{days}d"),
    }
}

fn connections(text: &str) -> Result<u32, BadSetting> {
    let number = text.trim().parse().ok();
    number
        .filter(|number| (1..=MOST_CONNECTIONS).contains(number))
        .ok_or_else(|| {
            BadSetting::new(
                "LATCHKEY_DB_CONNECTIONS",
                format!("write it as a number from 1 to {MOST_CONNECTIONS}"),
            )
        })
}

fn public_url(text: &str) -> Result<String, BadSetting> {
    let bad = |reason| BadSetting::new("LATCHKEY_PUBLIC_URL", reason);
    let text = text.trim().trim_end_matches('/');
    let url = Url::parse(text)
        .map_err(|_| bad("write it as https://<host>, such as https://accounts.example.com"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad(
            "it must start with https:// or http://, and name a host",
        ));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it must end after the host and port"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it must not hold a user or a password"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
