//! `latchkey user …`: managing users. Running servers see the changes at once.

use std::io::{BufRead, IsTerminal, Read, Write};

use accounts::{Accounts, Error, ManagedUser, User, email_for_display, printable};
use app::api::admin;

use super::{AppPaths, accounts, json_line, print_line, runtime, write_lines};
use crate::{config::Config, failure::Failure};

/// The number of users read at a time.
const PAGE_SIZE: u32 = 500;

/// `latchkey user create`
pub fn create(config: &Config, email: &str, is_admin: bool) -> Result<(), Failure> {
    let password = read_password()?;
    // The first administrator can be created before the first start of the server.
    with_new_accounts(config, async |accounts| {
        let result = accounts
            .create_user(email.into(), password.as_str().into(), is_admin)
            .await;
        let user = result.map_err(|error| failure(error, email))?;
        let role = if is_admin { "administrator" } else { "user" };
        print_line(format_args!(
            "Created the {role} {} with ID {}",
            email_for_display(&user.email),
            user.id
        ))
    })
}

/// `latchkey user list`: prints one line per user with tab-separated columns, or as JSON.
pub fn list(config: &Config, is_json: bool) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let mut out = std::io::stdout().lock();
        let header = "EMAIL\tID\tSTATE\tADMIN\tVERIFIED\tOTP\tJOINED\tLAST LOGIN";
        let mut written = if is_json {
            Ok(())
        } else {
            writeln!(out, "{header}")
        };
        let mut after = Box::default();
        loop {
            let page = accounts
                .users(&after, PAGE_SIZE)
                .await
                .map_err(Failure::new)?;
            for user in &page {
                let line = if is_json { json(user) } else { line(user) };
                written = written.and_then(|()| writeln!(out, "{line}"));
            }
            match written {
                // The reader has closed the pipe, as `head` does.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(Failure::new(error)),
                Ok(()) => {}
            }
            match page.last() {
                Some(last) if page.len() == PAGE_SIZE as usize => after.clone_from(&last.email),
                _ => return Ok(()),
            }
        }
    })
}

fn line(user: &User) -> String {
    let state = if user.is_active {
        "active"
    } else {
        "deactivated"
    };
    let yes = |is| if is { "yes" } else { "no" };
    [
        &*email_for_display(&user.email),
        &user.id.to_string(),
        state,
        yes(user.is_admin),
        yes(user.email_verified),
        yes(user.otp_enabled),
        &user.date_joined.to_string(),
        &user
            .last_login
            .map_or_else(|| "never".to_owned(), |time| time.to_string()),
    ]
    .map(printable)
    .join("\t")
}

pub(super) fn json(user: &ManagedUser) -> String {
    json_line(&admin::ManagedUser::from(user))
}

/// `latchkey user show`: prints one line for each property, or as JSON.
pub fn show(config: &Config, email: &str, is_json: bool) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let found = accounts.user_details(email.into()).await;
        let user = found.map_err(|error| failure(error, email))?;
        if is_json {
            return write_lines([json(&user)]);
        }
        let yes = |is| if is { "yes" } else { "no" };
        let last_login = user.last_login.map(|time| time.to_string());
        let roles = user.roles.comma_separated().replace(',', ", ");
        let lines = [
            ("ID", &*user.id.to_string()),
            ("Email", &*email_for_display(&user.email)),
            ("Name", &*user.name),
            ("Roles", &roles),
            ("Active", yes(user.is_active)),
            ("Administrator", yes(user.is_admin)),
            ("Email verified", yes(user.email_verified)),
            ("Second factor", yes(user.otp_enabled)),
            ("Joined", &user.date_joined.to_string()),
            ("Last login", last_login.as_deref().unwrap_or("never")),
            ("Metadata", &user.metadata),
            ("App metadata", &user.app_metadata),
        ]
        .map(|(name, value)| {
            format!("{name}: {}", printable(value))
                .trim_end()
                .to_owned()
        });
        write_lines(lines)
    })
}

/// `latchkey user email`
pub fn email(config: &Config, email: &str, new_email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let changed = accounts.change_email_of_user(email.into(), new_email.into());
        let user = changed.await.map_err(|error| failure(error, email))?;
        print_line(format_args!(
            "Changed the email address to {}",
            email_for_display(&user.email)
        ))
    })
}

/// `latchkey user grant-role` and `revoke-role`
pub fn change_roles(
    config: &Config,
    email: &str,
    added: &[String],
    removed: &[String],
) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let changed = accounts.change_roles_of_user(email.into(), added, removed);
        let user = changed.await.map_err(|error| failure(error, email))?;
        let roles = match user.roles.comma_separated().replace(',', ", ") {
            roles if roles.is_empty() => "none".to_owned(),
            roles => roles,
        };
        let email = email_for_display(&user.email);
        print_line(format_args!("Roles of {email}: {roles}"))
    })
}

