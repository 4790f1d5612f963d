//! The command line.

use clap::{
    ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind,
};

use crate::{
    commands::{self, audit, users},
    config::Config,
    failure::Failure,
};

/// The user-management server to put beside an app.
///
/// Without a command it serves. Every setting is an environment variable (a .env file in the
/// working folder is read) and a flag.
#[derive(Parser)]
#[command(name = "latchkey", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the browser app.
    Serve,
    /// Bring the database's tables up to date.
    Migrate,
    /// Look after users.
    #[command(subcommand)]
    User(UserCommand),
    /// Print what has happened to an account, newest first.
    Audit {
        #[command(flatten)]
        whom: UserSelector,
        /// How many events at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

#[derive(Subcommand)]
enum UserCommand {
    /// Make an account; the password is asked for, or read from standard input.
    Create {
        /// The address.
        #[arg(long)]
        email: String,
        /// The user administrates this server.
        #[arg(long)]
        admin: bool,
    },
    /// List all users, by address.
    List,
    /// Close an account: sign-in is refused, and every session ends.
    Deactivate(UserSelector),
    /// Open an account that is not active.
    Activate(UserSelector),
    /// End every session of a user.
    SignOut(UserSelector),
    /// Remove a user's second factor, when app and recovery codes are lost; ends every session.
    ResetOtp(UserSelector),
    /// Give a user a new password, asked for or read from standard input; ends every session.
    Password(UserSelector),
}

#[derive(Args)]
struct UserSelector {
    /// The user's address.
    #[arg(long)]
    email: String,
}

/// The settings as given; [`Config`] reads them.
#[derive(Args)]
pub struct Settings {
    /// Address to serve.
    #[arg(
        long,
        env = "LATCHKEY_LISTEN",
        global = true,
        default_value = "127.0.0.1:3000"
    )]
    pub listen: String,
    /// Folder of the embedded database, the master secret and the mail outbox; made on first start.
    #[arg(long, env = "LATCHKEY_DATA_DIR", global = true, default_value = "data")]
    pub data_dir: String,
    /// sqlite://… or postgres://… [default: sqlite://<data dir>/latchkey.db]
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,
    /// Master secret, 32 bytes or more; a comma-separated list rotates it: the first signs, all
    /// verify [default: made on first start in <data dir>/secret.key]
    #[arg(long, env = "LATCHKEY_SECRET", global = true, hide_env_values = true)]
    pub secret: Option<String>,
    /// Folder of the built site.
    #[arg(
        long,
        env = "LATCHKEY_SITE_ROOT",
        global = true,
        default_value = "target/site"
    )]
    pub site_root: String,
    /// The server's URL as people see it; issuer and audience of its tokens
    /// [default: http:// + the listen address]
    #[arg(long, env = "LATCHKEY_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,
    /// Life of an access token.
    #[arg(
        long,
        env = "LATCHKEY_ACCESS_TTL",
        global = true,
        default_value = "15m"
    )]
    pub access_ttl: String,
    /// How long a session may be idle.
    #[arg(
        long,
        env = "LATCHKEY_REFRESH_TTL",
        global = true,
        default_value = "30d"
    )]
    pub refresh_ttl: String,
    /// How long a session may last.
    #[arg(
        long,
        env = "LATCHKEY_SESSION_TTL",
        global = true,
        default_value = "90d"
    )]
    pub session_ttl: String,
    /// How long a retired refresh token still gets a pair.
    #[arg(
        long,
        env = "LATCHKEY_REFRESH_GRACE",
        global = true,
        default_value = "30s"
    )]
    pub refresh_grace: String,
    /// How long it is kept what has happened to accounts.
    #[arg(long, env = "LATCHKEY_AUDIT_TTL", global = true, default_value = "90d")]
    pub audit_ttl: String,
    /// Cost of password hashes: KiB of memory, passes, lanes.
    #[arg(
        long,
        env = "LATCHKEY_ARGON2",
        global = true,
        default_value = "m=19456,t=2,p=1"
    )]
    pub argon2: String,
    /// Mail server, smtp://user:pass@host:port or smtps://…
    /// [default: mails are written as files to <data dir>/outbox]
    #[arg(long, env = "LATCHKEY_SMTP_URL", global = true, hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// Sender of the mails.
    #[arg(
        long,
        env = "LATCHKEY_MAIL_FROM",
        global = true,
        default_value = "Latchkey <no-reply@localhost>"
    )]
    pub mail_from: String,
    /// true: new accounts start inactive until the mailed link is opened.
    #[arg(
        long,
        env = "LATCHKEY_REQUIRE_ACTIVATION",
        global = true,
        default_value = "false"
    )]
    pub require_activation: String,
    /// How many users are kept in memory; none for 0.
    #[arg(
        long,
        env = "LATCHKEY_CACHE_USERS",
        global = true,
        default_value = "100000"
    )]
    pub cache_users: String,
    /// How long a server that hears nothing of others' changes trusts its memory.
    #[arg(
        long,
        env = "LATCHKEY_CACHE_LEASE",
        global = true,
        default_value = "1s"
    )]
    pub cache_lease: String,
    /// How many connections to the database are kept at most [default: 20 to PostgreSQL, 4 to SQLite]
    #[arg(long, env = "LATCHKEY_DB_CONNECTIONS", global = true)]
    pub db_connections: Option<String>,
    /// How long a request waits for a connection to the database.
    #[arg(long, env = "LATCHKEY_DB_WAIT", global = true, default_value = "5s")]
    pub db_wait: String,
    /// How long PostgreSQL works on one statement before it gives up.
    #[arg(
        long,
        env = "LATCHKEY_DB_STATEMENT_TIMEOUT",
        global = true,
        default_value = "10s"
    )]
    pub db_statement_timeout: String,
    /// How long a request may take.
    #[arg(
        long,
        env = "LATCHKEY_REQUEST_TIMEOUT",
        global = true,
        default_value = "30s"
    )]
    pub request_timeout: String,
    /// Addresses and networks of proxies whose X-Forwarded-For is believed, comma-separated.
    #[arg(
        long,
        env = "LATCHKEY_TRUSTED_PROXIES",
        global = true,
        default_value = ""
    )]
    pub trusted_proxies: String,
    /// on, or off for load tests: whether clients that ask too often have to wait.
    #[arg(
        long,
        env = "LATCHKEY_RATE_LIMITS",
        global = true,
        default_value = "on"
    )]
    pub rate_limits: String,
    /// What to log, such as info, debug or warn,accounts=debug.
    #[arg(long, env = "LATCHKEY_LOG", global = true, default_value = "info")]
    pub log: String,
    /// text, or json for machines.
    #[arg(
        long,
        env = "LATCHKEY_LOG_FORMAT",
        global = true,
        default_value = "text"
    )]
    pub log_format: String,
}

