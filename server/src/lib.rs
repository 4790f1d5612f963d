//! Latchkey as a library: what the program `latchkey` does, and what its fuzz targets look into.

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

pub use cli::run;
pub use config::ClientConfig;
pub use failure::Failure;
pub use metrics::Metrics;
pub use middleware::{InvalidProxies, TrustedProxies};
pub use router::Router;
pub use site::SiteFiles;
