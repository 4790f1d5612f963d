//! `latchkey user …`: what an operator does to accounts. Running servers notice at once.

use std::io::{BufRead, IsTerminal, Read, Write};

use accounts::{Accounts, Error, UserRecord};

use super::{Place, accounts, runtime, say};
use crate::{config::Config, failure::Failure};

/// How many users are read at once.
const PAGE: u32 = 500;

/// `latchkey user create`
pub fn create(config: &Config, email: &str, is_admin: bool) -> Result<(), Failure> {
    let password = read_password()?;
    with_accounts(config, async |accounts| {
        let created = accounts
            .create_user(email.into(), password.as_str().into(), is_admin)
            .await;
        let user = created.map_err(|error| in_one_line(error, email))?;
        let role = if is_admin { "administrator" } else { "user" };
        say(format_args!(
            "Created the {role} {} with id {}",
            user.email, user.id
        ))
    })
}

/// `latchkey user list`: a line for each user, its columns separated by tabs.
pub fn list(config: &Config) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let mut out = std::io::stdout().lock();
        let header = "EMAIL\tID\tSTATE\tADMIN\tVERIFIED\tOTP\tJOINED\tLAST LOGIN";
        let mut written = writeln!(out, "{header}");
        let mut after = Box::default();
        loop {
            let page = accounts.users(&after, PAGE).await.map_err(Failure::new)?;
            for record in &page {
                written = written.and_then(|()| writeln!(out, "{}", line(record)));
            }
            match written {
                // Whoever reads has seen enough, as in `| head`.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(Failure::new(error)),
                Ok(()) => {}
            }
            match page.last() {
                Some(last) if page.len() == PAGE as usize => after.clone_from(&last.user.email),
                _ => return Ok(()),
            }
        }
    })
}

fn line(record: &UserRecord) -> String {
    let user = &record.user;
    let state = match (user.is_active, record.awaits_activation) {
        (true, _) => "active",
        (false, true) => "awaits activation",
        (false, false) => "deactivated",
    };
    let yes = |is| if is { "yes" } else { "no" };
    [
        &*user.email,
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
    .join("\t")
}

/// `latchkey user deactivate`
pub fn deactivate(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let done = accounts.deactivate_user(email.into()).await;
        let user = done.map_err(|error| in_one_line(error, email))?;
        say(format_args!(
            "Deactivated {} and ended its sessions",
            user.email
        ))
    })
}

/// `latchkey user activate`
pub fn activate(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let done = accounts.activate_user(email.into()).await;
        let user = done.map_err(|error| in_one_line(error, email))?;
        say(format_args!("Activated {}", user.email))
    })
}

/// `latchkey user sign-out`
pub fn sign_out(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let done = accounts.sign_out_user(email.into()).await;
        let user = done.map_err(|error| in_one_line(error, email))?;
        say(format_args!("Signed {} out everywhere", user.email))
    })
}

/// `latchkey user reset-otp`
pub fn reset_otp(config: &Config, email: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let done = accounts.reset_otp_of_user(email.into()).await;
        let user = done.map_err(|error| in_one_line(error, email))?;
        say(format_args!(
            "Removed the second factor of {} and ended its sessions",
            user.email
        ))
    })
}

/// `latchkey user password`
pub fn password(config: &Config, email: &str) -> Result<(), Failure> {
    let password = read_password()?;
    with_accounts(config, async |accounts| {
        let done = accounts
            .set_password_of_user(email.into(), password.as_str().into())
            .await;
        let user = done.map_err(|error| in_one_line(error, email))?;
        say(format_args!(
            "Changed the password of {} and ended its sessions",
            user.email
        ))
    })
}

/// Opens the database, does something with the accounts in it, and closes it.
pub(super) fn with_accounts(
    config: &Config,
    action: impl AsyncFnOnce(&Accounts) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let place = Place::prepare(config)?;
    let master_secrets = place.master_secrets(config.master_secrets.clone())?;
    runtime()?.block_on(async {
        let database = place.open_database().await?;
        let accounts = accounts(config, database, String::new(), master_secrets)?;
        let done = action(&accounts).await;
        accounts.database().close().await;
        done
    })
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

pub(super) fn in_one_line(error: Error, email: &str) -> Failure {
    match error {
        Error::NotFound => Failure::new(format!("there is no user {email}")),
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
