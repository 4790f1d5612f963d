//! A line between the program and PostgreSQL that can be cut, or go dead without a word.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
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
    line: Arc<Mutex<Line>>,
    url: url::Url,
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
        let line = Arc::new(Mutex::new(Line::Works));
        let state = line.clone();
        // The threads end with the test's process.
        thread::spawn(move || {
            for program in listener.incoming().flatten() {
                if *state.lock().expect("no panic") == Line::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect((&*host, port)) else {
                    continue;
                };
                let listens = Arc::new(AtomicBool::new(false));
                carry(&program, &server, &state, &listens);
                carry(&server, &program, &state, &listens);
            }
        });
        Self {
            address,
            line,
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
        *self.line.lock().expect("no panic") = line;
    }
}

/// Carries one direction of a connection, on a thread of its own.
fn carry(from: &TcpStream, to: &TcpStream, line: &Arc<Mutex<Line>>, listens: &Arc<AtomicBool>) {
    let copies = from
        .try_clone()
        .and_then(|from| Ok((from, to.try_clone()?)));
    let (Ok((mut from, mut to)), line, listens) = (copies, line.clone(), listens.clone()) else {
        return;
    };
    thread::spawn(move || {
        // A side that hangs up ends it, which is no fault of the line.
        let _ = copy(&mut from, &mut to, &line, &listens);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn copy(
    from: &mut TcpStream,
    to: &mut TcpStream,
    line: &Mutex<Line>,
    listens: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    from.set_read_timeout(Some(LOOK))?;
    loop {
        match *line.lock().expect("no panic") {
            Line::Works => {}
            Line::Cut => return Ok(()),
            Line::DeafToNotices if !listens.load(Ordering::Relaxed) => {}
            Line::Dead | Line::DeafToNotices => {
                thread::sleep(LOOK);
                continue;
            }
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                if buffer[..length].windows(6).any(|word| word == b"LISTEN") {
                    listens.store(true, Ordering::Relaxed);
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
