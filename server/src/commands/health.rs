//! `latchkey health`: asks a running server whether it is ready, for containers and scripts.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{print_line, runtime};
use crate::{config::Config, failure::Failure};

/// How long all of it may take. Those who ask wait a little longer.
const TIMEOUT: Duration = Duration::from_secs(4);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// `latchkey health`
pub fn health(config: &Config) -> Result<(), Failure> {
    let address = reachable(config.listen);
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::new(format!("the server at {address} is not ready: {reason}"))
    };
    let status = runtime()?.block_on(async { timeout(TIMEOUT, status(address)).await });
    match status {
        Ok(Ok(StatusCode::OK)) => print_line(format_args!("ok")),
        Ok(Ok(StatusCode::SERVICE_UNAVAILABLE)) => Err(failed(&"it can't use its database")),
        Ok(Ok(status)) => Err(failed(&format!("it responds with {status}"))),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&format!(
            "no response within {} s",
            TIMEOUT.as_secs()
        ))),
    }
}

/// Returns the address at which this machine reaches a server that listens there.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn status(address: SocketAddr) -> Result<StatusCode, Error> {
    let stream = TcpStream::connect(address).await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/readyz")
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    Ok(requests.send_request(request).await?.status())
}
