//! The commands of the program.

pub mod audit;
pub mod users;

use std::{fmt, io::Write, path::PathBuf};

use accounts::{
    Accounts, Database, DatabaseSettings, DatabaseUrl, EmailTransport, EmailWorker, MasterSecrets,
    OsRandom, Settings, SystemClock, printable,
};

use crate::{
    config::{Config, EmailConfig},
    data_dir,
    failure::Failure,
    logging, serve,
    site::SiteFiles,
};

/// `latchkey serve`
pub fn serve(config: Config) -> Result<(), Failure> {
    let site = SiteFiles::find(&config.site_root)?;
    logging::start(&config.log);
    let paths = AppPaths::prepare(&config)?;
    let master_secrets = paths.master_secrets(config.secret.clone())?;
    runtime()?.block_on(async move {
        let database = paths.open_database().await?;
        let listener = serve::listen(config.listen).await?;
        let public_url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", listener.address));
        let accounts = accounts(&config, database, public_url.clone(), master_secrets)?;
        accounts
            .reencrypt_totp_secrets()
            .await
            .map_err(Failure::new)?;
        let transport = paths.email_transport(&config.email, &public_url)?;
        let email_worker = EmailWorker::new(
            accounts.clone(),
            transport,
            config.email.mail_from,
            public_url.clone(),
        );
        print_line(format_args!(
            "Latchkey is serving {public_url} (database: {paths})"
        ))?;
        serve::serve(
            listener,
            accounts,
            email_worker,
            site,
            &public_url,
            config.clients,
        )
        .await
    })
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
        master_secrets,
        hashing_cost: config.argon2.clone(),
        lifetimes: config.lifetimes(),
        require_activation: config.require_activation,
        throttle_failed_sign_ins: config.clients.rate_limits,
        cache: config.cache(),
    };
    Accounts::new(database, settings, SystemClock, OsRandom).map_err(Failure::new)
}

/// Where the program keeps its data: the data folder and the database.
struct AppPaths {
    data_dir: PathBuf,
    database_url: DatabaseUrl,
    database: DatabaseSettings,
}

impl AppPaths {
    /// Determines the paths, and creates the data folder if it contains the database.
    fn prepare(config: &Config) -> Result<Self, Failure> {
        let data_dir = &config.data_dir;
        let database_url = match &config.database_url {
            Some(url) => url.clone(),
            None => {
                data_dir::create(data_dir)?;
                DatabaseUrl::sqlite_file(data_dir.join("latchkey.db"))
            }
        };
        Ok(Self {
            data_dir: data_dir.clone(),
            database_url,
            database: config.database(),
        })
    }

    /// Returns the configured master secrets, or else those in the data folder.
    fn master_secrets(&self, configured: Option<MasterSecrets>) -> Result<MasterSecrets, Failure> {
        if let Some(secrets) = configured {
            return Ok(secrets);
        }
        data_dir::create(&self.data_dir)?;
        data_dir::master_secrets(&self.data_dir)
    }

    /// Returns the SMTP server, or a folder for emails in the data folder.
    fn email_transport(
        &self,
        config: &EmailConfig,
        public_url: &str,
    ) -> Result<EmailTransport, Failure> {
        if let Some(server) = &config.smtp_url {
            tracing::info!(%server, "emails are sent to the SMTP server");
            return EmailTransport::smtp(server, public_url)
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

    /// Opens the database and migrates its tables.
    async fn open_database(&self) -> Result<Database, Failure> {
        let failed = |error: &dyn fmt::Display| {
            Failure::new(format!(
                "DATABASE_URL: can't use {}: {error}",
                self.database_url
            ))
        };
        let database = Database::open(&self.database_url, self.database)
            .await
            .map_err(|error| failed(&error))?;
        database.migrate().await.map_err(|error| failed(&error))?;
        Ok(database)
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

/// Prints a line to standard output, whatever text from elsewhere is in it.
fn print_line(line: fmt::Arguments<'_>) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{}", printable(&line.to_string())).map_err(Failure::new)
}
