//! `latchkey check`: looks at everything that the server needs, and changes nothing.

use std::fmt::Display;

use accounts::{Clock, Database, EmailTransport, OsRandom, Random, Schema, SystemClock};
use url::{Host, Url};

use super::{AppPaths, print_line, runtime};
use crate::{config::Config, data_dir, failure::Failure};

/// How far the database's clock may be off, in milliseconds, before that is worth a warning, and before
/// tokens and links are refused for it.
const NOTABLE_OFFSET: u64 = 1_000;
const TOLERABLE_OFFSET: u64 = 60_000;
const TOLERABLE_SECONDS: i64 = 60;

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
        let database = check_database(&mut report, &paths).await?;
        check_secret(&mut report, &paths, config, database.as_ref()).await?;
        check_administrator(&mut report, config)?;
        check_email(&mut report, config, recipient).await?;
        check_public_url(&mut report, config)?;
        check_proxies(&mut report, config)?;
        check_clock(&mut report, database.as_ref()).await?;
        if let Some(database) = database {
            database.close().await;
        }
        report.end()
    })
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
    if data_dir::is_readable_by_others(folder) {
        let text = format!(
            "other users can read {}; set its mode to 0700",
            folder.display()
        );
        return report.warn(POINT, text);
    }
    report.ok(POINT, folder.display())
}

/// Returns the database if there is one with tables.
async fn check_database(
    report: &mut Report,
    paths: &AppPaths,
) -> Result<Option<Database>, Failure> {
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
    let inspection = match database.inspect().await {
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
    Ok(has_tables.then_some(database))
}

/// Returns whether there are tables that can be read.
async fn check_tables(
    report: &mut Report,
    database: &Database,
    may_create: bool,
) -> Result<bool, Failure> {
    const POINT: &str = "tables";
    const NO_RIGHT: &str =
        "this role may not create tables; run latchkey migrate with one that may";
    match database.schema().await {
        Ok(Schema::Current) => match database.try_to_write(&OsRandom).await {
            Ok(()) => report.ok(POINT, "up to date, and can be written")?,
            Err(error) => report.fail(POINT, format!("they can't be written: {error}"))?,
        },
        Ok(Schema::Missing | Schema::Outdated) if !may_create => report.fail(POINT, NO_RIGHT)?,
        Ok(Schema::Missing) => {
            report.ok(POINT, "none yet; the server creates them")?;
            return Ok(false);
        }
        Ok(Schema::Outdated) => {
            report.warn(POINT, "older than this program; the server updates them")?;
            return Ok(false);
        }
        Err(error) => {
            report.fail(POINT, error)?;
            return Ok(false);
        }
    }
    Ok(true)
}

async fn check_secret(
    report: &mut Report,
    paths: &AppPaths,
    config: &Config,
    database: Option<&Database>,
) -> Result<(), Failure> {
    const POINT: &str = "secret";
    let source = if config.secret.is_some() {
        "LATCHKEY_SECRET"
    } else {
        "secret.key in the data folder"
    };
    let has_secret = config.secret.is_some() || data_dir::has_secret(&paths.data_dir);
    let Some(database) = database else {
        return match has_secret {
            true => report.ok(POINT, source),
            false => report.ok(POINT, "the server creates it in the data folder"),
        };
    };
    let has_data = database.has_data().await;
    if !has_secret && has_data.is_ok_and(|has_data| !has_data) {
        return report.ok(POINT, "the server creates it in the data folder");
    }
    let configured = config.secret.clone();
    match paths.present_master_secrets(database, configured).await {
        Ok(_) => report.ok(POINT, format!("{source}, with which the data was written")),
        Err(failure) => report.fail(POINT, failure),
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
        Ok(transport) => transport.test(&sender, recipient, random.id()).await,
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = tested {
        return report.fail(POINT, format!("{server} takes no email: {reason}"));
    }
    let from = sender.address();
    if sender.is_local() {
        let text = format!("mail servers refuse emails from {from}; set LATCHKEY_MAIL_FROM");
        return report.warn(POINT, text);
    }
    match recipient {
        Some(to) => report.ok(POINT, format!("{server} took an email from {from} to {to}")),
        None => report.ok(POINT, format!("{server} answers; the sender is {from}")),
    }
}

fn check_public_url(report: &mut Report, config: &Config) -> Result<(), Failure> {
    const POINT: &str = "public URL";
    let url = config.server_url();
    let is_public = !config.listen.ip().is_loopback();
    match &config.public_url {
        None if is_public => {
            let text =
                "LATCHKEY_PUBLIC_URL is not set, so emailed links lead to the listen address";
            report.warn(POINT, text)
        }
        Some(url) if url.starts_with("http://") && !is_local(url) => report.warn(
            POINT,
            format!("{url} is not encrypted; put a proxy with TLS before the server"),
        ),
        _ => report.ok(POINT, url),
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

async fn check_clock(report: &mut Report, database: Option<&Database>) -> Result<(), Failure> {
    const POINT: &str = "clock";
    let now = SystemClock.now();
    let Some(database) = database else {
        return report.ok(POINT, now);
    };
    if let Ok(inspection) = database.inspect().await {
        let offset = inspection.clock_offset(SystemClock.now());
        let text = format!("the database's clock differs by {offset} ms");
        match offset.unsigned_abs() {
            TOLERABLE_OFFSET.. => return report.fail(POINT, text),
            NOTABLE_OFFSET.. => return report.warn(POINT, text),
            _ => {}
        }
    }
    match database.newest_event().await {
        Ok(Some(newest)) if newest.unix_seconds() > now.unix_seconds() + TOLERABLE_SECONDS => {
            report.fail(
                POINT,
                format!("it is {now}, but the newest event in the database is of {newest}"),
            )
        }
        _ => report.ok(POINT, now),
    }
}
