//! `latchkey check`: looks at everything that the server needs, and changes nothing.

use std::{fmt::Display, time::Duration};

use accounts::{
    Clock, Database, EmailTransport, Inspection, OsRandom, Random, Schema, SystemClock,
};
use url::{Host, Url};

use super::{AppPaths, breached_passwords, print_line, runtime, warnings};
use crate::{config::Config, data_dir, failure::Failure};

/// How far clocks may differ before that is worth a warning, and before tokens and links are refused for it.
const NOTABLE_OFFSET: Duration = Duration::from_secs(1);
const INTOLERABLE_OFFSET: Duration = Duration::from_secs(60);

/// A database with the tables that this program needs, and what is known of it.
struct Opened {
    database: Database,
    inspection: Inspection,
}

/// What has been found so far. Each point is printed at once.
#[derive(Default)]
struct Report {
    points: usize,
    failed: usize,
}

impl Report {
    fn ok(&mut self, point: &str, text: impl Display) -> Result<(), Failure> {
        self.print("ok", point, &text)
    }

    fn warn(&mut self, point: &str, text: impl Display) -> Result<(), Failure> {
        self.print("warning", point, &text)
    }

    fn fail(&mut self, point: &str, text: impl Display) -> Result<(), Failure> {
        self.failed += 1;
        self.print("FAILED", point, &text)
    }

    fn print(&mut self, result: &str, point: &str, text: &dyn Display) -> Result<(), Failure> {
        self.points += 1;
        print_line(format_args!("{result:<8} {point}: {text}"))
    }

    fn end(self) -> Result<(), Failure> {
        match self.failed {
            0 => Ok(()),
            failed => Err(Failure::new(format!(
                "{failed} of {} points failed",
                self.points
            ))),
        }
    }
}

/// `latchkey check`, with the warnings about unknown settings, and the recipient of an email that is to be
/// sent.
pub fn check(
    config: &Config,
    unknown_settings: &[String],
    recipient: Option<&str>,
) -> Result<(), Failure> {
    let mut report = Report::default();
    for warning in unknown_settings {
        report.warn("settings", warning)?;
    }
    if unknown_settings.is_empty() {
        report.ok("settings", "all are known and can be read")?;
    }
    let paths = AppPaths::find(config);
    runtime()?.block_on(async {
        check_data_folder(&mut report, config)?;
        let opened = check_database(&mut report, &paths).await?;
        check_secret(&mut report, &paths, config, opened.as_ref()).await?;
        check_breached_passwords(&mut report, config)?;
        check_administrator(&mut report, config)?;
        check_email(&mut report, config, recipient).await?;
        check_providers(&mut report, config)?;
        check_public_url(&mut report, config)?;
        if let Some(warning) = warnings::passkeys(config) {
            report.warn("passkeys", warning)?;
        }
        check_proxies(&mut report, config)?;
        check_clock(&mut report, opened.as_ref()).await?;
        if let Some(opened) = opened {
            opened.database.close().await;
        }
        report.end()
    })
}

/// Looks at the settings only: the server, too, asks a provider for nothing before somebody signs in.
fn check_providers(report: &mut Report, config: &Config) -> Result<(), Failure> {
    const POINT: &str = "providers";
    match config.providers() {
        Err(failure) => report.fail(POINT, failure),
        Ok(providers) if providers.is_empty() => Ok(()),
        Ok(providers) => {
            let names = providers.iter().map(|provider| provider.name.as_str());
            report.ok(POINT, names.collect::<Vec<_>>().join(", "))
        }
    }
}

fn check_data_folder(report: &mut Report, config: &Config) -> Result<(), Failure> {
    const POINT: &str = "data folder";
    let folder = &config.data_dir;
    if !folder.exists() {
        let text = format!("{} is not there; the server creates it", folder.display());
        return report.ok(POINT, text);
    }
    if let Err(failure) = data_dir::create(folder) {
        return report.fail(POINT, failure);
    }
    match warnings::data_folder(config) {
        Some(warning) => report.warn(POINT, warning),
        None => report.ok(POINT, folder.display()),
    }
}

