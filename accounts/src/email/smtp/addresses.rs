//! The addresses of a host: which to try, and in which order.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use tokio::{net, task::JoinSet, time};

use super::failure::Cause;

/// The maximum number of addresses that are tried.
const MAX_ADDRESSES: usize = 8;

/// Returns the addresses of a host in the system's order of preference (RFC 6724), but `preferred`
/// before the others if it is one of them.
pub(super) async fn resolve(
    host: &str,
    port: u16,
    preferred: Option<SocketAddr>,
) -> io::Result<Vec<SocketAddr>> {
    let found = net::lookup_host((host, port)).await?;
    let mut addresses: Vec<_> = found.take(MAX_ADDRESSES).collect();
    addresses.sort_by_key(|address| Some(*address) != preferred);
    Ok(addresses)
}

/// Opens a connection to each address in turn, the next one as soon as the one before has failed or
/// has taken `delay` (RFC 8305, 5). Returns the first connection, and abandons the others.
pub(super) async fn first_of<T, F>(
    addresses: Vec<SocketAddr>,
    delay: Duration,
    open: impl Fn(SocketAddr) -> F,
) -> Result<(SocketAddr, T), Cause>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Cause>> + Send + 'static,
{
    let mut addresses = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last_error = Cause::from(io::Error::new(
        ErrorKind::NotFound,
        "its name has no address",
    ));
    loop {
        if let Some(address) = addresses.next() {
            let attempt = open(address);
            attempts.spawn(async move { (address, attempt.await) });
        }
        tokio::select! {
            attempt = attempts.join_next() => match attempt {
                Some(Ok((address, Ok(connection)))) => return Ok((address, connection)),
                Some(Ok((_, Err(error)))) => last_error = error,
                Some(Err(error)) => last_error = io::Error::other(error).into(),
                None => return Err(last_error),
            },
            () = time::sleep(delay), if addresses.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// How an address behaves.
    #[derive(Clone, Copy)]
    enum Peer {
        Answers,
        Refuses,
        Hangs,
    }

    /// Returns the number of the peer that was connected to and those that were tried.
    async fn connect(peers: &[Peer]) -> (Option<usize>, Vec<usize>) {
        let tried = Mutex::new(Vec::new());
        let addresses = (0..peers.len())
            .map(|number| SocketAddr::from(([127, 0, 0, 1], u16::try_from(number).unwrap())))
            .collect();
        let connected = first_of(addresses, Duration::from_millis(20), |address| {
            let number = usize::from(address.port());
            tried.lock().unwrap().push(number);
            let peer = peers[number];
            async move {
                match peer {
                    Peer::Answers => Ok(number),
                    Peer::Refuses => Err(io::Error::from(ErrorKind::ConnectionRefused).into()),
                    Peer::Hangs => std::future::pending().await,
                }
            }
        });
        let limit = Duration::from_secs(5);
        let connected = time::timeout(limit, connected).await.expect("a result");
        let number = connected.ok().map(|(_, number)| number);
        (number, tried.into_inner().unwrap())
    }

    #[tokio::test]
    async fn tries_the_next_address_when_one_refuses_or_hangs() {
        use Peer::{Answers, Hangs, Refuses};
        for (peers, expected, tried) in [
            (&[Answers, Answers][..], Some(0), &[0][..]),
            (&[Refuses, Answers], Some(1), &[0, 1]),
            (&[Hangs, Answers], Some(1), &[0, 1]),
            (&[Hangs, Refuses, Hangs, Answers], Some(3), &[0, 1, 2, 3]),
            (&[Refuses, Refuses], None, &[0, 1]),
            (&[], None, &[]),
        ] {
            assert_eq!(connect(peers).await, (expected, tried.to_vec()));
        }
    }

    #[tokio::test]
    async fn the_address_that_worked_comes_first() {
        let address: SocketAddr = "127.0.0.1:25".parse().unwrap();
        let other = "127.0.0.2:25".parse().ok();
        for preferred in [None, Some(address), other] {
            let found = resolve("127.0.0.1", 25, preferred).await.unwrap();
            assert_eq!(found, [address]);
        }
    }
}
