//! How fast a full outbox drains while some recipients hang.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::{PASSWORD, TestEnv, laptop};

const EMAILS: usize = 10_000;

/// One recipient in this many hangs.
const HANGING: usize = 100;

/// When each email was accepted.
type Arrivals = Arc<Mutex<Vec<Instant>>>;

/// Starts a mail server that never responds to the end of an email whose recipient begins with
/// `hanging`. Returns its URL.
async fn start_mail_server(arrivals: Arrivals) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let arrivals = arrivals.clone();
            tokio::spawn(async move { serve(stream, &arrivals).await });
        }
    });
    url
}

async fn serve(stream: TcpStream, arrivals: &Mutex<Vec<Instant>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example\r\n").await?;
    let (mut line, mut in_message, mut hangs) = (String::new(), false, false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if in_message && line != ".\r\n" {
            continue;
        }
        if line.starts_with("RCPT") {
            hangs = line.contains("<hanging");
        }
        let is_end = std::mem::replace(&mut in_message, line.starts_with("DATA"));
        if is_end && hangs {
            std::future::pending::<()>().await;
        }
        if is_end {
            arrivals.lock().unwrap().push(Instant::now());
        }
        let response = if in_message {
            "354 go on\r\n"
        } else {
            "250 fine\r\n"
        };
        stream.write_all(response.as_bytes()).await?;
    }
}

/// `cargo test -p accounts --test accounts outbox_drains -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes minutes"]
async fn outbox_drains_while_recipients_hang() {
    let (env, device) = (TestEnv::new().await, laptop());
    for number in 0..EMAILS {
        let name = if number % HANGING == 0 {
            "hanging"
        } else {
            "good"
        };
        let email = format!("{name}-{number}@example.com");
        let created = env
            .accounts
            .register(Some(&*email), PASSWORD.into(), &device);
        created.await.unwrap();
    }
    let arrivals = Arrivals::default();
    let url = start_mail_server(arrivals.clone()).await;
    let expected = EMAILS - EMAILS.div_ceil(HANGING);
    let all_arrived = async {
        while arrivals.lock().unwrap().len() < expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    env.send_emails_to(&url, all_arrived).await;
    let arrivals = arrivals.lock().unwrap();
    let time = arrivals[expected - 1].duration_since(arrivals[0]);
    let rate = expected as f64 / time.as_secs_f64();
    println!("{expected} emails in {time:?}: {rate:.0} per second");
    assert!(rate >= 200.0);
}
