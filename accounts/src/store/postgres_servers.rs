//! The servers that a PostgreSQL URL names, and which of them can be used.
//!
//! libpq knows several hosts and `target_session_attrs`, sqlx knows neither. So a URL becomes one set of
//! options for each host, and the hosts are asked in turn.

use std::{fmt, io, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::time::timeout;
use url::{Host, Url};

use crate::store::{connection_errors::is_closed, invalid_database_url::InvalidDatabaseUrl};

/// How long one of several servers is asked. One that is switched off does not even refuse.
const ANSWER: Duration = Duration::from_secs(2);

/// The PostgreSQL servers with one database: a server, or a primary server and its standby servers.
#[derive(Clone)]
pub struct PostgresServers {
    /// At least one, in the order of the URL.
    servers: Vec<PgConnectOptions>,
    /// Whether a server is only used while it can be written.
    must_write: bool,
}

impl PostgresServers {
    /// Reads a URL as libpq does: hosts and ports may be lists, before the path or as parameters. With
    /// several hosts, only the one that can be written is used; with one host, if the URL says so.
    pub(super) fn from_url(url: &str) -> Result<Self, InvalidDatabaseUrl> {
        let urls = split_authority(url).ok_or(InvalidDatabaseUrl::Syntax)?;
        let target = urls.first().and_then(|url| parameter(url, TARGET));
        let urls = one_for_each_host(urls).ok_or(InvalidDatabaseUrl::Syntax)?;
        let mut must_write = urls.len() > 1;
        match target.as_deref() {
            None => {}
            Some("any") if urls.len() == 1 => {}
            Some("read-write" | "primary") => must_write = true,
            Some(_) => return Err(InvalidDatabaseUrl::Target),
        }
        let servers: Result<_, _> = urls.into_iter().map(options).collect();
        let servers = servers.map_err(|_| InvalidDatabaseUrl::Syntax)?;
        Ok(Self {
            servers,
            must_write,
        })
    }

    /// Changes the options of each server.
    pub(super) fn map(self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        Self {
            servers: self.servers.into_iter().map(change).collect(),
            ..self
        }
    }

    /// How to connect to each server, in the order of the URL.
    #[must_use]
    pub fn options(&self) -> &[PgConnectOptions] {
        &self.servers
    }

    /// Whether a server is only used while it can be written.
    pub(super) fn must_write(&self) -> bool {
        self.must_write
    }

    /// Connects to a server that can be used, and returns its number. The one with the number `first` is
    /// asked first and then those after it, so that a server stays in use while it can.
    ///
    /// # Errors
    /// When none can be used.
    pub(super) async fn connect(
        &self,
        first: usize,
        wait: Duration,
    ) -> Result<(usize, PgConnection), sqlx::Error> {
        let count = self.servers.len();
        let limit = if count > 1 { wait.min(ANSWER) } else { wait };
        let mut errors = Vec::with_capacity(count);
        for number in (first..count).chain(0..first) {
            let options = &self.servers[number];
            let connected = timeout(limit, self.connect_to(options)).await;
            match connected.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
                Ok(connection) => return Ok((number, connection)),
                Err(error) => errors.push((options, error)),
            }
        }
        Err(summary(errors))
    }

    async fn connect_to(&self, options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
        let mut connection = options.connect().await?;
        self.check(&mut connection).await?;
        Ok(connection)
    }

    /// Checks that the server of a connection answers, and that it can be written if it has to be.
    ///
    /// # Errors
    /// When it can't be used.
    pub(super) async fn check(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.must_write {
            return connection.ping().await;
        }
        // It is "on" for a standby server, too. A simple query is one round trip, like a ping.
        let row = sqlx::raw_sql("SHOW transaction_read_only")
            .fetch_one(connection)
            .await?;
        match row.try_get::<&str, _>(0)? {
            "off" => Ok(()),
            _ => Err(not_writable()),
        }
    }
}

