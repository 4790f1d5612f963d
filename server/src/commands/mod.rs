//! What the program can be told to do.

pub mod audit;
pub mod users;

use std::io::Write;

use accounts::{
    Accounts, Database, DatabaseSettings, DatabaseUrl, EmailTransport, EmailWorker, MasterSecrets,
    OsRandom, Settings, SystemClock,
};

use crate::{
    config::{Config, MailConfig},
    data_dir,
    failure::Failure,
    logging, serve,
    site::SiteFiles,
};

/// `latchkey serve`
pub fn serve(config: Config) -> Result<(), Failure> {
    let site = SiteFiles::find(&config.site_root)?;
    logging::start(&config.log);
    let place = Place::prepare(&config)?;
    let master_secrets = place.master_secrets(config.master_secrets.clone())?;
    runtime()?.block_on(async move {
        let database = place.open_database().await?;
        let listener = serve::listen(config.listen).await?;
        let public_url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", listener.address));
        let accounts = accounts(&config, database, public_url.clone(), master_secrets)?;
        accounts.reseal_seeds().await.map_err(Failure::new)?;
        let transport = place.mail_transport(&config.mail)?;
        let sender = EmailWorker::new(
            accounts.clone(),
            transport,
            config.mail.from,
            public_url.clone(),
        );
        say(format_args!("Latchkey serves {public_url} (data: {place})"))?;
        serve::serve(
            listener,
            accounts,
            sender,
            site,
            &public_url,
            config.clients,
        )
        .await
    })
}

/// `latchkey migrate`
pub fn migrate(config: &Config) -> Result<(), Failure> {
    let place = Place::prepare(config)?;
    runtime()?.block_on(async {
        place.open_database().await?.close().await;
        say(format_args!("The tables are up to date: {place}"))
    })
}

/// The domain, as it is set up.
fn accounts(
    config: &Config,
    database: Database,
    public_url: String,
    master_secrets: MasterSecrets,
) -> Result<Accounts, Failure> {
    let settings = Settings {
        public_url,
        master_secrets,
        hashing_cost: config.hashing_cost.clone(),
        lifetimes: config.lifetimes,
        require_activation: config.require_activation,
        delays_sign_ins: config.clients.rate_limits,
        cache: config.cache,
    };
    Accounts::new(database, settings, SystemClock, OsRandom).map_err(Failure::new)
}

/// Where the data is.
struct Place {
    data_dir: std::path::PathBuf,
    database_url: DatabaseUrl,
    database: DatabaseSettings,
}

impl Place {
    /// Makes the data folder if it holds the database.
    fn prepare(config: &Config) -> Result<Self, Failure> {
        let data_dir = &config.data_dir;
        let database_url = match &config.database_url {
            Some(url) => url.clone(),
            None => {
                data_dir::make(data_dir)?;
                DatabaseUrl::sqlite_file(data_dir.join("latchkey.db"))
            }
        };
        Ok(Self {
            data_dir: data_dir.clone(),
            database_url,
            database: config.database,
        })
    }

    /// The given master secrets, or those in the data folder.
    fn master_secrets(&self, given: Option<MasterSecrets>) -> Result<MasterSecrets, Failure> {
        given.map_or_else(
            || {
                data_dir::make(&self.data_dir)?;
                data_dir::master_secrets(&self.data_dir)
            },
            Ok,
        )
    }

    /// The mail server, or a folder for the mails in the data folder.
    fn mail_transport(&self, config: &MailConfig) -> Result<EmailTransport, Failure> {
        if let Some(server) = &config.smtp {
            tracing::info!(%server, "mails go to the mail server");
            return EmailTransport::smtp(server)
                .map_err(|error| Failure::new(format!("LATCHKEY_SMTP_URL: {error}")));
        }
        data_dir::make(&self.data_dir)?;
        let folder = self.data_dir.join("outbox");
        tracing::info!(folder = %folder.display(),
            "mails are written to files, as LATCHKEY_SMTP_URL is not set");
        EmailTransport::folder(folder.clone()).map_err(|error| {
            Failure::new(format!(
                "LATCHKEY_DATA_DIR: can't make the folder {}: {error}",
                folder.display()
            ))
        })
    }

    /// Opens the database and brings its tables up to date.
    async fn open_database(&self) -> Result<Database, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
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

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.database_url.fmt(f)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)
}

/// Tells the person at the terminal.
fn say(line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(Failure::new)
}
