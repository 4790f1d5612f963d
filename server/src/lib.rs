//! Latchkey as a library: user accounts within an axum program of your own.
//!
//! [`Builder`] starts [`Latchkey`], whose [`router`](Latchkey::router) is merged into yours. Handlers take
//! [`SignedIn`], server functions of Leptos call [`signed_in()`], and both reach the use cases through
//! [`Latchkey::accounts`]. docs/embedding.md shows all of it.
//!
//! The program `latchkey` and the fuzz targets use the rest.

// The type of a rendered page nests as deeply as its elements.
#![recursion_limit = "256"]

mod api;
mod appearance;
mod cache_control;
mod catalogs;
mod cli;
mod client_stream;
mod commands;
mod config;
mod connection_limits;
mod connections;
mod data_dir;
mod documents;
mod embed;
mod embedded_site;
mod environment;
mod failure;
mod head_timeout;
mod health;
mod limits;
mod log_format;
mod logging;
mod metrics;
mod middleware;
mod openapi;
mod pages;
mod parsing;
mod providers;
mod router;
mod serve;
mod signals;
mod signed_in;
mod site;
mod site_source;
mod unread_body;
mod well_known;

pub use accounts;
pub use api::server_fn_paths;
pub use app::api::{ApiError, Code, Get, Post, bearer_token};
pub use cli::run;
pub use config::ClientConfig;
pub use embed::{Builder, Latchkey};
pub use embedded_site::EmbeddedSite;
pub use failure::Failure;
pub use metrics::Metrics;
pub use middleware::{AllowedOrigins, InvalidOrigin, InvalidProxies, TrustedProxies};
pub use openapi::openapi;
pub use router::router;
pub use rust_embed;
pub use signals::stop as stop_signal;
pub use signed_in::{SignedIn, signed_in};
pub use site::SiteFiles;
