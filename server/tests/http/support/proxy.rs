//! A TCP proxy between the program and PostgreSQL that can disconnect or stall connections.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::Database;

/// The state of the network between the program and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Everything is forwarded.
    Up,
    /// Connections are closed and new ones are refused.
    Disconnected,
    /// Connections stay open but forward nothing.
    Stalled,
    /// Like `Stalled`, but only for connections that have sent `LISTEN`.
    NotificationsLost,
}

/// How often a connection checks the network state.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The proxy.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    url: url::Url,
}

struct State {
    network: Mutex<Network>,
    /// The number of connections opened so far.
    opened: AtomicUsize,
    /// Connections with a lower number are stalled.
    stalled_below: AtomicUsize,
}

/// One connection.
struct Connection {
    number: usize,
    listens: AtomicBool,
    state: Arc<State>,
}

impl Connection {
    /// The network state as this connection sees it.
    fn network(&self) -> Network {
        if self.number < self.state.stalled_below.load(Ordering::Relaxed) {
            return Network::Stalled;
        }
        match *self.state.network.lock().expect("no panic") {
            Network::NotificationsLost if !self.listens.load(Ordering::Relaxed) => Network::Up,
            Network::NotificationsLost => Network::Stalled,
            network => network,
        }
    }
}

impl Proxy {
    /// Starts a proxy for this database, which must be PostgreSQL.
    pub fn new(database: &Database) -> Self {
        let Database::Postgres(url) = database else {
            panic!("there is no network to a SQLite file");
        };
        let host = url.host_str().expect("a host").to_owned();
        let port = url.port().unwrap_or(5432);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            network: Mutex::new(Network::Up),
            opened: AtomicUsize::new(0),
            stalled_below: AtomicUsize::new(0),
        });
        let shared = state.clone();
        // The threads end with the test process.
        thread::spawn(move || {
            for program in listener.incoming().flatten() {
                let connection = Arc::new(Connection {
                    number: shared.opened.fetch_add(1, Ordering::Relaxed),
                    listens: AtomicBool::new(false),
                    state: shared.clone(),
                });
                if connection.network() == Network::Disconnected {
                    continue;
                }
                let Ok(server) = TcpStream::connect((&*host, port)) else {
                    continue;
                };
                forward(&program, &server, &connection);
                forward(&server, &program, &connection);
            }
        });
        Self {
            address,
            state,
            url: url.clone(),
        }
    }

    /// The `DATABASE_URL` that goes through the proxy.
    pub fn url(&self) -> String {
        let mut url = self.url.clone();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        url.to_string()
    }

    /// Changes the network state from now on.
    pub fn set(&self, network: Network) {
        *self.state.network.lock().expect("no panic") = network;
    }

    /// Stalls the existing connections for good, as when a firewall has dropped their state. New
    /// connections work.
    pub fn stall_existing(&self) {
        let opened = self.state.opened.load(Ordering::Relaxed);
        self.state.stalled_below.store(opened, Ordering::Relaxed);
        // Every connection has noticed by then.
        thread::sleep(3 * POLL_INTERVAL);
    }
}

/// PostgreSQL keeps a connection that broke during its start for a minute and refuses to drop the
/// database before that, so stalled connections are closed.
impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stalled_below.store(0, Ordering::Relaxed);
        self.set(Network::Disconnected);
    }
}

/// Forwards one direction of a connection on its own thread.
fn forward(from: &TcpStream, to: &TcpStream, connection: &Arc<Connection>) {
    let copies = from
        .try_clone()
        .and_then(|from| Ok((from, to.try_clone()?)));
    let (Ok((mut from, mut to)), connection) = (copies, connection.clone()) else {
        return;
    };
    thread::spawn(move || {
        // An error means that one side has disconnected.
        let _ = copy(&mut from, &mut to, &connection);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn copy(from: &mut TcpStream, to: &mut TcpStream, connection: &Connection) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    from.set_read_timeout(Some(POLL_INTERVAL))?;
    loop {
        match connection.network() {
            Network::Up => {}
            Network::Disconnected => return Ok(()),
            Network::Stalled | Network::NotificationsLost => {
                thread::sleep(POLL_INTERVAL);
                continue;
            }
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                if buffer[..length].windows(6).any(|word| word == b"LISTEN") {
                    connection.listens.store(true, Ordering::Relaxed);
                }
                to.write_all(&buffer[..length])?;
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            Err(error) => return Err(error),
        }
    }
}
