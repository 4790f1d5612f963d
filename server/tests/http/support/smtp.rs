//! An SMTP server (RFC 5321) whose behavior the test controls.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use super::{Email, wait_until};

/// How the SMTP server treats emails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpBehavior {
    /// Accepts them.
    Accept,
    /// Defers recipients that begin with `refused` and accepts the others.
    RejectSome,
    /// Stops responding once it has received the email, and closes the connection when the behavior
    /// changes.
    Hang,
    /// Closes the connection in the middle of the email.
    DisconnectMidEmail,
}

/// What the server says at a moment of a session.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// What it usually says.
    Usual,
    /// These lines.
    Say(&'static str),
    /// These lines, and nothing else.
    SayAndClose(&'static str),
    /// What it usually says, after this time.
    After(Duration),
    /// Nothing, until the client disconnects.
    Hang,
}

/// A moment of a session at which the server says something.
pub struct Moment<'a> {
    /// The command; empty at the greeting, and `.` at the end of an email.
    pub command: &'a str,
    /// The recipient of the email, once it was named.
    pub recipient: &'a str,
    /// The number of emails that this connection has had before.
    pub emails: usize,
}

type Script = Box<dyn Fn(&Moment<'_>) -> Reply + Send + Sync>;

/// An SMTP server on its own port.
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    state: Mutex<State>,
}

struct State {
    behavior: SmtpBehavior,
    received: Vec<Email>,
    /// When each email was received.
    arrivals: Vec<Instant>,
    connections: usize,
    rejected: usize,
    hanging: usize,
    /// Headers of the emails during which it closed the connection.
    dropped: Vec<String>,
    /// All commands, without the emails.
    commands: Vec<String>,
}

impl SmtpServer {
    /// Starts a server on a free port.
    pub fn start(behavior: SmtpBehavior) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), behavior)
    }

    /// Starts a server on this address.
    pub fn start_at(address: SocketAddr, behavior: SmtpBehavior) -> Self {
        Self::listen(address, behavior, Box::new(|_| Reply::Usual))
    }

    /// Starts a server on this address that follows a script.
    pub fn scripted(
        address: SocketAddr,
        script: impl Fn(&Moment<'_>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(address, SmtpBehavior::Accept, Box::new(script))
    }

    fn listen(address: SocketAddr, behavior: SmtpBehavior, script: Script) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let shared = Arc::new(Shared {
            script,
            state: Mutex::new(State {
                behavior,
                received: Vec::new(),
                arrivals: Vec::new(),
                connections: 0,
                rejected: 0,
                hanging: 0,
                dropped: Vec::new(),
                commands: Vec::new(),
            }),
        });
        let server = Self {
            address: listener.local_addr().expect("an address"),
            shared: shared.clone(),
        };
        // The threads end with the test process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.state.lock().expect("no panic").connections += 1;
                    // An error means that the client has disconnected.
                    let _ = Session::new(stream, &shared).and_then(Session::serve);
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
        self.state().behavior = behavior;
    }

    /// The emails that it has accepted.
    pub fn received(&self) -> Vec<Email> {
        self.state().received.clone()
    }

    /// When it has accepted the emails.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.state().arrivals.clone()
    }

    /// The commands that it has received in all connections.
    pub fn commands(&self) -> Vec<String> {
        self.state().commands.clone()
    }

    /// The number of these commands that begin with `start`.
    pub fn count(&self, start: &str) -> usize {
        let commands = self.commands();
        commands.iter().filter(|it| it.starts_with(start)).count()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    /// The number of recipients it has rejected.
    pub fn rejected(&self) -> usize {
        self.state().rejected
    }

    /// The number of emails left without a reply.
    pub fn hanging(&self) -> usize {
        self.state().hanging
    }

    /// Headers of the emails during which it closed the connection.
    pub fn dropped(&self) -> Vec<String> {
        self.state().dropped.clone()
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no panic")
    }
}

/// A session with a client.
struct Session<'a> {
    shared: &'a Shared,
    lines: BufReader<TcpStream>,
    out: TcpStream,
    recipient: String,
    emails: usize,
}

