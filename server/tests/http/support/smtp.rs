//! A mail server that does as it is told (RFC 5321).

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::{Mail, wait_until};

/// What a mail server does with mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Takes them.
    Takes,
    /// Refuses those to addresses that begin with `refused`, and takes the others.
    Refuses,
    /// Says nothing any more once it has the mail.
    Hangs,
    /// Hangs up in the middle of the mail.
    DropsMidMail,
}

/// A mail server on a port of its own.
pub struct SmtpServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    manners: Manners,
    taken: Vec<Mail>,
    connections: usize,
    refused: usize,
    hanging: usize,
    /// The heads of mails in whose middle it hung up.
    dropped: Vec<String>,
}

impl SmtpServer {
    /// Starts one.
    pub fn start(manners: Manners) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), manners)
    }

    /// Starts one at this address.
    pub fn start_at(address: SocketAddr, manners: Manners) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let state = Arc::new(Mutex::new(State {
            manners,
            taken: Vec::new(),
            connections: 0,
            refused: 0,
            hanging: 0,
            dropped: Vec::new(),
        }));
        let server = Self {
            address: listener.local_addr().expect("an address"),
            state: state.clone(),
        };
        // The threads end with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = state.clone();
                thread::spawn(move || {
                    state.lock().expect("no panic").connections += 1;
                    // A client that hangs up ends it, which is none of the server's business.
                    let _ = serve(stream, &state);
                });
            }
        });
        server
    }

    /// The setting that sends mails here.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Behaves like this from now on.
    pub fn behave(&self, manners: Manners) {
        self.state.lock().expect("no panic").manners = manners;
    }

    /// The mails that it has taken.
    pub fn taken(&self) -> Vec<Mail> {
        self.state.lock().expect("no panic").taken.clone()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.state.lock().expect("no panic").connections
    }

    /// How many mails it has refused.
    pub fn refused(&self) -> usize {
        self.state.lock().expect("no panic").refused
    }

    /// How many mails wait for an answer.
    pub fn hanging(&self) -> usize {
        self.state.lock().expect("no panic").hanging
    }

    /// The heads of mails in whose middle it hung up.
    pub fn dropped(&self) -> Vec<String> {
        self.state.lock().expect("no panic").dropped.clone()
    }

    /// Waits for a mail to this address.
    #[track_caller]
    pub fn wait_for_mail(&self, to: &str) -> Mail {
        let mut found = None;
        // Longer than a client waits for an answer and then pauses.
        wait_until(&format!("a mail to {to}"), Duration::from_secs(120), || {
            found = self.taken().into_iter().find(|mail| mail.to == to);
            found.is_some()
        });
        found.expect("it was found")
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let manners = || state.lock().expect("no panic").manners;
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
        let answer = match command.as_str() {
            "EHLO" => "250-mail.example\r\n250 8BITMIME\r\n",
            "RCPT" if manners() == Manners::Refuses && line.contains("<refused") => {
                state.lock().expect("no panic").refused += 1;
                "554 5.7.1 not here\r\n"
            }
            "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 2.0.0 fine\r\n",
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let Some(mail) = read_mail(&mut lines, manners)? else {
                    return Ok(());
                };
                match manners() {
                    Manners::Hangs => {
                        state.lock().expect("no panic").hanging += 1;
                        // Until the client hangs up.
                        lines.read_line(&mut line)?;
                        return Ok(());
                    }
                    Manners::DropsMidMail => {
                        state.lock().expect("no panic").dropped.push(mail);
                        return Ok(());
                    }
                    _ => {}
                }
                let mail = Mail::parse(mail.as_bytes());
                state.lock().expect("no panic").taken.push(mail);
                "250 2.0.0 taken\r\n"
            }
            "QUIT" => {
                out.write_all(b"221 2.0.0 bye\r\n")?;
                return Ok(());
            }
            _ => "500 5.5.2 what?\r\n",
        };
        out.write_all(answer.as_bytes())?;
    }
}

/// Reads a mail to its end, or to that of its head for a server that hangs up there. Gives nothing
/// when the client does.
fn read_mail(
    lines: &mut impl BufRead,
    manners: impl Fn() -> Manners,
) -> std::io::Result<Option<String>> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let drops = line == "\r\n" && manners() == Manners::DropsMidMail;
        if drops || line == ".\r\n" {
            return Ok(Some(mail));
        }
        mail += line.strip_prefix('.').unwrap_or(&line);
    }
}
