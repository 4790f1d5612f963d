//! `/`: says what Latchkey is, and shows its API.

use languages::{tr, tr_later, tr_with};
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;

use super::navigation::{redirect_if_signed_in, use_auth_state};
use crate::{
    Registration,
    api::user::{PasswordRating, Strength, check_password},
    appearance::{own_site_name, site_in_title},
    browser::{AuthState, EndReason, LOADING_LIMIT, with_limit},
    components::{CopyButton, Notice},
    hydration::{is_hydrated, root_attribute},
};

/// The password in the example.
const EXAMPLE: &str = "correct horse battery staple";

/// The documents that the server serves, and what they are about.
const DOCUMENTS: [(&str, &str, &str); 4] = [
    (
        "/docs/api.md",
        tr_later("API reference"),
        tr_later("Every endpoint, field and error."),
    ),
    (
        "/docs/settings.md",
        tr_later("Settings"),
        tr_later("Each an environment variable and a flag."),
    ),
    (
        "/docs/operations.md",
        tr_later("Operations"),
        tr_later("Proxies, backups, metrics, upgrades."),
    ),
    (
        "/docs/security.md",
        tr_later("Security"),
        tr_later("How tokens, passwords and emails are protected."),
    ),
];

/// `/`: says what Latchkey is, and shows its API.
#[component]
pub fn Home() -> impl IntoView {
    redirect_if_signed_in(None);
    leave_if_replaced();
    let auth_state = use_auth_state();
    let site = own_site_name();
    let is_own = site.is_none();
    let [title, heading, lead] = texts(site);
    let notice = move || {
        let is_deleted = auth_state.get() == AuthState::SignedOut(Some(EndReason::Deleted));
        is_deleted.then(|| EndReason::Deleted.message().to_owned())
    };
    view! {
        <Title text=title />
        <div class="home when-signed-out">
            <Notice text=Signal::derive(notice) id="notice" />
            <h1 tabindex="-1" aria-describedby="notice">
                {heading}
            </h1>
            <p class="lead">{lead}</p>
            <p class="home-links">
                {(Registration::of_server() == Registration::Open)
                    .then(|| {
                        view! {
                            <a class="button primary" href="/register">
                                {tr("Create account")}
                            </a>
                        }
                    })}
                <a class="button quiet" href="/login">
                    {tr("Sign in")}
                </a>
            </p>
            {is_own
                .then(|| {
                    view! {
                        <Example />
                        <Documents />
                    }
                })}
        </div>
    }
}

/// Returns what the page is called, its heading, and the sentence below it. A site with a name of its own
/// says what its users can do, and nothing about Latchkey.
fn texts(site: Option<String>) -> [String; 3] {
    let Some(name) = site else {
        return [
            tr("Latchkey: user accounts for your app"),
            tr("User accounts for your app, ready to run."),
            tr("Latchkey is one program with registration, sign-in, two-factor authentication and emails. Your app calls a small HTTP API. Your users get these pages."),
        ]
        .map(ToOwned::to_owned);
    };
    let lead = match Registration::of_server() {
        Registration::Open => tr("Create an account, or sign in to the one you have."),
        Registration::Invite | Registration::Closed => tr("Sign in to your account."),
    };
    let heading = tr_with("Your account at {name}", &[("name", &name)]);
    [site_in_title(), heading, lead.to_owned()]
}

/// Opens the page that the operator has put in the place of this one. The server redirects to it, too,
/// but the app opens this page without loading it. A user who has just deleted the account must read
/// that first.
fn leave_if_replaced() {
    let auth_state = use_auth_state();
    Effect::new(move |_| {
        let is_leaving = match auth_state.get() {
            AuthState::SignedOut(reason) => reason != Some(EndReason::Deleted),
            _ => false,
        };
        if let Some(url) = root_attribute("data-home")
            && is_leaving
        {
            // The browser refuses only invalid URLs.
            let _ = window().location().replace(&url);
        }
    });
}