impl<'a> Session<'a> {
    fn new(stream: TcpStream, shared: &'a Shared) -> io::Result<Self> {
        Ok(Self {
            shared,
            out: stream.try_clone()?,
            lines: BufReader::new(stream),
            recipient: String::new(),
            emails: 0,
        })
    }

    fn state(&self) -> MutexGuard<'a, State> {
        self.shared.state.lock().expect("no panic")
    }

    fn behavior(&self) -> SmtpBehavior {
        self.state().behavior
    }

    fn serve(mut self) -> io::Result<()> {
        let (_, mut goes_on) = self.say("", "220 mail.example ESMTP")?;
        while goes_on {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let command = line.trim_end();
            self.state().commands.push(command.to_owned());
            goes_on = self.obey(command)?;
        }
        Ok(())
    }

    /// Responds to a command. Returns whether the session goes on.
    fn obey(&mut self, command: &str) -> io::Result<bool> {
        let verb = command.get(..4).unwrap_or_default().to_ascii_uppercase();
        let usual = match verb.as_str() {
            "EHLO" => "250-mail.example\r\n250 8BITMIME",
            "AUTH" => "235 2.7.0 welcome",
            "DATA" => "354 send the message",
            "QUIT" => "221 2.0.0 bye",
            "MAIL" | "RSET" | "NOOP" => "250 2.0.0 OK",
            "RCPT" => {
                let address = command.split(['<', '>']).nth(1);
                self.recipient = address.unwrap_or_default().to_owned();
                if self.behavior() == SmtpBehavior::RejectSome
                    && self.recipient.starts_with("refused")
                {
                    self.state().rejected += 1;
                    "450 4.2.0 greylisted"
                } else {
                    "250 2.1.5 OK"
                }
            }
            _ => "500 5.5.2 unknown command",
        };
        match self.say(command, usual)? {
            (said, true) if said.starts_with("354") => self.receive(),
            (_, goes_on) => Ok(goes_on && verb != "QUIT"),
        }
    }

    /// Receives an email. Returns whether the session goes on.
    fn receive(&mut self) -> io::Result<bool> {
        let shared = self.shared;
        let behavior = || shared.state.lock().expect("no panic").behavior;
        let Some(email) = read_email(&mut self.lines, behavior)? else {
            return Ok(false);
        };
        match behavior() {
            SmtpBehavior::Hang => {
                self.state().hanging += 1;
                while behavior() == SmtpBehavior::Hang {
                    thread::sleep(Duration::from_millis(10));
                }
                return Ok(false);
            }
            SmtpBehavior::DisconnectMidEmail => {
                self.state().dropped.push(email);
                return Ok(false);
            }
            _ => {}
        }
        let (said, goes_on) = self.say(".", "250 2.0.0 queued")?;
        self.emails += 1;
        if said.starts_with('2') {
            let email = Email::parse(email.as_bytes());
            let mut state = self.state();
            state.received.push(email);
            state.arrivals.push(Instant::now());
        }
        Ok(goes_on)
    }

    /// Says what the script says. Returns it, and whether the session goes on.
    fn say(&mut self, command: &str, usual: &'static str) -> io::Result<(&'static str, bool)> {
        let reply = (self.shared.script)(&Moment {
            command,
            recipient: &self.recipient,
            emails: self.emails,
        });
        let text = match reply {
            Reply::Say(text) | Reply::SayAndClose(text) => text,
            Reply::Usual | Reply::After(_) => usual,
            Reply::Hang => {
                self.state().hanging += 1;
                self.lines.read_line(&mut String::new())?;
                return Ok(("", false));
            }
        };
        if let Reply::After(time) = reply {
            thread::sleep(time);
        }
        self.out.write_all(format!("{text}\r\n").as_bytes())?;
        Ok((text, !matches!(reply, Reply::SayAndClose(_))))
    }
}

/// Reads an email to its end, or only its headers if the server is to disconnect there. Returns
/// `None` when the client disconnects first.
fn read_email(
    lines: &mut impl BufRead,
    behavior: impl Fn() -> SmtpBehavior,
) -> io::Result<Option<String>> {
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
