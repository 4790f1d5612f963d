//! The server as a library, used by the program `latchkey` and by the fuzz targets.

// The type of a rendered page nests as deeply as its elements.
#![recursion_limit = "256"]

mod api;
mod cli;
mod commands;
mod config;
mod connection_limits;
mod connections;
mod data_dir;
mod documents;
mod environment;
mod failure;
mod health;
mod limits;
mod logging;
mod metrics;
mod middleware;
mod pages;
mod router;
mod serve;
mod signals;
mod site;
mod unread_body;
mod well_known;

pub use app::FooterLinks;
pub use cli::run;
pub use config::ClientConfig;
pub use failure::Failure;
pub use metrics::Metrics;
pub use middleware::{AllowedOrigins, InvalidOrigin, InvalidProxies, TrustedProxies};
pub use router::router;
pub use site::SiteFiles;
