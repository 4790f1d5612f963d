//! When the next connection to a mail server may be opened after it has failed.

use std::time::Duration;

use tokio::time::Instant;

use crate::{backoff::backoff, email::send_error::ServerError};

/// The first and the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Trouble with the mail server, which ends when it takes an email over a new connection.
///
/// It is about new connections only. Those that work stay in use: a server that allows a client ten
/// connections refuses the eleventh.
#[derive(Default)]
pub(super) struct ServerTrouble(Option<Trouble>);

struct Trouble {
    reason: String,
    pause: Duration,
    ends: Instant,
}

impl ServerTrouble {
    /// Returns how many of `wanted` connections may be opened now, while `opening` are being opened:
    /// in trouble one at a time, after the pause.
    pub fn allowed(&self, wanted: usize, opening: usize) -> usize {
        match &self.0 {
            None => wanted,
            Some(trouble) if Instant::now() < trouble.ends => 0,
            Some(_) => wanted.min(1_usize.saturating_sub(opening)),
        }
    }

    /// Returns when the pause ends, if there is one.
    pub fn pause_ends(&self) -> Option<Instant> {
        self.0.as_ref().map(|trouble| trouble.ends)
    }

    /// Begins the next, longer pause, and logs the reason if it is a new one. Connections that fail
    /// during a pause were opened before it, and say nothing new.
    pub fn begin_pause(&mut self, error: ServerError) {
        let now = Instant::now();
        let pause = match &self.0 {
            Some(trouble) if now < trouble.ends => return,
            Some(trouble) => backoff(trouble.pause, LONGEST_PAUSE, 1),
            None => FIRST_PAUSE,
        };
        let ServerError {
            reason,
            is_permanent,
        } = error;
        let is_known = self.0.as_ref().is_some_and(|it| it.reason == reason);
        match (is_known, is_permanent) {
            (true, _) => tracing::debug!(reason, "still can't send emails"),
            (false, true) => tracing::error!(reason, "can't send emails; they are kept"),
            (false, false) => tracing::warn!(reason, "can't send emails; they are kept"),
        }
        self.0 = Some(Trouble {
            reason,
            pause,
            ends: now + pause,
        });
    }

    /// The server takes emails.
    pub fn end(&mut self) {
        if self.0.take().is_some() {
            tracing::info!("emails are sent again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_connection_at_a_time_probes_a_server_in_trouble() {
        let mut trouble = ServerTrouble::default();
        assert_eq!(trouble.allowed(16, 0), 16);
        trouble.begin_pause(ServerError::temporary("away".into()));
        assert_eq!(trouble.allowed(16, 0), 0);
        let ends = trouble.pause_ends();
        // It was opened before the pause.
        trouble.begin_pause(ServerError::temporary("away".into()));
        assert_eq!(trouble.pause_ends(), ends);
        if let Some(trouble) = &mut trouble.0 {
            trouble.ends = Instant::now();
        }
        assert_eq!((trouble.allowed(16, 0), trouble.allowed(16, 1)), (1, 0));
        trouble.begin_pause(ServerError::temporary("away".into()));
        assert!(trouble.pause_ends() > ends);
        trouble.end();
        assert_eq!(trouble.allowed(16, 0), 16);
    }
}
