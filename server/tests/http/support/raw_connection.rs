//! Raw HTTP over TCP, for requests that no client library would send.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// The time allowed for a response before the test fails.
const TIMEOUT: Duration = Duration::from_secs(90);

/// A connection to the server.
pub struct RawConnection(TcpStream);

impl RawConnection {
    /// Opens a connection.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts a connection");
        stream
            .set_read_timeout(Some(TIMEOUT))
            .and_then(|()| stream.set_write_timeout(Some(TIMEOUT)))
            .expect("socket timeouts can be set");
        Self(stream)
    }

    /// Sends bytes. Errors are ignored because the server may have closed the connection already;
    /// the response is what counts.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.0.write_all(bytes.as_ref());
        self
    }

    /// Closes the sending half of the connection.
    pub fn finish(&mut self) -> &mut Self {
        let _ = self.0.shutdown(Shutdown::Write);
        self
    }

    /// Sends bytes, and fails if the server has closed the connection.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref())
    }

    /// Reads until the server has sent `end`.
    #[track_caller]
    pub fn read_until(&mut self, end: &str) -> String {
        let mut received = Vec::new();
        while !received.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let length = self.0.read(&mut byte).expect("the server keeps sending");
            assert_ne!(length, 0, "{}", String::from_utf8_lossy(&received));
            received.extend(byte);
        }
        String::from_utf8_lossy(&received).into_owned()
    }

    /// Reads and discards `length` bytes.
    #[track_caller]
    pub fn skip(&mut self, length: usize) {
        let mut bytes = vec![0; length];
        self.0
            .read_exact(&mut bytes)
            .expect("the server keeps sending");
    }

    /// Reads until the server closes the connection, and returns what it sent.
    #[track_caller]
    pub fn read_to_end(&mut self) -> String {
        let mut received = Vec::new();
        match self.0.read_to_end(&mut received) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server did not close the connection: {error}"),
        }
        String::from_utf8_lossy(&received).into_owned()
    }

    /// Reads to the end and returns the status of the response, or `None` if there is none.
    #[track_caller]
    pub fn status(&mut self) -> Option<u16> {
        let response = self.read_to_end();
        let status = response.strip_prefix("HTTP/1.1 ")?.get(..3)?;
        Some(status.parse().expect("a status is a number"))
    }
}
