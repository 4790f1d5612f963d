//! A small Leptos app of one's own, rendered on the server, with Latchkey's accounts beneath it: each user
//! has notes, and the server functions know whose. docs/embedding.md says how to run it.

// The type of a rendered page nests as deeply as its elements.
#![recursion_limit = "256"]

mod app;
mod session;

use std::{error::Error, net::SocketAddr};

use axum::{Router, middleware::from_fn_with_state};
use latchkey::{Builder, stop_signal};
use leptos::prelude::{LeptosOptions, provide_context};
use leptos_axum::{LeptosRoutes, generate_route_list_with_exclusions};
use tokio::net::TcpListener;

use app::{App, Notes, shell};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let latchkey = Builder::from_environment().start().await?;
    let options = LeptosOptions::builder().output_name("leptos-app").build();
    // Leptos would also add routes for Latchkey's server functions, without Latchkey's rules.
    let routes = generate_route_list_with_exclusions(App, Some(latchkey::server_fn_paths()));
    let (for_functions, notes) = (latchkey.clone(), Notes::default());
    let context = move || {
        provide_context(for_functions.clone());
        provide_context(notes.clone());
    };
    let router = Router::new()
        .leptos_routes_with_context(&options, routes, context, shell)
        .layer(from_fn_with_state(latchkey.clone(), session::authorize))
        .with_state(options)
        .merge(latchkey.router())
        .merge(latchkey.probes());

    let listener = TcpListener::bind(latchkey.listen()).await?;
    let (stop, stopping) = (stop_signal()?, latchkey.clone());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            stop.await;
            stopping.begin_shutdown();
        })
        .await?;
    latchkey.shutdown().await;
    Ok(())
}
