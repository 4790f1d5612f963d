//! Signals: which of them stop the server, and which do not end it.

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// The signals that a server gets from an init system, a log rotation, a terminal or a limit of the
/// system, and that would end it or halt it by default. Writing beyond a limit on the size of files
/// (`XFSZ`) is an error of that write.
const SURVIVED: [Signal; 13] = [
    Signal::HUP,
    Signal::USR1,
    Signal::USR2,
    Signal::PIPE,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::TTIN,
    Signal::TTOU,
    Signal::WINCH,
    Signal::XCPU,
    Signal::XFSZ,
];

/// Makes this process survive signals that do not ask it to stop.
pub fn survive() -> Result<(), Failure> {
    for survived in SURVIVED {
        // The handler stays when its receiver is dropped.
        let receiver = signal(SignalKind::from_raw(survived.as_raw()));
        drop(receiver.map_err(Failure::new)?);
    }
    Ok(())
}

/// Completes on SIGTERM, SIGINT (Ctrl+C) or SIGQUIT.
pub fn stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
    let mut quit = signal(SignalKind::quit()).map_err(Failure::new)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    })
}