/// Returns the database if it has the tables that this program needs.
async fn check_database(report: &mut Report, paths: &AppPaths) -> Result<Option<Opened>, Failure> {
    const POINT: &str = "database";
    let url = &paths.database_url;
    if url.file().is_some_and(|file| !file.exists()) {
        report.ok(
            POINT,
            format!("{paths} is not there; the server creates it"),
        )?;
        return Ok(None);
    }
    let database = match Database::open(url, paths.database).await {
        Ok(database) => database,
        Err(error) => {
            report.fail(POINT, format!("can't use {paths}: {error}"))?;
            return Ok(None);
        }
    };
    let inspection = match database.inspect(&SystemClock).await {
        Ok(inspection) => inspection,
        Err(error) => {
            report.fail(POINT, format!("can't read {paths}: {error}"))?;
            return Ok(None);
        }
    };
    let system = match url.file() {
        Some(_) => "SQLite",
        None => "PostgreSQL",
    };
    report.ok(POINT, format!("{paths} ({system} {})", inspection.version))?;
    let has_tables = check_tables(report, &database, inspection.may_create_tables).await?;
    Ok(has_tables.then_some(Opened {
        database,
        inspection,
    }))
}

/// Returns whether the tables are those that this program needs.
async fn check_tables(
    report: &mut Report,
    database: &Database,
    may_create: bool,
) -> Result<bool, Failure> {
    const POINT: &str = "tables";
    const NO_RIGHT: &str =
        "this role may not create tables; run latchkey migrate with one that may";
    let schema = database.schema().await;
    let is_current = matches!(schema, Ok(Schema::Current));
    match schema {
        Ok(Schema::Current) => match database.try_to_write(&OsRandom).await {
            Ok(()) => report.ok(POINT, "up to date, and can be written"),
            Err(error) => report.fail(POINT, format!("they can't be written: {error}")),
        },
        Ok(Schema::Missing | Schema::Outdated) if !may_create => report.fail(POINT, NO_RIGHT),
        Ok(Schema::Missing) => report.ok(POINT, "none yet; the server creates them"),
        Ok(Schema::Outdated) => {
            report.warn(POINT, "older than this program; the server updates them")
        }
        Err(error) => report.fail(POINT, error),
    }?;
    Ok(is_current)
}

async fn check_secret(
    report: &mut Report,
    paths: &AppPaths,
    config: &Config,
    opened: Option<&Opened>,
) -> Result<(), Failure> {
    const POINT: &str = "secret";
    const NONE_YET: &str = "the server creates it in the data folder";
    let configured = config.secret.as_ref();
    let source = if config.secret.is_some() {
        "LATCHKEY_SECRET"
    } else {
        "secret.key in the data folder"
    };
    let Some(Opened { database, .. }) = opened else {
        let has_secret = configured.is_some() || data_dir::has_secret(&paths.data_dir);
        return report.ok(POINT, if has_secret { source } else { NONE_YET });
    };
    if let Ok(true) = paths.has_no_secret_yet(database, configured).await {
        return report.ok(POINT, NONE_YET);
    }
    let fitting = paths.present_master_secrets(database, configured.cloned());
    match fitting.await {
        Ok(_) => report.ok(POINT, format!("{source}, with which the data was written")),
        Err(failure) => report.fail(POINT, failure),
    }
}

/// Reads the whole file, which the start does not.
fn check_breached_passwords(report: &mut Report, config: &Config) -> Result<(), Failure> {
    const POINT: &str = "breached passwords";
    let breached = match breached_passwords(config) {
        Ok(Some(breached)) => breached,
        Ok(None) => return report.ok(POINT, "LATCHKEY_BREACHED_PASSWORDS is not set"),
        Err(failure) => return report.fail(POINT, failure),
    };
    match breached.verify() {
        Ok(()) => report.ok(POINT, format!("{breached} has {} hashes", breached.keys())),
        Err(error) => report.fail(
            POINT,
            format!("LATCHKEY_BREACHED_PASSWORDS: {breached}: {error}"),
        ),
    }
}

