//! The command line: its commands, and how errors in it are reported.

use std::{
    env,
    error::Error,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use accounts::{InvalidScope, Scope};
use clap::{
    Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
    value_parser,
};
use clap_complete::Shell;
use rustix::fs::Mode;

use crate::{
    commands::{
        self, audit, backup, check, copy, health,
        import::{self, ImportFormat, ImportOptions},
        invitations, keys, passwords, restore, users,
    },
    config::{self, Config},
    embedded_site::EmbeddedSite,
    environment::{Environment, Value},
    failure::Failure,
    log_format, logging, providers,
};

/// A user-management server for your app.
///
/// Without a command it serves. Every setting is an environment variable (also read from a .env
/// file in the working folder) and a flag; a variable with the suffix _FILE names a file with the value.
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
    /// Check everything that the server needs, and print a line for each point. Changes nothing.
    Check {
        /// Also send an email to this address.
        #[arg(long, value_name = "ADDRESS")]
        send_email_to: Option<String>,
    },
    /// Ask the running server whether it is ready, for containers and scripts.
    Health,
    /// Manage users.
    #[command(subcommand, arg_required_else_help = false)]
    User(UserCommand),
    /// Manage service keys, with which other services call the API.
    #[command(subcommand, arg_required_else_help = false)]
    Key(KeyCommand),
    /// Manage the file of breached passwords.
    #[command(subcommand, arg_required_else_help = false)]
    Passwords(PasswordsCommand),
    /// Print the audit events of an account, newest first.
    Audit {
        #[command(flatten)]
        user: UserSelector,
        /// Maximum number of events.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Copy a SQLite database and the master secret to a file. The server may be running.
    Backup {
        /// The file, which must not exist, and is readable for you only; with --every, an existing folder.
        #[arg(value_name = "FILE")]
        target: PathBuf,
        /// Leave the master secret out.
        #[arg(long)]
        without_secret: bool,
        /// Run until stopped, and write latchkey-<UTC time>.tar into the folder at once and at this
        /// interval, such as 24h.
        #[arg(long, value_name = "DURATION", value_parser = config::backup_interval)]
        every: Option<Duration>,
        /// Maximum number of these files in the folder; the oldest are removed [default: all are kept]
        #[arg(long, value_name = "NUMBER", requires = "every", value_parser = value_parser!(u16).range(1..=1000))]
        keep: Option<u16>,
    },
    /// Put a backup where there is no database.
    Restore {
        /// The file that latchkey backup wrote.
        file: PathBuf,
    },
    /// Copy everything from SQLite to PostgreSQL, or back, while no server runs on either database.
    Copy {
        /// The database to read, sqlite://… or postgres://…
        #[arg(long, value_name = "URL")]
        from: String,
        /// An empty database of the other kind. A file that is not there is created.
        #[arg(long, value_name = "URL")]
        to: String,
        #[command(flatten)]
        format: Format,
    },
    /// Print the script that completes the command line in a shell, for packages.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page, for packages.
    #[command(hide = true)]
    Man,
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
    /// Email somebody an invitation to create an account. It replaces one that waits for the same address.
    Invite {
        /// The email address.
        #[arg(long)]
        email: String,
        /// The name that the user starts with.
        #[arg(long)]
        name: Option<String>,
        /// Roles that the user starts with.
        #[arg(long, num_args = 1.., value_name = "ROLE")]
        role: Vec<String>,
        /// Make the user an administrator.
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        format: Format,
    },
    /// List the invitations that wait, newest first.
    Invitations(Format),
    /// Import users from elsewhere, with their password hashes. Prints a line for each one who is left out.
    Import {
        /// The file; - stands for standard input.
        file: PathBuf,
        /// The format of the file.
        #[arg(long, value_enum, default_value_t = ImportFormat::Jsonl)]
        format: ImportFormat,
        /// Check all users, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Count email addresses as verified where the file does not say.
        #[arg(long)]
        verified: bool,
    },
    /// Write all users as JSON lines, which user import reads. They contain the password hashes: keep them secret.
    Export {
        /// The file, which must not exist, and is readable for you only [default: standard output]
        file: Option<PathBuf>,
    },
    /// Revoke an invitation.
    RevokeInvitation {
        /// The invitation's ID, as `user invitations` lists it.
        id: String,
    },
    /// List all users, sorted by email address.
    List(Format),
    /// Show everything about a user that administrators can see and change.
    Show {
        #[command(flatten)]
        user: UserSelector,
        #[command(flatten)]
        format: Format,
    },
    /// Change a user's email address. It counts as verified, and the former one is notified.
    Email {
        #[command(flatten)]
        user: UserSelector,
        /// The new email address.
        #[arg(long)]
        new_email: String,
    },
    /// Give a user roles.
    GrantRole(RoleSelector),
    /// Take roles away from a user.
    RevokeRole(RoleSelector),
    /// Make a user an administrator.
    GrantAdmin(UserSelector),
    /// Make an administrator an ordinary user.
    RevokeAdmin(UserSelector),
    /// Delete a user and everything that belongs to it. A verified email address is notified.
    Delete(UserSelector),
    /// Deactivate an account: blocks sign-in and ends every session.
    Deactivate(UserSelector),
    /// Activate an account.
    Activate(UserSelector),
    /// Mark a user's email address as verified, or accept a registration that awaits activation.
    Verify(UserSelector),
    /// End every session of a user.
    SignOut(UserSelector),
    /// Remove a user's second factor after the app and the recovery codes are lost. Ends every
    /// session.
    ResetOtp(UserSelector),
    /// Set a user's password, prompted for or read from standard input. Ends every session.
    Password(UserSelector),
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Create a service key and print it. It can't be printed again.
    Create {
        /// What the key is for.
        #[arg(long)]
        name: String,
        /// What the key allows: tokens:verify, users:read, users:write, audit:read.
        #[arg(long, required = true, num_args = 1.., value_name = "SCOPE", value_parser = scope)]
        scope: Vec<Scope>,
        /// How long the key is accepted, such as 90d [default: until it is revoked]
        #[arg(long, value_name = "DURATION", value_parser = config::key_lifetime)]
        expires: Option<Duration>,
    },
    /// List all service keys, oldest first.
    List(Format),
    /// Revoke a service key.
    Revoke {
        /// The key's ID.
        id: String,
    },
}

#[derive(Subcommand)]
enum PasswordsCommand {
    /// Build the file for LATCHKEY_BREACHED_PASSWORDS from a list of SHA-1 hashes, sorted, one per line, each
    /// alone or with :<count>. Replaces a file that it has written before.
    Build {
        /// The file.
        file: PathBuf,
        /// The list [default: standard input]
        #[arg(long, value_name = "LIST")]
        from: Option<PathBuf>,
        /// Leave out passwords that were seen less often.
        #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
        min_count: u64,
    },
}

fn scope(name: &str) -> Result<Scope, InvalidScope> {
    name.trim().parse()
}

#[derive(Args)]
struct UserSelector {
    /// The user's email address.
    #[arg(long)]
    email: String,
}

#[derive(Args)]
struct RoleSelector {
    #[command(flatten)]
    user: UserSelector,
    /// The name of a role: up to 32 characters of a to z, 0 to 9, _ and -.
    #[arg(long, required = true, num_args = 1.., value_name = "ROLE")]
    role: Vec<String>,
}

#[derive(Args)]
struct Format {
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Runs the command that the command line names, with the site that the program contains, if any. If the command
/// line or a setting is invalid, or the command fails, one line on standard error says why.
pub fn run(site: Option<EmbeddedSite>) -> ExitCode {
    // Whatever the program creates is for its own user only.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let arguments: Vec<OsString> = env::args_os().collect();
    match execute(&arguments, site) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            logging::report(&failure, log_format::is_json(command(), &arguments));
            failure.exit_code()
        }
    }
}