/// A request to this server, and its response.
#[component]
fn Example() -> impl IntoView {
    let base = base_url();
    let rate = format!("curl {base}/api/user/password/check \\\n  -d \"password={EXAMPLE}\"");
    let account = format!(
        "# Create an account, sign in, and see who it is\n\
         curl {base}/api/user/create -d email=you@example.com -d \"password={EXAMPLE}\"\n\
         curl {base}/api/user/login -d email=you@example.com -d \"password={EXAMPLE}\"\n\
         curl {base}/api/user/view -H \"Authorization: Bearer $TOKEN\""
    );
    view! {
        <section class="sample" aria-labelledby="sample">
            <h2 id="sample">{tr("Ask this server")}</h2>
            <pre class="code-block" tabindex="0" role="group" aria-label=tr("Request")>
                <code translate="no">{rate.clone()}</code>
            </pre>
            <Response />
            <div class="sample-actions">
                <CopyButton text=rate label=tr("Copy request") />
            </div>
            <h2>{tr("Then add users")}</h2>
            <pre
                class="code-block"
                tabindex="0"
                role="group"
                aria-label=tr("Requests that create an account")
            >
                <code translate="no">{account.clone()}</code>
            </pre>
            <div class="sample-actions">
                <CopyButton text=account label=tr("Copy requests") />
            </div>
        </section>
    }
}

/// The response to the example. It is what the server responds, as a test verifies; a button sends the
/// request.
#[component]
fn Response() -> impl IntoView {
    let expected = PasswordRating {
        strength: Strength::Strong,
        messages: Vec::new(),
    };
    let body = RwSignal::new(to_json(&expected));
    let status = RwSignal::new("200 OK".to_owned());
    let is_running = RwSignal::new(false);
    let run = move |_| {
        if is_running.get_untracked() {
            return;
        }
        is_running.set(true);
        spawn_local(async move {
            let start = js_sys::Date::now();
            let request = check_password(EXAMPLE.into(), "".into());
            let response = with_limit(LOADING_LIMIT, request).await;
            let time = js_sys::Date::now() - start;
            match response {
                Ok(rating) => {
                    body.try_set(to_json(&rating));
                    let time = format!("{time:.0}");
                    status.try_set(tr_with("200 OK in {time} ms", &[("time", &time)]));
                }
                Err(error) => {
                    status.try_set(error.to_string());
                }
            }
            is_running.try_set(false);
        });
    };
    view! {
        <div class="response">
            <p class="response-status" role="status">
                {move || view! { <span>{status.get()}</span> }}
            </p>
            <button
                type="button"
                class="link"
                disabled=move || !is_hydrated()
                aria-disabled=move || is_running.get().then_some("true")
                on:click=run
            >
                {tr("Run it")}
            </button>
        </div>
        <pre class="code-block" tabindex="0" role="group" aria-label=tr("Response")>
            <code translate="no">{move || view! { <span>{body.get()}</span> }}</code>
        </pre>
    }
}

fn to_json(rating: &PasswordRating) -> String {
    // This type can always be serialized.
    serde_json::to_string(rating).unwrap_or_default()
}

/// Links to the documents.
#[component]
fn Documents() -> impl IntoView {
    let item = |(path, title, text)| {
        view! {
            <li>
                <a href=path rel="external">
                    {tr(title)}
                </a>
                <p>{tr(text)}</p>
            </li>
        }
    };
    view! {
        <section aria-labelledby="documents">
            <h2 id="documents">{tr("Documentation")}</h2>
            <ul class="documents" role="list">
                {DOCUMENTS.into_iter().map(item).collect_view()}
            </ul>
        </section>
    }
}

/// Returns the URL of this server.
fn base_url() -> String {
    #[cfg(feature = "ssr")]
    let base = use_context::<crate::ServerInfo>().map(|server| server.public_url);
    #[cfg(not(feature = "ssr"))]
    let base = window().location().origin().ok();
    base.unwrap_or_default()
}