/// `latchkey user grant-admin` and `revoke-admin`
pub fn set_admin(config: &Config, email: &str, is_admin: bool) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let changed = accounts.set_admin_of_user(email.into(), is_admin).await;
        let user = changed.map_err(|error| failure(error, email))?;
        let role = if is_admin {
            "an administrator"
        } else {
            "no administrator"
        };
        let email = email_for_display(&user.email);
        print_line(format_args!("{email} is {role}"))
    })
}

/// `latchkey user delete`
pub fn delete(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let deleted = accounts.delete_by_operator(email.into()).await;
        let user = deleted.map_err(|error| failure(error, email))?;
        print_line(format_args!(
            "Deleted {} and everything that belonged to it",
            email_for_display(&user.email)
        ))
    })
}

/// `latchkey user deactivate`
pub fn deactivate(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let result = accounts.deactivate_user(email.into()).await;
        let user = result.map_err(|error| failure(error, email))?;
        print_line(format_args!(
            "Deactivated {} and ended all of their sessions",
            email_for_display(&user.email)
        ))
    })
}

/// `latchkey user activate`
pub fn activate(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let result = accounts.activate_user(email.into()).await;
        let user = result.map_err(|error| failure(error, email))?;
        print_line(format_args!("Activated {}", email_for_display(&user.email)))
    })
}

/// `latchkey user verify`
pub fn verify(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let result = accounts.verify_user(email.into()).await;
        let user = result.map_err(|error| failure(error, email))?;
        print_line(format_args!(
            "Verified the email address {}",
            email_for_display(&user.email)
        ))
    })
}

/// `latchkey user sign-out`
pub fn sign_out(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let result = accounts.sign_out_user(email.into()).await;
        let user = result.map_err(|error| failure(error, email))?;
        print_line(format_args!(
            "Signed {} out everywhere",
            email_for_display(&user.email)
        ))
    })
}

/// `latchkey user reset-otp`
pub fn reset_otp(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let result = accounts.reset_otp_of_user(email.into()).await;
        let user = result.map_err(|error| failure(error, email))?;
        print_line(format_args!(
            "Removed the second factor of {} and ended all of their sessions",
            email_for_display(&user.email)
        ))
    })
}

/// `latchkey user password`
pub fn password(config: &Config, email: &str) -> Result<(), Failure> {
    let password = read_password()?;
    with_accounts(config, async |accounts| {
        let result = accounts
            .set_password_of_user(email.into(), password.as_str().into())
            .await;
        let user = result.map_err(|error| failure(error, email))?;
        print_line(format_args!(
            "Changed the password of {} and ended all of their sessions",
            email_for_display(&user.email)
        ))
    })
}

/// Opens the database, runs `action` on its accounts, and closes the database. What does not exist is
/// not created.
pub(super) fn with_accounts(
    config: &Config,
    action: impl AsyncFnOnce(&Accounts) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let paths = AppPaths::find(config);
    runtime()?.block_on(async {
        let database = paths.open_existing_database().await?;
        let configured = config.secret.clone();
        let secrets = paths.present_master_secrets(&database, configured).await?;
        run(
            accounts(config, database, public_url(config), secrets)?,
            action,
        )
        .await
    })
}

/// The same, and creates the database and the master secret on first use.
pub(super) fn with_new_accounts(
    config: &Config,
    action: impl AsyncFnOnce(&Accounts) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let paths = AppPaths::prepare(config)?;
    runtime()?.block_on(async {
        let database = paths.open_database().await?;
        let configured = config.secret.clone();
        let secrets = paths.master_secrets(&database, configured).await?;
        run(
            accounts(config, database, public_url(config), secrets)?,
            action,
        )
        .await
    })
}

/// Not for links, which the server makes: passwords must not resemble it.
fn public_url(config: &Config) -> String {
    config.public_url.clone().unwrap_or_default()
}

async fn run(
    accounts: Accounts,
    action: impl AsyncFnOnce(&Accounts) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let result = action(&accounts).await;
    accounts.database().close().await;
    result
}

/// Prompts for a password twice if standard input is a terminal; otherwise reads its first line.
fn read_password() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        let prompt = |prompt| rpassword::prompt_password(prompt).map_err(Failure::new);
        let password = prompt("Password: ")?;
        if password != prompt("Confirm password: ")? {
            return Err(Failure::new("the passwords do not match"));
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

/// Turns an error of the domain into one line.
pub(super) fn failure(error: Error, email: &str) -> Failure {
    match error {
        Error::NotFound => Failure::new(format!("there is no user {email}")),
        Error::Conflict(sentence) => Failure::new(sentence),
        error => Failure::new(error_line(&error)),
    }
}

/// An error on one line, with the messages for all fields.
pub(super) fn error_line(error: &Error) -> String {
    let Error::Fields(fields) = error else {
        return error.to_string();
    };
    let fields = fields.iter();
    let lines = fields.map(|(field, messages)| format!("{field}: {}", messages.join(" ")));
    lines.collect::<Vec<_>>().join(" ")
}
