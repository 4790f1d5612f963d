//! The receiver of a webhook: an HTTP server whose behavior the test controls.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Responds with this status.
    Status(u16),
    /// Redirects to this URL.
    Redirect(String),
    /// Doesn't respond until the behavior changes.
    Hang,
    /// Closes the connection.
    Close,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// The type of the event.
    pub fn event(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }

    /// A header of the request.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect(name);
        value.to_str().expect("a text")
    }
}

/// The receiver, on its own port.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    reply: Reply,
    received: Vec<Received>,
}

impl Receiver {
    /// Starts a receiver that responds with 204.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared {
            reply: Reply::Status(204),
            received: Vec::new(),
        }));
        let for_thread = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = for_thread.clone();
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Changes what it does.
    pub fn replies(&self, reply: Reply) {
        self.shared.lock().expect("no thread panics").reply = reply;
    }

    /// Returns what was received so far, and forgets it.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.lock().expect("no thread panics").received)
    }

    /// The number of requests that it remembers.
    pub fn len(&self) -> usize {
        self.shared.lock().expect("no thread panics").received.len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.replies(Reply::Close);
    }
}

fn serve(stream: TcpStream, shared: &Mutex<Shared>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let received = Received {
        path,
        headers,
        body: String::from_utf8(body).ok()?,
    };
    let reply = || shared.lock().expect("no thread panics").reply.clone();
    let replied = reply();
    shared
        .lock()
        .expect("no thread panics")
        .received
        .push(received);
    let (status, location) = match replied {
        Reply::Status(status) => (status, String::new()),
        Reply::Redirect(url) => (302, format!("location: {url}\r\n")),
        Reply::Close => return None,
        Reply::Hang => {
            let start = Instant::now();
            while matches!(reply(), Reply::Hang) && start.elapsed() < Duration::from_secs(60) {
                thread::sleep(Duration::from_millis(5));
            }
            return None;
        }
    };
    let response = format!("HTTP/1.1 {status} X\r\n{location}content-length: 2\r\n\r\nok");
    (&stream).write_all(response.as_bytes()).ok()
}
