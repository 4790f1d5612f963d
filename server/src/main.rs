//! Latchkey, the program.

use std::{io::Write, process::ExitCode};

use mimalloc::MiMalloc;

/// Each request takes a few dozen small pieces of memory on one thread and gives them back, often on
/// another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
