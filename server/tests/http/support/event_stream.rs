//! The stream of revocations, read as a service does.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpStream},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Server;

/// The path of the stream.
pub const REVOCATIONS: &str = "/api/token/revocations";

/// A server-sent event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
    /// When it arrived.
    pub at: Instant,
}

/// An open stream.
pub struct EventStream {
    /// The lines of the head, in lower case.
    pub head: Vec<String>,
    connection: TcpStream,
    events: Receiver<Event>,
}

impl Server {
    /// Opens the stream of revocations with a key.
    #[track_caller]
    pub fn open_stream(&self, key: &str) -> EventStream {
        EventStream::open(self, key)
    }
}

impl EventStream {
    #[track_caller]
    fn open(server: &Server, key: &str) -> Self {
        let mut connection = TcpStream::connect(server.env().address).expect("a connection");
        write!(
            connection,
            "GET {REVOCATIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
        )
        .expect("the server reads");
        let copy = connection.try_clone().expect("the same socket");
        let mut reader = BufReader::new(copy);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a head");
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_lowercase());
        }
        assert_eq!(
            head.first().map(String::as_str),
            Some("http/1.1 200 ok"),
            "{head:?}"
        );
        let (sender, events) = channel();
        thread::spawn(move || {
            let mut text = String::new();
            while let Some(chunk) = read_chunk(&mut reader) {
                text.push_str(&chunk);
                while let Some(end) = text.find("\n\n") {
                    let event = parse(&text[..end]);
                    text.drain(..end + 2);
                    if sender.send(event).is_err() {
                        return;
                    }
                }
            }
        });
        Self {
            head,
            connection,
            events,
        }
    }

    /// Returns the next event, or `None` if there is none within this time or the stream has ended.
    pub fn next(&self, within: Duration) -> Option<Event> {
        self.events.recv_timeout(within).ok()
    }

    /// Reads up to the event that this is true of.
    #[track_caller]
    pub fn wait_for(&self, what: &str, within: Duration, is_it: impl Fn(&Event) -> bool) -> Event {
        let ends = Instant::now() + within;
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            let event = self.next(left);
            let event = event.unwrap_or_else(|| panic!("not within {within:?}: {what}"));
            if is_it(&event) {
                return event;
            }
        }
    }

    /// Reads the snapshot, and returns its entries and its number of events.
    #[track_caller]
    pub fn snapshot(&self) -> (Vec<Value>, usize) {
        let (mut entries, mut count) = (Vec::new(), 0);
        loop {
            let event = self.next(Duration::from_secs(10)).expect("an event");
            assert_eq!(event.name, "snapshot");
            let revoked = event.data["revoked"].as_array().expect("a list");
            assert!(revoked.len() <= 1000);
            entries.extend(revoked.iter().cloned());
            count += 1;
            if event.data["complete"] == true {
                return (entries, count);
            }
        }
    }

    /// Reads on, and returns whether the stream has ended within this time.
    pub fn ends(&self, within: Duration) -> bool {
        let ends = Instant::now() + within;
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let _ = self.connection.shutdown(Shutdown::Both);
    }
}

/// Reads a chunk (RFC 9112, 7.1). Returns `None` at the end.
fn read_chunk(reader: &mut impl BufRead) -> Option<String> {
    let mut size = String::new();
    reader.read_line(&mut size).ok()?;
    let size = usize::from_str_radix(size.trim(), 16).ok()?;
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk).ok()?;
    chunk.truncate(size);
    (size > 0).then(|| String::from_utf8(chunk).expect("UTF-8"))
}

fn parse(event: &str) -> Event {
    let field = |name: &str| {
        let mut lines = event.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().unwrap_or_else(|| panic!("{event}")).to_owned()
    };
    Event {
        name: field("event: "),
        data: serde_json::from_str(&field("data: ")).expect("JSON"),
        at: Instant::now(),
    }
}