/// The error of a server that can only be read.
pub(crate) fn not_writable() -> sqlx::Error {
    io::Error::new(io::ErrorKind::NotConnected, "it can't be written").into()
}

/// Names the database without its password.
impl fmt::Display for PostgresServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgreSQL at ")?;
        for (number, options) in self.servers.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            write!(f, "{separator}{}", Address(options))?;
        }
        let database = self
            .servers
            .first()
            .map(|options| options.get_database().unwrap_or(options.get_username()));
        write!(f, ", database {}", database.unwrap_or_default())
    }
}

/// The host and the port of a server.
pub(super) struct Address<'a>(pub &'a PgConnectOptions);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.0.get_host(), self.0.get_port());
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

const TARGET: &str = "target_session_attrs";

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// Returns a URL that sqlx can read for each host, also for those in the parameters of the first URL.
fn one_for_each_host(urls: Vec<Url>) -> Option<Vec<Url>> {
    let first = &urls.first()?.clone();
    let list =
        |name| parameter(first, name).map(|value| value.split(',').map(str::to_owned).collect());
    let hosts: Option<Vec<String>> = list("hostaddr").or_else(|| list("host"));
    let ports: Vec<String> = list("port").unwrap_or_default();
    // As in libpq, the parameters come before what is in front of the path.
    let urls = match &hosts {
        Some(hosts) => vec![first.clone(); hosts.len()],
        None => urls,
    };
    // One port is that of all hosts.
    if ports.len() > 1 && ports.len() != urls.len() {
        return None;
    }
    let with_host = |(number, mut url): (usize, Url)| {
        let host = match &hosts {
            Some(hosts) => hosts.get(number).cloned(),
            // sqlx would look up the brackets, too.
            None => url.host().and_then(|host| match host {
                Host::Ipv6(ip) => Some(ip.to_string()),
                _ => None,
            }),
        };
        let port = ports.get(number).or(ports.first()).cloned();
        let changed = ["host", "hostaddr", "port", TARGET];
        let pairs: Vec<(String, String)> = first
            .query_pairs()
            .filter(|(key, _)| !changed.contains(&&**key))
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .chain(host.map(|host| ("host".to_owned(), host)))
            .chain(port.map(|port| ("port".to_owned(), port)))
            .collect();
        url.set_query(None);
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url
    };
    Some(urls.into_iter().enumerate().map(with_host).collect())
}

/// Splits `user:password@host:port,host:port` in front of the path, which is no URL to anything but libpq.
fn split_authority(url: &str) -> Option<Vec<Url>> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some(vec![Url::parse(url).ok()?]);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    // A user without a host is no URL either: the host is among the parameters.
    let no_host = if user.is_empty() { "" } else { "localhost" };
    let one = |host: &str| {
        let host = if host.is_empty() { no_host } else { host };
        Url::parse(&format!("{scheme}://{user}{host}{path}")).ok()
    };
    hosts.split(',').map(one).collect()
}

/// Returns how sqlx connects to the one host of a URL.
fn options(url: Url) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.as_str())?;
    // An operator who names a certificate authority wants it to be checked. With `sslmode=require`, libpq
    // then does what `verify-ca` says, but sqlx would accept any certificate.
    let has_authority = url
        .query_pairs()
        .any(|(key, _)| ["sslrootcert", "ssl-root-cert", "ssl-ca"].contains(&&*key));
    Ok(match options.get_ssl_mode() {
        PgSslMode::Require if has_authority => options.ssl_mode(PgSslMode::VerifyCa),
        _ => options,
    })
}

/// Whether a server that can't be connected to may be ready soon: it does not answer, is starting or ending
/// (class 57P), can't be written yet, or has no connection left.
pub(super) fn may_pass(error: &sqlx::Error) -> bool {
    const TOO_MANY_CONNECTIONS: &str = "53300";
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(cause) => {
            is_closed(error)
                || cause
                    .code()
                    .is_some_and(|code| code == TOO_MANY_CONNECTIONS)
        }
        _ => false,
    }
}