fn execute(arguments: &[OsString], site: Option<EmbeddedSite>) -> Result<(), Failure> {
    // First without the settings in the environment: help and errors in the command line itself
    // do not depend on them.
    match command().try_get_matches_from(arguments) {
        Err(help)
            if matches!(
                help.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return help.print().map_err(Failure::new);
        }
        matches => drop(matches.map_err(|error| failure(&error, &[]))?),
    }
    let environment = Environment::read()?;
    let values = values(&environment)?;
    let matches = parse(arguments.to_vec(), &values)?;
    let Cli {
        command,
        mut config,
    } = Cli::from_arg_matches(&matches).map_err(|error| failure(&error, &values))?;
    config.embedded_site = site;
    config.issuers = providers::in_environment(&environment)?;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => commands::serve(config, &warnings(&environment)),
        Command::Migrate => commands::migrate(&config),
        Command::Check { send_email_to } => {
            check::check(&config, &warnings(&environment), send_email_to.as_deref())
        }
        Command::Health => health::health(&config),
        Command::User(command) => run_user(&config, command),
        Command::Key(command) => match command {
            KeyCommand::Create {
                name,
                scope,
                expires,
            } => keys::create(&config, &name, &scope, expires),
            KeyCommand::List(format) => keys::list(&config, format.json),
            KeyCommand::Revoke { id } => keys::revoke(&config, &id),
        },
        Command::Passwords(PasswordsCommand::Build {
            file,
            from,
            min_count,
        }) => passwords::build(&file, from.as_deref(), min_count),
        Command::Audit {
            user,
            limit,
            format,
        } => audit::list(&config, &user.email, limit, format.json),
        Command::Backup {
            target,
            without_secret,
            every: Some(every),
            keep,
        } => {
            let keep = keep.map(usize::from);
            backup::backup_repeatedly(&config, &target, every, keep, without_secret)
        }
        Command::Backup {
            target,
            without_secret,
            ..
        } => backup::backup(&config, &target, without_secret),
        Command::Restore { file } => restore::restore(&config, &file),
        Command::Copy { from, to, format } => copy::copy(&config, &from, &to, format.json),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut self::command(), "latchkey", &mut script);
            io::stdout().write_all(&script).map_err(Failure::new)
        }
        Command::Man => {
            let mut page = Vec::new();
            let man = clap_mangen::Man::new(self::command());
            man.render(&mut page).map_err(Failure::new)?;
            io::stdout().write_all(&page).map_err(Failure::new)
        }
    }
}

