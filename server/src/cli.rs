//! The command line: its commands, and how errors in it are reported.

use std::{env, error::Error};

use clap::{
    Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    commands::{self, audit, users},
    config::Config,
    failure::Failure,
};

/// A user-management server for your app.
///
/// Without a command it serves. Every setting is an environment variable (also read from a .env
/// file in the working folder) and a flag.
#[derive(Parser)]
#[command(name = "latchkey", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: Config,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the browser app.
    Serve,
    /// Create or update the database tables.
    Migrate,
    /// Manage users.
    #[command(subcommand, arg_required_else_help = false)]
    User(UserCommand),
    /// Print the audit events of an account, newest first.
    Audit {
        #[command(flatten)]
        user: UserSelector,
        /// Maximum number of events.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

#[derive(Subcommand)]
enum UserCommand {
    /// Create an account. Prompts for the password, or reads it from standard input.
    Create {
        /// The email address.
        #[arg(long)]
        email: String,
        /// Make the user an administrator.
        #[arg(long)]
        admin: bool,
    },
    /// List all users, sorted by email address.
    List,
    /// Deactivate an account: blocks sign-in and ends every session.
    Deactivate(UserSelector),
    /// Activate an account.
    Activate(UserSelector),
    /// End every session of a user.
    SignOut(UserSelector),
    /// Remove a user's second factor after the app and the recovery codes are lost. Ends every
    /// session.
    ResetOtp(UserSelector),
    /// Set a user's password, prompted for or read from standard input. Ends every session.
    Password(UserSelector),
}

#[derive(Args)]
struct UserSelector {
    /// The user's email address.
    #[arg(long)]
    email: String,
}

/// Runs the command that the command line names.
///
/// # Errors
/// When the command line or a setting is invalid, or the command fails.
pub fn run() -> Result<(), Failure> {
    read_env_file()?;
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(help)
            if matches!(
                help.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return help.print().map_err(Failure::new);
        }
        Err(error) => return Err(failure(&error)),
    };
    let Cli { command, config } =
        Cli::from_arg_matches(&matches).map_err(|error| failure(&error))?;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => commands::serve(config),
        Command::Migrate => commands::migrate(&config),
        Command::User(command) => match command {
            UserCommand::Create { email, admin } => users::create(&config, &email, admin),
            UserCommand::List => users::list(&config),
            UserCommand::Deactivate(user) => users::deactivate(&config, &user.email),
            UserCommand::Activate(user) => users::activate(&config, &user.email),
            UserCommand::SignOut(user) => users::sign_out(&config, &user.email),
            UserCommand::ResetOtp(user) => users::reset_otp(&config, &user.email),
            UserCommand::Password(user) => users::password(&config, &user.email),
        },
        Command::Audit { user, limit } => audit::list(&config, &user.email, limit),
    }
}

/// Loads the `.env` file in the working folder. Variables that are set already take precedence.
fn read_env_file() -> Result<(), Failure> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The line itself is not printed: it may contain a secret.
        Err(dotenvy::Error::LineParse(_, position)) => Err(Failure::new(format!(
            ".env can't be read: a line is not NAME=value (at character {position} of it)"
        ))),
        Err(error) => Err(Failure::new(format!(".env can't be read: {error}"))),
    }
}

/// The command line as clap parses it. Settings are accepted before and after a subcommand; clap
/// then reads the variable of a flag at the other level, too, so a setting that is given as a flag
/// loses its variable.
fn command() -> clap::Command {
    Cli::command().mut_args(|setting| {
        let setting = setting.global(true);
        if is_flag_given(&setting) {
            setting.env(Resettable::Reset)
        } else if let Some(former) = former_variable(&setting) {
            setting.env(former)
        } else {
            setting
        }
    })
}

/// Whether the command line has the flag of this setting.
fn is_flag_given(setting: &Arg) -> bool {
    let aliases = setting.get_all_aliases().unwrap_or_default();
    env::args_os().any(|given| {
        let name = given.to_str().and_then(|given| given.strip_prefix("--"));
        let name = name.and_then(|name| name.split('=').next());
        name.is_some_and(|name| setting.get_long() == Some(name) || aliases.contains(&name))
    })
}

/// The former variable of a renamed setting, if only that one is set.
fn former_variable(setting: &Arg) -> Option<&'static str> {
    let (current, former) = ("LATCHKEY_DB_ACQUIRE_TIMEOUT", "LATCHKEY_DB_WAIT");
    let is_used = setting.get_env()? == current
        && env::var_os(current).is_none()
        && env::var_os(former).is_some();
    is_used.then_some(former)
}

/// Turns an error of clap into one line.
fn failure(error: &clap::Error) -> Failure {
    invalid_setting(error).unwrap_or_else(|| {
        // The first paragraph says what is wrong; the rest is usage text.
        let text = error.to_string();
        let lines: Vec<&str> = text
            .lines()
            .take_while(|line| !line.trim().is_empty())
            .collect();
        let reason = lines.join(" ");
        let reason = reason.trim_start_matches("error: ");
        Failure::Usage(format!("{reason} (see latchkey --help)"))
    })
}

/// One line that names an invalid setting, without its value, which may be a secret.
fn invalid_setting(error: &clap::Error) -> Option<Failure> {
    let reason = error.source()?;
    let Some(ContextValue::String(invalid)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // `invalid` is such as "--listen <LISTEN>".
    let flag = invalid.split(' ').next()?;
    let command = Cli::command();
    let setting = command
        .get_arguments()
        .find(|setting| setting.get_long() == flag.strip_prefix("--"))?;
    let variable = setting.get_env()?.to_str()?;
    Some(if is_flag_given(setting) {
        Failure::Usage(format!("{flag} ({variable}): {reason}"))
    } else {
        let variable = former_variable(setting).unwrap_or(variable);
        Failure::Other(format!("{variable}: {reason}"))
    })
}
