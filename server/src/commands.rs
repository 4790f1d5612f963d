//! What the program can be told to do.

use std::io::{BufRead, IsTerminal, Read, Write};

use accounts::{
    Accounts, Database, DatabaseUrl, Error, HashingCost, Lifetimes, MasterSecrets, OsRandom,
    Settings, SystemClock,
};

use crate::{config::Config, data_dir, failure::Failure, logging, serve, site::SiteFiles};

/// `latchkey serve`
pub fn serve(config: Config) -> Result<(), Failure> {
    let site = SiteFiles::find(&config.site_root)?;
    logging::start(config.log);
    let settings = DomainSettings {
        hashing_cost: config.hashing_cost,
        lifetimes: config.lifetimes,
    };
    let place = Place::prepare(&config.data_dir, config.database_url)?;
    let master_secrets = place.master_secrets(config.master_secrets)?;
    runtime()?.block_on(async move {
        let database = place.open_database().await?;
        let listener = serve::listen(config.listen).await?;
        let public_url = config
            .public_url
            .unwrap_or_else(|| format!("http://{}", listener.address));
        let accounts = settings.accounts(database, public_url.clone(), master_secrets)?;
        say(format_args!("Latchkey serves {public_url} (data: {place})"))?;
        serve::serve(listener, accounts, site, &public_url).await
    })
}

/// `latchkey migrate`
pub fn migrate(config: &Config) -> Result<(), Failure> {
    let place = Place::prepare(&config.data_dir, config.database_url.clone())?;
    runtime()?.block_on(async {
        place.open_database().await?.close().await;
        say(format_args!("The tables are up to date: {place}"))
    })
}

/// `latchkey user create`
pub fn create_user(config: &Config, email: &str, is_admin: bool) -> Result<(), Failure> {
    let password = read_password()?;
    let place = Place::prepare(&config.data_dir, config.database_url.clone())?;
    let master_secrets = place.master_secrets(config.master_secrets.clone())?;
    let settings = DomainSettings {
        hashing_cost: config.hashing_cost.clone(),
        lifetimes: config.lifetimes,
    };
    runtime()?.block_on(async {
        let database = place.open_database().await?;
        let accounts = settings.accounts(database, String::new(), master_secrets)?;
        let created = if is_admin {
            accounts
                .create_admin(email.into(), password.as_str().into())
                .await
        } else {
            accounts
                .create_user(email.into(), password.as_str().into())
                .await
        };
        accounts.database().close().await;
        let user = created.map_err(in_one_line)?;
        let role = if is_admin { "administrator" } else { "user" };
        say(format_args!(
            "Created the {role} {} with id {}",
            user.email, user.id
        ))
    })
}

/// What the domain needs beside its database.
struct DomainSettings {
    hashing_cost: HashingCost,
    lifetimes: Lifetimes,
}

impl DomainSettings {
    fn accounts(
        self,
        database: Database,
        public_url: String,
        master_secrets: MasterSecrets,
    ) -> Result<Accounts, Failure> {
        let settings = Settings {
            public_url,
            master_secrets,
            hashing_cost: self.hashing_cost,
            lifetimes: self.lifetimes,
        };
        Accounts::new(database, settings, SystemClock, OsRandom).map_err(Failure::new)
    }
}

/// Where the data is.
struct Place {
    data_dir: std::path::PathBuf,
    database_url: DatabaseUrl,
}

impl Place {
    /// Makes the data folder if it holds the database.
    fn prepare(
        data_dir: &std::path::Path,
        database_url: Option<DatabaseUrl>,
    ) -> Result<Self, Failure> {
        let database_url = match database_url {
            Some(url) => url,
            None => {
                data_dir::make(data_dir)?;
                DatabaseUrl::sqlite_file(data_dir.join("latchkey.db"))
            }
        };
        Ok(Self {
            data_dir: data_dir.to_owned(),
            database_url,
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

    /// Opens the database and brings its tables up to date.
    async fn open_database(&self) -> Result<Database, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(format!(
                "DATABASE_URL: can't use {}: {error}",
                self.database_url
            ))
        };
        let database = Database::open(&self.database_url)
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

/// Asks for a password on a terminal, twice; elsewhere takes the first line of standard input.
fn read_password() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(Failure::new);
        let password = ask("Password: ")?;
        if password != ask("Once more: ")? {
            return Err(Failure::new("the two passwords differ"));
        }
        return Ok(password);
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(16 * 1024)
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("can't read the password: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn in_one_line(error: Error) -> Failure {
    match error {
        Error::Fields(fields) => Failure::new(
            fields
                .iter()
                .map(|(field, messages)| format!("{field}: {}", messages.join(" ")))
                .collect::<Vec<_>>()
                .join(" "),
        ),
        error => Failure::new(error),
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