fn run_user(config: &Config, command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Create { email, admin } => users::create(config, &email, admin),
        UserCommand::Invite {
            email,
            name,
            role,
            admin,
            format,
        } => invitations::invite(config, &email, name.as_deref(), &role, admin, format.json),
        UserCommand::Import {
            file,
            format,
            dry_run,
            verified,
        } => {
            let options = ImportOptions {
                format,
                is_dry_run: dry_run,
                are_verified: verified,
            };
            import::import(config, &file, &options)
        }
        UserCommand::Export { file } => import::export(config, file.as_deref()),
        UserCommand::Invitations(format) => invitations::list(config, format.json),
        UserCommand::RevokeInvitation { id } => invitations::revoke(config, &id),
        UserCommand::List(format) => users::list(config, format.json),
        UserCommand::Show { user, format } => users::show(config, &user.email, format.json),
        UserCommand::Email { user, new_email } => users::email(config, &user.email, &new_email),
        UserCommand::GrantRole(RoleSelector { user, role }) => {
            users::change_roles(config, &user.email, &role, &[])
        }
        UserCommand::RevokeRole(RoleSelector { user, role }) => {
            users::change_roles(config, &user.email, &[], &role)
        }
        UserCommand::GrantAdmin(user) => users::set_admin(config, &user.email, true),
        UserCommand::RevokeAdmin(user) => users::set_admin(config, &user.email, false),
        UserCommand::Deactivate(user) => users::deactivate(config, &user.email),
        UserCommand::Activate(user) => users::activate(config, &user.email),
        UserCommand::Verify(user) => users::verify(config, &user.email),
        UserCommand::SignOut(user) => users::sign_out(config, &user.email),
        UserCommand::ResetOtp(user) => users::reset_otp(config, &user.email),
        UserCommand::Password(user) => users::password(config, &user.email),
        UserCommand::Delete(user) => users::delete(config, &user.email),
    }
}

/// Reads the settings of a program that embeds the server: those given in code, then those in the
/// environment, if it is to be read. Its command line is its own.
///
/// # Errors
/// When a setting is unknown or invalid.
pub fn embedded_config(
    given: &[(String, OsString)],
    environment: Option<&Environment>,
) -> Result<Config, Failure> {
    let command = Cli::command();
    let mut unknown = given.iter().map(|(name, _)| name.as_str());
    let is_known = |name: &str| {
        command
            .get_arguments()
            .any(|setting| is_named(setting, name))
    };
    let is_known = |name: &str| is_known(name) || providers::is_setting(name);
    if let Some(name) = unknown.find(|name| !is_known(name)) {
        return Err(Failure::new(format!("{name} is not a setting")));
    }
    let mut values = Vec::new();
    for setting in command.get_arguments() {
        let variable = setting.get_env().and_then(OsStr::to_str);
        let (Some(flag), Some(variable)) = (setting.get_long(), variable) else {
            continue;
        };
        let last = given.iter().rfind(|(name, _)| name == variable);
        let value = match (last, environment) {
            // As in the environment, an empty value means that it is not set.
            (Some((_, text)), _) => (!text.is_empty()).then(|| Value {
                variable: variable.to_owned(),
                text: text.clone(),
            }),
            (None, Some(environment)) => environment.value(variable)?,
            (None, None) => None,
        };
        values.extend(value.map(|value| (flag.to_owned(), value)));
    }
    let matches = parse(vec!["latchkey".into()], &values)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| failure(&error, &values))?;
    let mut config = cli.config;
    config.issuers = providers::given(given, environment)?;
    Ok(config)
}

