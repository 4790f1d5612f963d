//! `latchkey key …`: managing service keys. Running servers see the changes at once.

use std::time::Duration;

use accounts::{Error, Scope, ServiceKey, Timestamp, printable};
use serde_json::json;

use super::{
    json_line, print_line,
    users::{failure, with_accounts},
    write_lines,
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
pub fn list(config: &Config, is_json: bool) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let keys = accounts.service_keys().await.map_err(Failure::new)?;
        if is_json {
            return write_lines(keys.iter().map(json));
        }
        let header = "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tLAST USED".to_owned();
        write_lines(std::iter::once(header).chain(keys.iter().map(line)))
    })
}

fn json(key: &ServiceKey) -> String {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json_line(&json!({
        "id": key.id.to_string(),
        "name": key.name,
        "scopes": key.scopes.split(' ').collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "expires_at": time(key.expires_at),
        "last_used_at": time(key.last_used_at),
    }))
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
