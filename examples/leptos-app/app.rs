//! The page of the app, and its server functions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderValue, header, request::Parts};
use latchkey::{
    ApiError, Code, Latchkey,
    accounts::{Caller, Id},
    bearer_token, signed_in,
};
use leptos::prelude::*;
use leptos_axum::{ResponseOptions, redirect};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

use crate::session;

/// The notes of each user, until the program ends. The server functions find them in the context.
pub type Notes = Arc<Mutex<HashMap<Id, Vec<String>>>>;

/// `GET /api/notes/list`: the user's notes, with the statuses and errors of Latchkey's API.
#[server(protocol = latchkey::Get, endpoint = "notes/list")]
async fn list_notes() -> Result<Vec<String>, ApiError> {
    let user = signed_in().await?;
    let notes = expect_context::<Notes>();
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(notes.get(&user.user().id).cloned().unwrap_or_default())
}

/// `POST /api/notes/add`: adds a note. Nobody gets here without a valid token.
#[server(endpoint = "notes/add")]
async fn add_note(text: String) -> Result<(), ApiError> {
    let user = signed_in().await?;
    let notes = expect_context::<Notes>();
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.entry(user.user().id).or_default().push(text);
    Ok(())
}

/// Signs in, and keeps the session in the cookie.
#[server(endpoint = "notes/sign-in")]
async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    let (latchkey, request) = context();
    let device = latchkey.device(&request)?;
    let device = device.with_device_tokens(session::device_tokens(&request.headers));
    let accounts = latchkey.accounts();
    let signed_in = accounts.login(Some(&email), Some(&password), &device);
    let signed_in = signed_in.await?;
    if let Some(tokens) = &signed_in.device_tokens {
        set_cookie(session::device_cookie(&latchkey, tokens));
    }
    set_cookie(session::cookie(&latchkey, Some(&signed_in.tokens)));
    redirect("/");
    Ok(())
}

/// Completes the second factor of a user who has one.
#[server(endpoint = "notes/enter-code")]
async fn enter_code(code: String) -> Result<(), ApiError> {
    let (latchkey, caller) = caller().await?;
    let pair = latchkey.accounts().pass_totp(&caller, Some(&code)).await?;
    set_cookie(session::cookie(&latchkey, Some(&pair)));
    redirect("/");
    Ok(())
}

/// Ends the session, also one that still lacks the second factor.
#[server(endpoint = "notes/sign-out")]
async fn sign_out() -> Result<(), ApiError> {
    let (latchkey, caller) = caller().await?;
    latchkey.accounts().logout(&caller).await?;
    set_cookie(session::cookie(&latchkey, None));
    redirect("/");
    Ok(())
}

/// Returns the user and session of the request, whether or not the second factor is completed.
async fn caller() -> Result<(Latchkey, Caller), ApiError> {
    let (latchkey, request) = context();
    let device = Arc::new(latchkey.device(&request)?);
    let token = bearer_token(&request.headers)?;
    let caller = latchkey.accounts().identify(token, &device).await?;
    Ok((latchkey, caller))
}

fn context() -> (Latchkey, Parts) {
    (expect_context(), expect_context())
}

fn set_cookie(cookie: HeaderValue) {
    expect_context::<ResponseOptions>().append_header(header::SET_COOKIE, cookie);
}

/// The HTML document.
pub fn shell() -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>"Notes"</title>
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The app. It is rendered on the server only, and its forms work without WebAssembly.
#[component]
pub fn App() -> impl IntoView {
    view! {
        <Router>
            <main>
                <Routes fallback=|| "Not found.">
                    <Route path=path!("/") view=Home ssr=SsrMode::Async />
                </Routes>
            </main>
        </Router>
    }
}

#[component]
fn Home() -> impl IntoView {
    let notes = Resource::new(|| (), |()| list_notes());
    view! {
        <h1>"Notes"</h1>
        <Suspense>
            {move || Suspend::new(async move {
                match notes.await {
                    Ok(notes) => view! { <NoteList notes /> }.into_any(),
                    Err(error) if error.code() == Some(Code::OtpRequired) => {
                        view! { <CodeForm /> }.into_any()
                    }
                    Err(_) => view! { <SignInForm /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn NoteList(notes: Vec<String>) -> impl IntoView {
    let (add, out) = (
        ServerAction::<AddNote>::new(),
        ServerAction::<SignOut>::new(),
    );
    view! {
        <ul>{notes.into_iter().map(|note| view! { <li>{note}</li> }).collect_view()}</ul>
        <ActionForm action=add>
            <label>"Note: " <input name="text" required /></label>
            <button>"Add"</button>
        </ActionForm>
        <ActionForm action=out>
            <button>"Sign out"</button>
        </ActionForm>
    }
}

#[component]
fn SignInForm() -> impl IntoView {
    let action = ServerAction::<SignIn>::new();
    view! {
        <ActionForm action>
            <label>"Email: " <input name="email" type="email" autocomplete="username" required /></label>
            <label>
                "Password: "
                <input name="password" type="password" autocomplete="current-password" required />
            </label>
            <button>"Sign in"</button>
        </ActionForm>
        {move || message(action.value().get())}
        <p><a href="/register" rel="external">"Create an account"</a></p>
    }
}

#[component]
fn CodeForm() -> impl IntoView {
    let action = ServerAction::<EnterCode>::new();
    view! {
        <ActionForm action>
            <label>"Code: " <input name="code" autocomplete="one-time-code" required /></label>
            <button>"Continue"</button>
        </ActionForm>
        {move || message(action.value().get())}
    }
}

/// What went wrong when a form was sent.
fn message(result: Option<Result<(), ApiError>>) -> Option<impl IntoView> {
    let error = result?.err()?;
    Some(view! { <p role="alert">{error.to_string()}</p> })
}