/// Returns a warning for each variable in the environment that looks like a setting and is none.
pub fn warnings(environment: &Environment) -> Vec<String> {
    let command = Cli::command();
    let known: Vec<_> = command.get_arguments().filter_map(Arg::get_env).collect();
    environment.warnings(&known, providers::is_setting)
}

/// Whether this is the variable of a setting.
fn is_named(setting: &Arg, variable: &str) -> bool {
    setting.get_env().is_some_and(|name| name == variable)
}

/// The command line as clap parses it. Settings are accepted before and after a subcommand. clap does
/// not read the environment: it knows neither files with values nor that an empty variable means
/// nothing, and would read a variable even where the flag is given at the other level.
fn command() -> clap::Command {
    Cli::command().mut_args(|setting| {
        let setting = setting.global(true);
        let (Some(variable), Some(help)) = (setting.get_env(), setting.get_help()) else {
            return setting;
        };
        let help = format!("{help} [env: {}]", variable.display());
        setting.help(help).env(Resettable::Reset)
    })
}

/// The settings in the environment whose flags are not given, with the names of their flags.
fn values(environment: &Environment) -> Result<Vec<(String, Value)>, Failure> {
    let mut values = Vec::new();
    for setting in Cli::command().get_arguments() {
        let variable = setting.get_env().and_then(OsStr::to_str);
        if let (Some(flag), Some(variable)) = (setting.get_long(), variable)
            && !is_flag_given(setting)
            && let Some(value) = environment.value(variable)?
        {
            values.push((flag.to_owned(), value));
        }
    }
    Ok(values)
}

/// Parses the command line together with the settings in the environment.
fn parse(mut arguments: Vec<OsString>, values: &[(String, Value)]) -> Result<ArgMatches, Failure> {
    for (flag, value) in values {
        let mut argument = OsString::from(format!("--{flag}="));
        argument.push(&value.text);
        arguments.push(argument);
    }
    let matches = command().try_get_matches_from(arguments);
    matches.map_err(|error| failure(&error, values))
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

/// Turns an error of clap into one line.
fn failure(error: &clap::Error, values: &[(String, Value)]) -> Failure {
    invalid_setting(error, values).unwrap_or_else(|| {
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
fn invalid_setting(error: &clap::Error, values: &[(String, Value)]) -> Option<Failure> {
    let Some(ContextValue::String(invalid)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // `invalid` is such as "--listen <LISTEN>".
    let flag = invalid.split(' ').next()?;
    let name = flag.strip_prefix("--")?;
    if let Some((_, value)) = values.iter().find(|(flag, _)| flag == name) {
        let variable = &value.variable;
        let reason = error.source().map(ToString::to_string);
        let reason = reason.unwrap_or_else(|| "its value can't be read".to_owned());
        return Some(Failure::Other(format!("{variable}: {reason}")));
    }
    let reason = error.source()?;
    let command = Cli::command();
    let mut settings = command.get_arguments();
    let setting = settings.find(|setting| setting.get_long() == Some(name))?;
    let variable = setting.get_env()?.to_str()?;
    Some(Failure::Usage(format!("{flag} ({variable}): {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(given: &[(&str, &str)]) -> Result<Config, String> {
        let given = given
            .iter()
            .map(|(name, text)| (name.to_string(), text.into()));
        let given: Vec<_> = given.collect();
        embedded_config(&given, None).map_err(|failure| failure.to_string())
    }

    #[test]
    fn settings_can_be_given_in_code() {
        let url = "https://app.example.com";
        let given = [
            ("LATCHKEY_PUBLIC_URL", "https://other.example.com"),
            ("LATCHKEY_PUBLIC_URL", url),
            ("LATCHKEY_ACCESS_TTL", "5m"),
            ("LATCHKEY_HELP_URL", ""),
        ];
        let config = config(&given).unwrap();
        assert_eq!(config.public_url.as_deref(), Some(url));
        assert_eq!(config.access_ttl, Duration::from_secs(300));
        assert!(config.appearance.brand().appearance.links.help.is_none());
        assert_eq!(config.listen.port(), 3000);
    }

    #[test]
    fn what_is_given_in_code_must_be_a_setting() {
        let failure = |name, text| config(&[(name, text)]).err();
        for name in ["LATCHKEY_PUBLIC_URI", "LATCHKEY_SECRET_FILE", "PATH", ""] {
            let expected = format!("{name} is not a setting");
            assert_eq!(failure(name, "x").as_deref(), Some(expected.trim()));
        }
        let line = failure("LATCHKEY_SECRET", "too short").unwrap();
        assert!(line.starts_with("LATCHKEY_SECRET: "), "{line}");
        assert!(!line.contains("too short"), "{line}");
    }
}
