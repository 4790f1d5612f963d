//! What a failure is about, for each response that a server may give, or not give.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::{tests::send_over, *};

/// A command and the response to it. The greeting is the response to nothing, and `.` ends a message.
type Response = (&'static str, &'static str);

/// Instead of a response.
const HANG: &str = "hang";
const CLOSE: &str = "close";

/// How a server responds that takes emails.
const USUAL: [Response; 9] = [
    ("", "220 mail.example"),
    ("EHLO", "250-mail.example\r\n250 AUTH PLAIN"),
    ("AUTH", "235 welcome"),
    ("MAIL", "250 fine"),
    ("RCPT", "250 fine"),
    ("DATA", "354 go on"),
    (".", "250 fine"),
    ("RSET", "250 fine"),
    ("QUIT", "221 bye"),
];

/// Starts a server with one unusual response, and returns a transport that waits for no response
/// longer than a moment.
async fn server_with(unusual: Response) -> SmtpTransport {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, unusual));
        }
    });
    let url: SmtpUrl = format!("smtp://ada:secret@127.0.0.1:{port}")
        .parse()
        .unwrap();
    let tls = TlsParameters::builder("mail.example".to_owned())
        .build()
        .unwrap();
    let moment = Duration::from_millis(300);
    let limits = Limits {
        connect: moment,
        greeting: moment,
        command: moment,
        data: moment,
        message: moment,
        next_address: moment,
    };
    SmtpTransport::with_tls(&url, "https://accounts.example", tls, limits)
}

async fn serve(stream: TcpStream, unusual: Response) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut in_message) = (String::new(), false);
    loop {
        if !in_message || line == ".\r\n" {
            let command = line.get(..4).unwrap_or_else(|| line.trim_end());
            let response = [unusual]
                .into_iter()
                .chain(USUAL)
                .find(|(to, _)| *to == command);
            match response {
                Some((_, CLOSE)) => return Ok(()),
                Some((_, HANG)) | None => {
                    return stream.read_to_end(&mut Vec::new()).await.map(drop);
                }
                Some((_, text)) => {
                    in_message = text.starts_with("354");
                    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
                }
            }
        }
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
    }
}

fn kind(result: &Result<(), SendError>) -> &'static str {
    match result {
        Ok(()) => "sent",
        Err(SendError::Refused(_)) => "refused",
        Err(SendError::Deferred(_)) => "deferred",
        Err(SendError::Server(error)) if error.is_permanent => "settings",
        Err(SendError::Server(_)) => "server",
    }
}

#[tokio::test]
async fn a_failure_is_about_the_email_or_about_the_server() {
    for (command, response, expected) in [
        ("", HANG, "server"),
        ("", CLOSE, "server"),
        ("", "421 too many connections", "server"),
        ("", "554 no SMTP here", "settings"),
        ("", "SSH-2.0-OpenSSH_9.2", "server"),
        ("EHLO", HANG, "server"),
        ("EHLO", CLOSE, "server"),
        ("EHLO", "550 who?", "settings"),
        ("EHLO", "250 no AUTH", "settings"),
        ("AUTH", HANG, "server"),
        ("AUTH", "454 later", "server"),
        ("AUTH", "535 wrong", "settings"),
        ("MAIL", HANG, "server"),
        ("MAIL", CLOSE, "server"),
        ("MAIL", "421 bye", "server"),
        ("MAIL", "452 full", "server"),
        ("MAIL", "550 not you", "settings"),
        ("RCPT", HANG, "deferred"),
        ("RCPT", CLOSE, "deferred"),
        ("RCPT", "421 bye", "deferred"),
        ("RCPT", "450 4.2.0 greylisted", "deferred"),
        ("RCPT", "454 4.7.1 later", "deferred"),
        ("RCPT", "550 5.1.1 unknown", "refused"),
        ("RCPT", "530 5.7.0 log in", "settings"),
        ("DATA", HANG, "deferred"),
        ("DATA", "451 later", "deferred"),
        ("DATA", "554 no", "refused"),
        (".", HANG, "deferred"),
        (".", CLOSE, "deferred"),
        (".", "451 later", "deferred"),
        (".", "552 5.2.2 full", "refused"),
        (".", "250 yes", "sent"),
    ] {
        let transport = server_with((command, response)).await;
        let results = send_over(&transport, 1).await;
        assert_eq!(
            kind(&results[0]),
            expected,
            "{command}: {response}: {results:?}"
        );
    }
}

/// The connection is used on after a refusal, and the next email is not taken for the refused one.
#[tokio::test]
async fn an_email_comes_after_one_that_was_refused() {
    for response in [
        ("RCPT", "550 5.1.1 unknown"),
        ("DATA", "451 later"),
        (".", "552 full"),
    ] {
        let transport = server_with(response).await;
        let results = send_over(&transport, 3).await;
        let first = kind(&results[0]);
        assert!(
            results.iter().all(|result| kind(result) == first),
            "{results:?}"
        );
    }
}

/// The texts are for the log: they name what to change, and do not quote the server.
#[tokio::test]
async fn a_permanent_failure_names_the_settings() {
    for (command, response, setting) in [
        ("EHLO", "550 ada@example.com", "LATCHKEY_PUBLIC_URL"),
        ("AUTH", "535 ada@example.com", "LATCHKEY_SMTP_URL"),
        ("MAIL", "550 ada@example.com", "LATCHKEY_MAIL_FROM"),
        ("RCPT", "530 ada@example.com", "LATCHKEY_SMTP_URL"),
    ] {
        let transport = server_with((command, response)).await;
        let results = send_over(&transport, 1).await;
        let Err(SendError::Server(error)) = &results[0] else {
            panic!("{command}: {results:?}");
        };
        assert!(error.reason.contains(setting), "{error:?}");
        assert!(!error.reason.contains("ada@"), "{error:?}");
    }
}