/// Does what the command line says.
pub fn run() -> Result<(), Failure> {
    read_env_file()?;
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(help)
            if matches!(
                help.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return help.print().map_err(Failure::new);
        }
        Err(error) => return Err(Failure::Usage(first_line(&error))),
    };
    let cli =
        Cli::from_arg_matches(&matches).map_err(|error| Failure::Usage(first_line(&error)))?;
    let config = Config::read(&cli.settings)
        .map_err(|error| error.into_failure(|id| is_from_command_line(&matches, id)))?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => commands::serve(config),
        Command::Migrate => commands::migrate(&config),
        Command::User(command) => match command {
            UserCommand::Create { email, admin } => users::create(&config, &email, admin),
            UserCommand::List => users::list(&config),
            UserCommand::Deactivate(whom) => users::deactivate(&config, &whom.email),
            UserCommand::Activate(whom) => users::activate(&config, &whom.email),
            UserCommand::SignOut(whom) => users::sign_out(&config, &whom.email),
            UserCommand::ResetOtp(whom) => users::reset_otp(&config, &whom.email),
            UserCommand::Password(whom) => users::password(&config, &whom.email),
        },
        Command::Audit { whom, limit } => audit::list(&config, &whom.email, limit),
    }
}

/// Takes the settings of a `.env` file in the working folder; what is set already, stays.
fn read_env_file() -> Result<(), Failure> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The line itself may hold a secret.
        Err(dotenvy::Error::LineParse(_, position)) => Err(Failure::new(format!(
            ".env can't be read: a line is not NAME=value (at character {position} of it)"
        ))),
        Err(error) => Err(Failure::new(format!(".env can't be read: {error}"))),
    }
}

/// What is wrong, without clap's usage text.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .collect();
    let reason = lines.join(" ");
    let reason = reason.trim_start_matches("error: ");
    format!("{reason} (see latchkey --help)")
}

/// Whether a setting was given as a flag: an argument may be matched on any level of subcommands.
fn is_from_command_line(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
        || matches
            .subcommand()
            .is_some_and(|(_, matches)| is_from_command_line(matches, id))
}
