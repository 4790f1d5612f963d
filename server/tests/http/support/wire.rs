//! HTTP by hand, for requests that no client library would send.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// How long an answer may take before the test fails.
const CONNECTION_TIMEOUTS: Duration = Duration::from_secs(90);

/// A connection to the server.
pub struct Wire(TcpStream);

impl Wire {
    pub(super) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts a connection");
        stream
            .set_read_timeout(Some(CONNECTION_TIMEOUTS))
            .and_then(|()| stream.set_write_timeout(Some(CONNECTION_TIMEOUTS)))
            .expect("time limits for the connection");
        Self(stream)
    }

    /// Sends bytes. The server may have hung up by then, which is no concern of the sender: the
    /// answer is.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.0.write_all(bytes.as_ref());
        self
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> &mut Self {
        let _ = self.0.shutdown(Shutdown::Write);
        self
    }

    /// Sends bytes as long as the server listens.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref())
    }

    /// Reads until the server has sent `end`.
    #[track_caller]
    pub fn read_until(&mut self, end: &str) -> String {
        let mut received = Vec::new();
        while !received.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let length = self.0.read(&mut byte).expect("the server sends on");
            assert_ne!(length, 0, "{}", String::from_utf8_lossy(&received));
            received.extend(byte);
        }
        String::from_utf8_lossy(&received).into_owned()
    }

    /// Reads so many bytes.
    #[track_caller]
    pub fn skip(&mut self, length: usize) {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("the server sends on");
    }

    /// Reads until the server hangs up, and returns what it sent.
    #[track_caller]
    pub fn read_to_end(&mut self) -> String {
        let mut received = Vec::new();
        match self.0.read_to_end(&mut received) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server did not hang up: {error}"),
        }
        String::from_utf8_lossy(&received).into_owned()
    }

    /// The status of the answer that comes before the server hangs up; `None` where it says
    /// nothing.
    #[track_caller]
    pub fn status(&mut self) -> Option<u16> {
        let answer = self.read_to_end();
        let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?;
        Some(status.parse().expect("a status is a number"))
    }
}
