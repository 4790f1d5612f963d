//! The program `latchkey`.

use std::process::ExitCode;

use latchkey::EmbeddedSite;
use mimalloc::MiMalloc;

/// Requests allocate a few dozen small blocks and often free them on another thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Returns the site in this program. `make build` builds it before.
#[cfg(all(feature = "embedded-site", not(debug_assertions)))]
fn site() -> Option<EmbeddedSite> {
    #[derive(rust_embed::RustEmbed)]
    #[folder = "../target/site"]
    struct Site;
    Some(EmbeddedSite::new::<Site>())
}

/// This program has no site: it reads the one in the folder.
#[cfg(not(all(feature = "embedded-site", not(debug_assertions))))]
fn site() -> Option<EmbeddedSite> {
    None
}

fn main() -> ExitCode {
    latchkey::run(site())
}
