//! Keeps the list "Work": a backend in Rust that checks Latchkey's tokens by itself.
//!
//! ```text
//! GET    /todos      200 [{"id","text","done"}]
//! POST   /todos      {"text"} → 201 {"id","text","done"}
//! PATCH  /todos/ID   {"done"} → 200 {"id","text","done"}
//! DELETE /todos/ID   204
//! ```

use std::{
    collections::HashMap,
    env,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRef, Path, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, patch},
};
use latchkey_verify::{Verified, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const MAX_TODOS: usize = 100;
const MAX_TEXT: usize = 200;
const MAX_BODY: usize = 16 * 1024;

#[derive(Clone, Serialize)]
struct Todo {
    id: u64,
    text: String,
    done: bool,
}

/// The todos by user, in memory to keep this short.
#[derive(Default)]
struct Todos {
    of: HashMap<String, Vec<Todo>>,
    last_id: u64,
}

#[derive(Clone)]
struct App {
    verifier: Verifier,
    todos: Arc<Mutex<Todos>>,
    /// The origin of the pages that may call this.
    origin: HeaderValue,
}

/// Why a request can't be fulfilled, in the form of Latchkey's own errors.
type Refusal = (StatusCode, Json<Value>);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = env::var("PORT")?.parse()?;
    // Keeps the public keys and follows the revocations: from now on, checking a token takes no request.
    let verifier = Verifier::connect(env::var("LATCHKEY_URL")?, env::var("LATCHKEY_KEY")?).await?;
    let app = App {
        verifier,
        todos: Arc::default(),
        origin: env::var("APP_ORIGIN")?.parse()?,
    };
    let router = Router::new()
        .route("/todos", get(list).post(add))
        .route("/todos/{id}", patch(update).delete(remove))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), allow_app))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, router).await?)
}

/// What the extractor `Verified` checks tokens with.
impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

// `Verified` comes first: a request without a valid token gets 401, whatever else is in it. Users get
// their own todos, and no others.

async fn list(Verified(claims): Verified, State(app): State<App>) -> Json<Vec<Todo>> {
    Json(app.todos().of.get(&claims.sub).cloned().unwrap_or_default())
}

#[derive(Deserialize)]
struct NewTodo {
    text: String,
}

async fn add(
    Verified(claims): Verified,
    State(app): State<App>,
    Json(new): Json<NewTodo>,
) -> Result<(StatusCode, Json<Todo>), Refusal> {
    let text = new.text.trim();
    if text.is_empty() {
        return Err(invalid("Write what is to be done."));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(invalid("Use at most 200 characters."));
    }
    let mut todos = app.todos();
    let id = todos.last_id + 1;
    let own = todos.of.entry(claims.sub).or_default();
    if own.len() >= MAX_TODOS {
        return Err(invalid("There are 100 already. Delete one first."));
    }
    let todo = Todo {
        id,
        text: text.to_owned(),
        done: false,
    };
    own.push(todo.clone());
    todos.last_id = id;
    Ok((StatusCode::CREATED, Json(todo)))
}

#[derive(Deserialize)]
struct Change {
    done: bool,
}

async fn update(
    Verified(claims): Verified,
    State(app): State<App>,
    Path(id): Path<u64>,
    Json(change): Json<Change>,
) -> Result<Json<Todo>, Refusal> {
    let mut todos = app.todos();
    let own = todos.of.get_mut(&claims.sub).ok_or_else(gone)?;
    let todo = own.iter_mut().find(|todo| todo.id == id).ok_or_else(gone)?;
    todo.done = change.done;
    Ok(Json(todo.clone()))
}

async fn remove(
    Verified(claims): Verified,
    State(app): State<App>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refusal> {
    let mut todos = app.todos();
    let own = todos.of.get_mut(&claims.sub).ok_or_else(gone)?;
    let index = own.iter().position(|todo| todo.id == id).ok_or_else(gone)?;
    own.remove(index);
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    fn todos(&self) -> MutexGuard<'_, Todos> {
        self.todos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(status: StatusCode, detail: &str) -> Refusal {
    (status, Json(json!({ "detail": detail })))
}

fn invalid(detail: &str) -> Refusal {
    refusal(StatusCode::BAD_REQUEST, detail)
}

fn gone() -> Refusal {
    refusal(StatusCode::NOT_FOUND, "It is not there any more.")
}

/// Lets the app's scripts call this from their own origin (CORS). The token says who asks, not a cookie.
async fn allow_app(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    let value = HeaderValue::from_static;
    response.headers_mut().extend([
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, app.origin),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            value("GET, POST, PATCH, DELETE"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            value("Authorization, Content-Type"),
        ),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, value("Retry-After")),
        (header::ACCESS_CONTROL_MAX_AGE, value("600")),
    ]);
    response
}