fn check_administrator(report: &mut Report, config: &Config) -> Result<(), Failure> {
    match config.administrator.credentials() {
        Ok(_) => Ok(()),
        Err(failure) => report.fail("administrator", failure),
    }
}

async fn check_email(
    report: &mut Report,
    config: &Config,
    recipient: Option<&str>,
) -> Result<(), Failure> {
    const POINT: &str = "email";
    let Some(server) = &config.email.smtp_url else {
        let text =
            "LATCHKEY_SMTP_URL is not set, so emails are written to files in the data folder";
        return report.warn(POINT, text);
    };
    let sender = config.appearance.sender(config.email.mail_from.clone());
    let transport = EmailTransport::smtp(
        server,
        config.email.smtp_ca_file.as_ref(),
        &config.server_url(),
    );
    let random: &dyn Random = &OsRandom;
    let tested = match transport {
        Ok(transport) => {
            let test = transport.test(&sender, recipient, random.id(), SystemClock.now());
            test.await
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = tested {
        return report.fail(POINT, format!("{server} takes no email: {reason}"));
    }
    if let Some(warning) = warnings::sender(config) {
        return report.warn(POINT, warning);
    }
    let from = sender.address();
    match recipient {
        Some(to) => report.ok(POINT, format!("{server} took an email from {from} to {to}")),
        None => report.ok(POINT, format!("{server} answers; the sender is {from}")),
    }
}

fn check_public_url(report: &mut Report, config: &Config) -> Result<(), Failure> {
    const POINT: &str = "public URL";
    if let Some(warning) = warnings::public_url(config) {
        return report.warn(POINT, warning);
    }
    match &config.public_url {
        Some(url) if url.starts_with("http://") && !is_local(url) => report.warn(
            POINT,
            format!("{url} is not encrypted; put a proxy with TLS before the server"),
        ),
        _ => report.ok(POINT, config.server_url()),
    }
}

/// Whether the URL names this machine only.
fn is_local(url: &str) -> bool {
    let url = Url::parse(url).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn check_proxies(report: &mut Report, config: &Config) -> Result<(), Failure> {
    const POINT: &str = "proxies";
    let has_proxy = config
        .public_url
        .as_deref()
        .is_some_and(|url| url.starts_with("https://"));
    match (config.clients.trusted_proxies.is_empty(), has_proxy) {
        (true, true) => report.warn(
            POINT,
            "LATCHKEY_TRUSTED_PROXIES is not set, so all who come through the proxy count as one client",
        ),
        (true, false) => report.ok(POINT, "none are trusted"),
        (false, _) => report.ok(POINT, "X-Forwarded-For of the trusted ones counts"),
    }
}

async fn check_clock(report: &mut Report, opened: Option<&Opened>) -> Result<(), Failure> {
    const POINT: &str = "clock";
    let now = SystemClock.now();
    let Some(opened) = opened else {
        return report.ok(POINT, now);
    };
    let milliseconds = opened.inspection.clock_offset;
    let offset = Duration::from_millis(milliseconds.unsigned_abs());
    let text = format!("the database's clock differs by {milliseconds} ms");
    if offset >= INTOLERABLE_OFFSET {
        return report.fail(POINT, text);
    }
    if offset >= NOTABLE_OFFSET {
        return report.warn(POINT, text);
    }
    match opened.database.newest_event().await {
        Ok(Some(newest)) if newest.since(now) >= INTOLERABLE_OFFSET => report.fail(
            POINT,
            format!("it is {now}, but the newest event in the database is of {newest}"),
        ),
        _ => report.ok(POINT, now),
    }
}
