//! A line between the program and PostgreSQL that can be cut, or go dead without a word.

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

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It carries everything.
    Works,
    /// Connections break, and none is made.
    Cut,
    /// Connections stay, and carry nothing.
    Dead,
    /// As `Dead`, for those connections only that listen to notices.
    DeafToNotices,
}

/// How often a connection looks at what the line does.
const LOOK: Duration = Duration::from_millis(10);

/// The line.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    url: url::Url,
}

struct State {
    line: Mutex<Line>,
    /// How many connections have been made, and how many of them, the first ones, are stranded.
    made: AtomicUsize,
    stranded: AtomicUsize,
}

/// One of the connections.
struct Connection {
    number: usize,
    listens: AtomicBool,
    state: Arc<State>,
}

impl Connection {
    /// What the line does for this one.
    fn line(&self) -> Line {
        if self.number < self.state.stranded.load(Ordering::Relaxed) {
            return Line::Dead;
        }
        match *self.state.line.lock().expect("no panic") {
            Line::DeafToNotices if !self.listens.load(Ordering::Relaxed) => Line::Works,
            Line::DeafToNotices => Line::Dead,
            line => line,
        }
    }
}

impl Proxy {
    /// A line to this database, which must be a PostgreSQL server's.
    pub fn new(database: &Database) -> Self {
        let Database::Postgres(url) = database else {
            panic!("there is no line to a file");
        };
        let host = url.host_str().expect("a host").to_owned();
        let port = url.port().unwrap_or(5432);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            line: Mutex::new(Line::Works),
            made: AtomicUsize::new(0),
            stranded: AtomicUsize::new(0),
        });
        let shared = state.clone();
        // The threads end with the test's process.
        thread::spawn(move || {
            for program in listener.incoming().flatten() {
                let connection = Arc::new(Connection {
                    number: shared.made.fetch_add(1, Ordering::Relaxed),
                    listens: AtomicBool::new(false),
                    state: shared.clone(),
                });
                if connection.line() == Line::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect((&*host, port)) else {
                    continue;
                };
                carry(&program, &server, &connection);
                carry(&server, &program, &connection);
            }
        });
        Self {
            address,
            state,
            url: url.clone(),
        }
    }

    /// The `DATABASE_URL` of the program's end.
    pub fn url(&self) -> String {
        let mut url = self.url.clone();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        url.to_string()
    }

    /// From now on, the line does this.
    pub fn set(&self, line: Line) {
        *self.state.line.lock().expect("no panic") = line;
    }

    /// From now on, the connections that there are stay and carry nothing, as after a machine in
    /// between has forgotten them; new ones work.
    pub fn strand(&self) {
        let made = self.state.made.load(Ordering::Relaxed);
        self.state.stranded.store(made, Ordering::Relaxed);
        // Each connection has looked by then.
        thread::sleep(3 * LOOK);
    }
}

/// PostgreSQL keeps a connection that broke off while it was being made for a minute, and drops no
/// database before.
impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stranded.store(0, Ordering::Relaxed);
        self.set(Line::Cut);
    }
}

/// Carries one direction of a connection, on a thread of its own.
fn carry(from: &TcpStream, to: &TcpStream, connection: &Arc<Connection>) {
    let copies = from
        .try_clone()
        .and_then(|from| Ok((from, to.try_clone()?)));
    let (Ok((mut from, mut to)), connection) = (copies, connection.clone()) else {
        return;
    };
    thread::spawn(move || {
        // A side that hangs up ends it, which is no fault of the line.
        let _ = copy(&mut from, &mut to, &connection);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn copy(from: &mut TcpStream, to: &mut TcpStream, connection: &Connection) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    from.set_read_timeout(Some(LOOK))?;
    loop {
        match connection.line() {
            Line::Works => {}
            Line::Cut => return Ok(()),
            Line::Dead | Line::DeafToNotices => {
                thread::sleep(LOOK);
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
