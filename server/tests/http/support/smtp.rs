//! An SMTP server (RFC 5321) whose behavior the test controls.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::{Email, wait_until};

/// How the SMTP server treats emails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpBehavior {
    /// Accepts them.
    Accept,
    /// Rejects recipients that begin with `refused` and accepts the others.
    RejectSome,
    /// Stops responding once it has received the email.
    Hang,
    /// Closes the connection in the middle of the email.
    DisconnectMidEmail,
}

/// An SMTP server on its own port.
pub struct SmtpServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    behavior: SmtpBehavior,
    received: Vec<Email>,
    connections: usize,
    rejected: usize,
    hanging: usize,
    /// Headers of the emails during which it closed the connection.
    dropped: Vec<String>,
}

impl SmtpServer {
    /// Starts a server on a free port.
    pub fn start(behavior: SmtpBehavior) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), behavior)
    }

    /// Starts a server on this address.
    pub fn start_at(address: SocketAddr, behavior: SmtpBehavior) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let state = Arc::new(Mutex::new(State {
            behavior,
            received: Vec::new(),
            connections: 0,
            rejected: 0,
            hanging: 0,
            dropped: Vec::new(),
        }));
        let server = Self {
            address: listener.local_addr().expect("an address"),
            state: state.clone(),
        };
        // The threads end with the test process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = state.clone();
                thread::spawn(move || {
                    state.lock().expect("no panic").connections += 1;
                    // An error means that the client has disconnected.
                    let _ = serve(stream, &state);
                });
            }
        });
        server
    }

    /// The `LATCHKEY_SMTP_URL` of this server.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Changes the behavior from now on.
    pub fn set_behavior(&self, behavior: SmtpBehavior) {
        self.state.lock().expect("no panic").behavior = behavior;
    }

    /// The emails that it has accepted.
    pub fn received(&self) -> Vec<Email> {
        self.state.lock().expect("no panic").received.clone()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.state.lock().expect("no panic").connections
    }

    /// The number of recipients it has rejected.
    pub fn rejected(&self) -> usize {
        self.state.lock().expect("no panic").rejected
    }

    /// The number of emails left without a reply.
    pub fn hanging(&self) -> usize {
        self.state.lock().expect("no panic").hanging
    }

    /// Headers of the emails during which it closed the connection.
    pub fn dropped(&self) -> Vec<String> {
        self.state.lock().expect("no panic").dropped.clone()
    }

    /// Waits for an email to this address.
    #[track_caller]
    pub fn wait_for_email(&self, to: &str) -> Email {
        let mut found = None;
        // Longer than the SMTP timeout plus the delay before a retry.
        wait_until(
            &format!("an email to {to}"),
            Duration::from_secs(120),
            || {
                found = self.received().into_iter().find(|email| email.to == to);
                found.is_some()
            },
        );
        found.expect("it was found")
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let behavior = || state.lock().expect("no panic").behavior;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    out.write_all(b"220 mail.example ESMTP\r\n")?;
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let response = match command.as_str() {
            "EHLO" => "250-mail.example\r\n250 8BITMIME\r\n",
            "RCPT" if behavior() == SmtpBehavior::RejectSome && line.contains("<refused") => {
                state.lock().expect("no panic").rejected += 1;
                "554 5.7.1 rejected\r\n"
            }
            "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 2.0.0 OK\r\n",
            "DATA" => {
                out.write_all(b"354 send the message\r\n")?;
                let Some(email) = read_email(&mut lines, behavior)? else {
                    return Ok(());
                };
                match behavior() {
                    SmtpBehavior::Hang => {
                        state.lock().expect("no panic").hanging += 1;
                        // Wait until the client disconnects.
                        lines.read_line(&mut line)?;
                        return Ok(());
                    }
                    SmtpBehavior::DisconnectMidEmail => {
                        state.lock().expect("no panic").dropped.push(email);
                        return Ok(());
                    }
                    _ => {}
                }
                let email = Email::parse(email.as_bytes());
                state.lock().expect("no panic").received.push(email);
                "250 2.0.0 queued\r\n"
            }
            "QUIT" => {
                out.write_all(b"221 2.0.0 bye\r\n")?;
                return Ok(());
            }
            _ => "500 5.5.2 unknown command\r\n",
        };
        out.write_all(response.as_bytes())?;
    }
}

/// Reads an email to its end, or only its headers if the server is to disconnect there. Returns
/// `None` when the client disconnects first.
fn read_email(
    lines: &mut impl BufRead,
    behavior: impl Fn() -> SmtpBehavior,
) -> std::io::Result<Option<String>> {
    let mut email = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let drops = line == "\r\n" && behavior() == SmtpBehavior::DisconnectMidEmail;
        if drops || line == ".\r\n" {
            return Ok(Some(email));
        }
        email += line.strip_prefix('.').unwrap_or(&line);
    }
}
