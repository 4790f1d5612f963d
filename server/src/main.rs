//! Latchkey, the program.

// A page that the server renders is one type, as deep as the page.
#![recursion_limit = "256"]

mod api;
mod cli;
mod commands;
mod config;
mod data_dir;
mod failure;
mod limits;
mod logging;
mod metrics;
mod middleware;
mod pages;
mod router;
mod serve;
mod site;

use std::{io::Write, process::ExitCode};

use mimalloc::MiMalloc;

/// Each request takes a few dozen small pieces of memory on one thread and gives them back, often on
/// another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // One line on standard error; nothing can be done if that is closed.
            let _ = writeln!(std::io::stderr(), "latchkey: {failure}");
            failure.exit_code()
        }
    }
}
