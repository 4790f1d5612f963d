//! Emailed links. Their token is in the URL's fragment, which browsers do not send to servers: only
//! the app can read it, after it has started.
//!
//! Opening a link changes nothing, because mail scanners open links, too. The page says what the link
//! will do, and to which account; a button does it.

use languages::{tr, tr_later};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_location;

use super::navigation::use_auth_state;
use crate::{
    api::{
        ApiError, Text,
        user::{self, EmailedLink, LinkPurpose},
    },
    browser::{AuthState, LOADING_LIMIT, with_limit},
    components::{Message, Status, focus_soon, local_time},
    email::email_for_display,
};

/// The heading for a link that does not work.
pub(super) const INVALID_LINK: &str = tr_later("This link no longer works");

/// Why a link does not work.
pub(super) const INVALID_REASON: &str =
    tr_later("It may have expired, been used, or been replaced by a newer one.");

/// The heading for a link without its token.
pub(super) const INCOMPLETE_LINK: &str = tr_later("This link arrived incomplete");

/// Why a link has no token.
pub(super) const INCOMPLETE_REASON: &str =
    tr_later("Its last part is missing: an email program or filter may have cut it off.");

/// Calls `handle` with the token after `name` in the fragment of the URL when the app runs, and whenever the
/// token changes.
pub(super) fn on_token(name: &'static str, handle: impl Fn(Option<String>) + 'static) {
    let location = use_location();
    let here = location.pathname.get_untracked();
    Effect::new(move |_| {
        let token = location.hash.with(|hash| token(hash, name));
        // While the code of the next page is being fetched, the URL is that page's, but this page
        // is still visible: it must not change.
        if location.pathname.get_untracked() == here {
            handle(token);
        }
    });
}

fn token(hash: &str, name: &str) -> Option<String> {
    let parameters = hash.trim_start_matches('#').split('&');
    parameters
        .filter_map(|parameter| parameter.strip_prefix(name))
        .next()
        .filter(|token| !token.is_empty())
        .map(ToOwned::to_owned)
}

/// How the user shows that an email was received.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// By the token of its link.
    Token(String),
    /// By the code that it shows.
    Code {
        /// The address to which it was sent.
        email: String,
        /// The code.
        code: String,
    },
}

impl Proof {
    /// Returns the request's fields `token`, `email` and `code`.
    pub fn fields(self) -> (Text, Text, Text) {
        match self {
            Self::Token(token) => (token.into(), Text::Absent, Text::Absent),
            Self::Code { email, code } => (Text::Absent, email.into(), code.into()),
        }
    }
}

/// What the page of a link shows.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum LinkState {
    /// The server is being asked what the link is for.
    Loading,
    /// The server could not be asked.
    Failed(ApiError),
    /// The link arrived without its token.
    Incomplete,
    /// The link does not work. Holds the server's message, if it has a more precise one.
    Invalid(Option<String>),
    /// The link waits for a press. Holds its token and what it is for.
    Ready(String, EmailedLink),
    /// The link was used before.
    Used(EmailedLink),
    /// The link was used just now.
    Done,
    /// The owner of the address did not create the account.
    Rejected,
}

/// The link of a page.
#[derive(Clone, Copy)]
pub(super) struct Link {
    purpose: LinkPurpose,
    token: StoredValue<Option<String>>,
    /// What the page shows.
    pub state: RwSignal<LinkState>,
}

impl Link {
    /// Reads the link in the address bar when the app runs, and whenever it changes.
    pub fn new(purpose: LinkPurpose) -> Self {
        let link = Self {
            purpose,
            token: StoredValue::new(None),
            state: RwSignal::new(LinkState::Loading),
        };
        on_token("token=", move |token| {
            link.token.set_value(token);
            link.look();
        });
        link
    }

    /// Asks the server what the link is for.
    pub fn look(self) {
        let Some(token) = self.token.get_value() else {
            self.state.set(LinkState::Incomplete);
            return;
        };
        self.state.set(LinkState::Loading);
        spawn_local(async move {
            let response = with_limit(LOADING_LIMIT, user::link(token.as_str().into())).await;
            let next = match response {
                Ok(link) if link.purpose != self.purpose => LinkState::Invalid(None),
                Ok(link) if link.used => LinkState::Used(link),
                Ok(link) => LinkState::Ready(token, link),
                Err(ApiError::Fields(_)) => LinkState::Invalid(None),
                Err(error) => LinkState::Failed(error),
            };
            self.show(next);
        });
    }

    /// Shows the next state. The form or button that had the focus is gone.
    pub fn show(self, state: LinkState) {
        self.state.try_set(state);
        focus_soon("h1");
    }

    /// Shows the result of a press.
    ///
    /// # Errors
    /// Returns the errors that belong into the form: those of its fields, and of requests that may be
    /// repeated.
    pub fn finish(self, response: Result<(), ApiError>) -> Result<(), ApiError> {
        match response {
            Ok(()) => self.show(LinkState::Done),
            Err(ApiError::Fields(mut fields)) => {
                let is_code = self.token.try_get_value().flatten().is_none();
                let messages = fields.remove("token").map(|messages| messages.join(" "));
                match messages {
                    // The form has no field for the token.
                    Some(message) if is_code => return Err(ApiError::field("code", message)),
                    // An earlier press may have used it, whose response was lost.
                    Some(message) if message.starts_with(tr(INVALID_LINK)) => self.look(),
                    Some(message) => self.show(LinkState::Invalid(Some(message))),
                    None => return Err(ApiError::Fields(fields)),
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Says what is being waited for.
#[component]
pub(super) fn LinkLoading() -> impl IntoView {
    view! {
        <p class="panel-text" aria-busy="true">
            <span class="skeleton">{tr("What this link does, and to which account.")}</span>
        </p>
    }
}

/// Shows why the server could not be asked, with a button to try again.
#[component]
pub(super) fn LinkFailed(
    /// The error.
    error: ApiError,
    /// The link.
    link: Link,
) -> impl IntoView {
    view! {
        <div role="alert">
            <Message status=Status::Error text=error.to_string() />
        </div>
        <button type="button" class="button primary" on:click=move |_| link.look()>
            {tr("Try again")}
        </button>
    }
}

/// Which account a link concerns, and who has requested it.
#[component]
pub(super) fn LinkFacts(
    /// What the link is for.
    link: EmailedLink,
    /// What happened at the time of the link, such as `Requested`.
    #[prop(default = tr("Requested"))]
    when: &'static str,
) -> impl IntoView {
    let EmailedLink {
        email,
        new_email,
        created_at,
        device,
        ..
    } = link;
    let row = |name: &'static str, value: String| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let device = device.filter(|device| !device.is_empty());
    view! {
        <dl class="facts">
            {row(tr("Account"), email_for_display(&email))}
            {new_email.map(|email| row(tr("New address"), email_for_display(&email)))}
            {row(when, local_time(&created_at))} {device.map(|device| row(tr("Device"), device))}
        </dl>
    }
}

/// Links to the account, or to the sign-in page if nobody is signed in.
#[component]
pub(super) fn Continue() -> impl IntoView {
    let auth_state = use_auth_state();
    let target = move || match auth_state.get() {
        AuthState::SignedOut(_) => ("/login", tr("Sign in")),
        _ => ("/account", tr("Go to your account")),
    };
    view! {
        <p>
            <a class="button primary" href=move || target().0>
                {move || target().1}
            </a>
        </p>
    }
}
