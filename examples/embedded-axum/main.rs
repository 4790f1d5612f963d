//! An axum program of one's own with Latchkey's accounts beneath it: an API of notes, which each user sees
//! only their own of. docs/embedding.md says how to run it.

use std::{
    collections::HashMap,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::get,
};
use latchkey::{Builder, Latchkey, SignedIn, accounts::Id, stop_signal};
use tokio::net::TcpListener;

/// The notes of each user, until the program ends.
type Notes = Arc<Mutex<HashMap<Id, Vec<String>>>>;

#[derive(Clone)]
struct App {
    latchkey: Latchkey,
    notes: Notes,
}

/// Lets handlers take [`SignedIn`].
impl FromRef<App> for Latchkey {
    fn from_ref(app: &App) -> Self {
        app.latchkey.clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let latchkey = Builder::from_environment().start().await?;
    let app = App {
        latchkey: latchkey.clone(),
        notes: Notes::default(),
    };
    let router = Router::new()
        .route("/", get(home))
        .route("/notes", get(list).post(add))
        .with_state(app)
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

/// `GET /`: for everyone, and a little different for users.
async fn home(user: Option<SignedIn>) -> String {
    match user {
        Some(user) => format!("Hello, {}.\n", user.user().email),
        None => "Hello. Sign in at /login, or POST /api/user/login.\n".to_owned(),
    }
}

/// `GET /notes`
async fn list(user: SignedIn, State(app): State<App>) -> Json<Vec<String>> {
    let notes = app.notes.lock().unwrap_or_else(PoisonError::into_inner);
    Json(notes.get(&user.user().id).cloned().unwrap_or_default())
}

/// `POST /notes`, with the text as a JSON string.
async fn add(user: SignedIn, State(app): State<App>, Json(text): Json<String>) -> StatusCode {
    let mut notes = app.notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.entry(user.user().id).or_default().push(text);
    StatusCode::CREATED
}
