//! Latchkey, the program.

use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match server::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // One line on standard error; nothing can be done if that is closed.
            let _ = writeln!(std::io::stderr(), "latchkey: {failure}");
            failure.exit_code()
        }
    }
}
