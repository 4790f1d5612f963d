//! Logging to standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogConfig;

/// Initializes logging.
pub fn start(config: &LogConfig) {
    let registry = tracing_subscriber::registry().with(config.filter.clone());
    if config.json {
        let layer = fmt::layer().json().flatten_event(true).with_writer(stderr);
        registry.with(layer).init();
    } else {
        let layer = fmt::layer()
            .with_ansi(stderr().is_terminal())
            .with_writer(stderr);
        registry.with(layer).init();
    }
}
