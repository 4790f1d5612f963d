//! `latchkey key …`: managing service keys. Running servers see the changes at once.

use std::{io::Write, time::Duration};

use accounts::{Error, Scope, ServiceKey, Timestamp, printable};

use super::{
    print_line,
    users::{failure, with_accounts},
};
use crate::{config::Config, failure::Failure};

/// `latchkey key create`: prints the key alone on a line.
pub fn create(
    config: &Config,
    name: &str,
    scopes: &[Scope],
    lifetime: Option<Duration>,
) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let mut different = Vec::new();
        for scope in scopes {
            if !different.contains(scope) {
                different.push(*scope);
            }
        }
        let created = accounts.create_service_key(name.into(), &different, lifetime);
        let key = created.await.map_err(|error| failure(error, name))?;
        print_line(format_args!("{key}"))
    })
}

/// `latchkey key list`: prints one line per key with tab-separated columns.
pub fn list(config: &Config) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let keys = accounts.service_keys().await.map_err(Failure::new)?;
        let mut out = std::io::stdout().lock();
        let header = "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tLAST USED".to_owned();
        let mut lines = std::iter::once(header).chain(keys.iter().map(line));
        match lines.try_for_each(|line| writeln!(out, "{line}")) {
            // The reader has closed the pipe, as `head` does.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::new),
        }
    })
}

fn line(key: &ServiceKey) -> String {
    let time = |time: Option<Timestamp>| time.map_or("never".to_owned(), |time| time.to_string());
    [
        &key.id.to_string(),
        &key.name,
        &key.scopes,
        &key.created_at.to_string(),
        &time(key.expires_at),
        &time(key.last_used_at),
    ]
    .map(|column| printable(column))
    .join("\t")
}

/// `latchkey key revoke`
pub fn revoke(config: &Config, id: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let revoked = accounts.revoke_service_key(id).await;
        revoked.map_err(|error| match error {
            Error::NotFound => Failure::new(format!("there is no service key {id}")),
            error => Failure::new(error),
        })?;
        print_line(format_args!("Revoked the service key {id}"))
    })
}
