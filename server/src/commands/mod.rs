//! The commands of the program.

mod archive;
pub mod audit;
pub mod backup;
pub mod check;
pub mod copy;
pub mod health;
pub mod import;
pub mod invitations;
pub mod keys;
pub mod passwords;
pub mod restore;
mod staging;
pub mod users;
mod warnings;

use std::{
    fmt,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use accounts::{
    Accounts, BreachedPasswords, Database, DatabaseSettings, DatabaseUrl, EmailTransport,
    EmailWorker, Error, MasterSecrets, OsRandom, Schema, Settings, SystemClock, printable,
};
use serde::Serialize;

use crate::{
    config::{Config, EmailConfig},
    data_dir,
    failure::Failure,
    logging,
    serve::{self, Listener, Listeners},
    signals,
};

/// `latchkey serve`. Logs the warnings about unknown settings first.
pub fn serve(config: Config, unknown_settings: &[String]) -> Result<(), Failure> {
    let mut site = config.site()?;
    logging::start(&config.log);
    for warning in unknown_settings {
        tracing::warn!("{warning}");
    }
    let paths = AppPaths::prepare(&config)?;
    for warning in warnings::all(&config) {
        tracing::warn!("{warning}");
    }
    runtime()?.block_on(async move {
        signals::survive()?;
        let database = paths.open_database().await?;
        let secrets = paths
            .master_secrets(&database, config.secret.clone())
            .await?;
        let public = Listener::take_or_bind("LATCHKEY_LISTEN", config.listen).await?;
        let metrics = match config.metrics_listen {
            Some(address) => Some(Listener::bind("LATCHKEY_METRICS_LISTEN", address).await?),
            None => None,
        };
        let public_url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", public.address));
        site.home_url = home_url(&config, &public_url)?;
        let (accounts, email_worker) = paths
            .start_accounts(&config, database, secrets, &public_url)
            .await?;
        let message = format!("Latchkey is serving {public_url} (database: {paths})");
        logging::announce(&message, config.log.json);
        serve::serve(
            Listeners { public, metrics },
            accounts,
            email_worker,
            site,
            &public_url,
            config.clients,
        )
        .await
    })
}

/// Returns where the home page redirects to, unless that is the home page itself.
fn home_url(config: &Config, public_url: &str) -> Result<Option<String>, Failure> {
    let is_home = |url: &str| {
        let page = url.split(['?', '#']).next().unwrap_or_default();
        page.trim_end_matches('/') == public_url
    };
    if config.home_url.as_deref().is_some_and(is_home) {
        let reason = "LATCHKEY_HOME_URL: the home page can't redirect to itself";
        return Err(Failure::new(reason));
    }
    Ok(config.home_url.clone())
}

/// `latchkey migrate`
pub fn migrate(config: &Config) -> Result<(), Failure> {
    let paths = AppPaths::prepare(config)?;
    runtime()?.block_on(async {
        paths.open_database().await?.close().await;
        print_line(format_args!("The database tables are up to date: {paths}"))
    })
}

/// Creates the domain from the settings.
fn accounts(
    config: &Config,
    database: Database,
    public_url: String,
    master_secrets: MasterSecrets,
) -> Result<Accounts, Failure> {
    let settings = Settings {
        public_url,
        site_name: config.appearance.site_name.clone(),
        master_secrets,
        token_algorithm: config.token_alg,
        hashing_cost: config.argon2.clone(),
        breached_passwords: breached_passwords(config)?,
        lifetimes: config.lifetimes(),
        registration: config.registration,
        require_activation: config.require_activation,
        require_second_factor: config.require_second_factor,
        throttle_failed_sign_ins: config.clients.rate_limits,
        cache: config.cache(),
        revocation_lease: config.revocation_lease,
        webhook_allow_private: config.webhook_allow_private,
        providers: config.providers()?,
    };
    Accounts::new(database, settings, SystemClock, OsRandom).map_err(Failure::new)
}

/// Opens the file of breached passwords, if the settings name one.
fn breached_passwords(config: &Config) -> Result<Option<BreachedPasswords>, Failure> {
    let open = |path: &Path| {
        BreachedPasswords::open(path).map_err(|error| {
            let path = path.display();
            Failure::new(format!("LATCHKEY_BREACHED_PASSWORDS: {path}: {error}"))
        })
    };
    config.breached_passwords.as_deref().map(open).transpose()
}

/// Creates the administrator that the settings name, if there is none.
async fn create_first_administrator(accounts: &Accounts, config: &Config) -> Result<(), Failure> {
    let Some((email, password)) = config.administrator.credentials()? else {
        return Ok(());
    };
    let created = accounts.create_first_administrator(Some(email), Some(password));
    match created.await {
        Ok(Some(user)) => {
            tracing::info!(user_id = %user.id, "the first administrator was created");
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(Error::Fields(fields)) => {
            let variable = |field: &str| match field {
                "password" => "LATCHKEY_ADMIN_PASSWORD",
                _ => "LATCHKEY_ADMIN_EMAIL",
            };
            let lines = fields
                .iter()
                .map(|(field, messages)| format!("{}: {}", variable(field), messages.join(" ")));
            Err(Failure::new(lines.collect::<Vec<_>>().join(" ")))
        }
        Err(error) => Err(Failure::new(format!("LATCHKEY_ADMIN_EMAIL: {error}"))),
    }
}

/// Where the program keeps its data: the data folder and the database.
pub struct AppPaths {
    data_dir: PathBuf,
    database_url: DatabaseUrl,
    database: DatabaseSettings,
    start_timeout: Duration,
}

impl AppPaths {
    /// Determines the paths, and creates the data folder if it contains the database. Only what starts
    /// something new calls this.
    pub fn prepare(config: &Config) -> Result<Self, Failure> {
        let paths = Self::find(config);
        if config.database_url.is_none() {
            data_dir::create(&config.data_dir)?;
        }
        Ok(paths)
    }

    /// Determines the paths.
    fn find(config: &Config) -> Self {
        let in_folder = || DatabaseUrl::sqlite_file(config.data_dir.join("latchkey.db"));
        Self {
            data_dir: config.data_dir.clone(),
            database_url: config.database_url.clone().unwrap_or_else(in_folder),
            database: config.database(),
            start_timeout: config.db_start_timeout,
        }
    }

    /// Returns the configured master secrets, or else those in the data folder, where a new one is
    /// created on the first start. The first is noted as the one that the data belongs to.
    pub async fn master_secrets(
        &self,
        database: &Database,
        configured: Option<MasterSecrets>,
    ) -> Result<MasterSecrets, Failure> {
        if self
            .has_no_secret_yet(database, configured.as_ref())
            .await?
        {
            data_dir::create_secret(&self.data_dir)?;
        }
        let secrets = self.existing_master_secrets(configured)?;
        let fits = database.adopt(&secrets).await;
        if fits.map_err(|error| self.failed(&error))? {
            return Ok(secrets);
        }
        Err(self.other_secret())
    }

    /// Returns the configured master secrets, or else those in the data folder, if the data was
    /// written with them. Creates nothing.
    async fn present_master_secrets(
        &self,
        database: &Database,
        configured: Option<MasterSecrets>,
    ) -> Result<MasterSecrets, Failure> {
        if self
            .has_no_secret_yet(database, configured.as_ref())
            .await?
        {
            return Err(Failure::new(format!(
                "there is no master secret yet in {}; start the server first, or set LATCHKEY_DATA_DIR \
                 to where it is",
                self.data_dir.display()
            )));
        }
        let secrets = self.existing_master_secrets(configured)?;
        let fits = database.fits(&secrets).await;
        if fits.map_err(|error| self.failed(&error))? {
            return Ok(secrets);
        }
        Err(self.other_secret())
    }

    /// Whether there is neither a master secret nor data that was written with one, as before the first start.
    async fn has_no_secret_yet(
        &self,
        database: &Database,
        configured: Option<&MasterSecrets>,
    ) -> Result<bool, Failure> {
        if configured.is_some() || data_dir::has_secret(&self.data_dir) {
            return Ok(false);
        }
        let has_data = database.has_data().await;
        has_data
            .map(|has_data| !has_data)
            .map_err(|error| self.failed(&error))
    }

    fn existing_master_secrets(
        &self,
        configured: Option<MasterSecrets>,
    ) -> Result<MasterSecrets, Failure> {
        if let Some(secrets) = configured {
            return Ok(secrets);
        }
        if data_dir::has_secret(&self.data_dir) {
            return data_dir::master_secrets(&self.data_dir);
        }
        Err(Failure::new(format!(
            "LATCHKEY_SECRET: there is data in {self}, but no secret.key in {}: put the file back, or \
             set the variable to the master secret that the data was written with",
            self.data_dir.display()
        )))
    }

    fn other_secret(&self) -> Failure {
        Failure::new(format!(
            "LATCHKEY_SECRET: the data in {self} was written with another master secret; use that \
             one, alone or behind a new one (<new>,<old>)"
        ))
    }

    /// Returns the SMTP server, or a folder for emails in the data folder.
    fn email_transport(
        &self,
        config: &EmailConfig,
        public_url: &str,
    ) -> Result<EmailTransport, Failure> {
        if let Some(server) = &config.smtp_url {
            tracing::info!(%server, "emails are sent to the SMTP server");
            return EmailTransport::smtp(server, config.smtp_ca_file.as_ref(), public_url)
                .map_err(|error| Failure::new(format!("LATCHKEY_SMTP_URL: {error}")));
        }
        data_dir::create(&self.data_dir)?;
        let folder = self.data_dir.join("outbox");
        tracing::info!(folder = %folder.display(),
            "emails are written to files because LATCHKEY_SMTP_URL is not set");
        EmailTransport::folder(folder.clone()).map_err(|error| {
            Failure::new(format!(
                "LATCHKEY_DATA_DIR: can't create the folder {}: {error}",
                folder.display()
            ))
        })
    }

    /// Creates the domain, and the worker that sends its emails.
    pub async fn start_accounts(
        &self,
        config: &Config,
        database: Database,
        secrets: MasterSecrets,
        public_url: &str,
    ) -> Result<(Accounts, EmailWorker), Failure> {
        let accounts = accounts(config, database, public_url.to_owned(), secrets)?;
        create_first_administrator(&accounts, config).await?;
        accounts
            .reencrypt_totp_secrets()
            .await
            .map_err(Failure::new)?;
        accounts
            .reencrypt_webhook_secrets()
            .await
            .map_err(Failure::new)?;
        let email_worker = EmailWorker::new(
            accounts.clone(),
            self.email_transport(&config.email, public_url)?,
            config.appearance.sender(config.email.mail_from.clone()),
            config.appearance.email_design(public_url),
        );
        Ok((accounts, email_worker))
    }

    /// Opens the database, once it can be reached, and migrates its tables.
    pub async fn open_database(&self) -> Result<Database, Failure> {
        let (url, settings) = (&self.database_url, self.database);
        let opened = Database::open_when_ready(url, settings, self.start_timeout).await;
        let database = opened.map_err(|error| self.failed(&error))?;
        let migrated = database.migrate().await;
        migrated.map_err(|error| self.failed(&error))?;
        Ok(database)
    }

    /// Opens a database that exists, with the tables that this program needs. Creates nothing.
    async fn open_existing_database(&self) -> Result<Database, Failure> {
        let missing = || {
            Failure::new(format!(
                "there is no database of Latchkey yet: {self}; start the server first, or set \
                 LATCHKEY_DATA_DIR or DATABASE_URL to where it is"
            ))
        };
        if self.database_url.file().is_some_and(|file| !file.exists()) {
            return Err(missing());
        }
        let opened = Database::open(&self.database_url, self.database).await;
        let database = opened.map_err(|error| self.failed(&error))?;
        match database
            .schema()
            .await
            .map_err(|error| self.failed(&error))?
        {
            Schema::Current => Ok(database),
            Schema::Missing => Err(missing()),
            Schema::Outdated => Err(Failure::new(format!(
                "the tables are older than this program: {self}; run latchkey migrate first"
            ))),
        }
    }

    fn failed(&self, reason: &dyn fmt::Display) -> Failure {
        Failure::new(format!("DATABASE_URL: can't use {self}: {reason}"))
    }
}

impl fmt::Display for AppPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.database_url.fmt(f)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)
}

/// Writes lines to standard output. That the reader has closed the pipe, as `head` does, is no failure.
fn write_lines(lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = lines
        .into_iter()
        .try_for_each(|line| writeln!(out, "{line}"));
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::new),
    }
}

/// A value as JSON on one line. Characters that control a terminal are escaped, as JSON allows.
fn json_line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    logging::escaped_json(&json).into_owned()
}

/// Prints a line to standard output, whatever text from elsewhere is in it.
fn print_line(line: fmt::Arguments<'_>) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{}", printable(&line.to_string())).map_err(Failure::new)
}