/// Makes one error of those of all servers: the first that stays, such as a wrong password, or what each of
/// them says.
fn summary(mut errors: Vec<(&PgConnectOptions, sqlx::Error)>) -> sqlx::Error {
    let lasting = errors.iter().position(|(_, error)| !may_pass(error));
    if let Some(number) = lasting.or((errors.len() == 1).then_some(0)) {
        return errors.swap_remove(number).1;
    }
    let reasons: Vec<String> = errors
        .iter()
        .map(|(options, error)| format!("{}: {error}", Address(options)))
        .collect();
    io::Error::new(io::ErrorKind::NotConnected, reasons.join("; ")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the addresses, the database and whether the server must be writable, or the error.
    fn read(url: &str) -> Result<(String, bool), String> {
        let servers = PostgresServers::from_url(url).map_err(|error| error.to_string())?;
        Ok((servers.to_string(), servers.must_write))
    }

    #[test]
    fn reads_one_host_or_several() {
        // The environment may name another one than 5432.
        let default_port = PgConnectOptions::new_without_pgpass()
            .get_port()
            .to_string();
        for (url, expected, must_write) in [
            ("postgres://u:p@one/db", "one:5432, database db", false),
            (
                "postgres://u:p@one/db?target_session_attrs=any",
                "one:5432, database db",
                false,
            ),
            (
                "postgres://u:p@one/db?target_session_attrs=read-write",
                "one:5432, database db",
                true,
            ),
            (
                "postgres://u@one:1,two:2/db?target_session_attrs=primary",
                "one:1, two:2, database db",
                true,
            ),
            (
                "postgresql://u:p%40,@one,two:2/db?sslmode=disable",
                "one:5432, two:2, database db",
                true,
            ),
            ("postgres://u@[::1]/db", "[::1]:5432, database db", false),
            (
                "postgres://u@[::1]:1,[2001:db8::2]:2,three:3/db",
                "[::1]:1, [2001:db8::2]:2, three:3, database db",
                true,
            ),
            (
                "postgres://u@/db?host=one,two&port=1,2",
                "one:1, two:2, database db",
                true,
            ),
            (
                "postgres:///db?user=u&host=one,::1&port=7",
                "one:7, [::1]:7, database db",
                true,
            ),
            (
                "postgres://u@one,two/db?port=7",
                "one:7, two:7, database db",
                true,
            ),
        ] {
            let expected = expected.replace("5432", &default_port);
            assert_eq!(
                read(url),
                Ok((format!("PostgreSQL at {expected}"), must_write)),
                "{url}"
            );
        }
    }

    #[test]
    fn refuses_what_it_can_t_follow() {
        const SYNTAX: &str = "it can't be read as a database URL";
        const TARGET: &str =
            "target_session_attrs must be read-write or primary, as the server writes";
        for (url, expected) in [
            ("postgres://u@one:x,two/db", SYNTAX),
            ("postgres://u@[::1/db", SYNTAX),
            ("postgres://u@/db?host=one,two,three&port=1,2", SYNTAX),
            ("postgres://u@one,two/db?target_session_attrs=any", TARGET),
            ("postgres://u@one/db?target_session_attrs=standby", TARGET),
        ] {
            assert_eq!(read(url), Err(expected.to_owned()), "{url}");
        }
    }

    #[test]
    fn every_server_has_the_parameters_and_the_password() {
        let url = "postgres://u:p%2Cw@one,two:2/db?sslmode=require&sslrootcert=/a,b.pem";
        let servers = PostgresServers::from_url(url).unwrap();
        assert_eq!(servers.options().len(), 2);
        for options in servers.options() {
            assert_eq!(options.get_username(), "u");
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyCa));
            assert!(options.to_url_lossy().as_str().contains(":p%2Cw@"));
        }
    }
}
