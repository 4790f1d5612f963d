//! The program `latchkey`.

use std::{io::Write, process::ExitCode};

use mimalloc::MiMalloc;

/// Requests allocate a few dozen small blocks and often free them on another thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match latchkey::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If standard error is closed, nothing can be reported.
            let _ = writeln!(std::io::stderr(), "latchkey: {failure}");
            failure.exit_code()
        }
    }
}
