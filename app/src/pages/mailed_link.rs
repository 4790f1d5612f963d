//! The links that are mailed. Their token stands in the address's fragment, which the browser sends
//! to nobody: only the app can read it, and only once it runs.

use std::{future::Future, pin::Pin};

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_location;

use crate::{
    api::{ApiError, Text},
    browser::within_limit,
    components::focus_soon,
};

/// The heading where a link is good for nothing any more.
pub(super) const VOID: &str = "This link no longer works";

/// Takes the token in the address as soon as the app runs, and whenever another one is put there.
pub(super) fn on_token(take: impl Fn(Option<String>) + 'static) {
    let location = use_location();
    let here = location.pathname.get_untracked();
    Effect::new(move |_| {
        let token = location.hash.with(|hash| token(hash));
        // While the code of the next page is on its way the address is that page's already, and
        // this one is still seen: it stays as it is.
        if location.pathname.get_untracked() == here {
            take(token);
        }
    });
}

fn token(hash: &str) -> Option<String> {
    let parameters = hash.trim_start_matches('#').split('&');
    parameters
        .filter_map(|parameter| parameter.strip_prefix("token="))
        .next()
        .filter(|token| !token.is_empty())
        .map(ToOwned::to_owned)
}

/// How far the opening of a link has come.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Opening {
    /// The server is being asked.
    Waiting,
    /// It has done what the link is for.
    Done,
    /// The link is good for nothing; what the server says to that, if it was asked.
    Void(Option<String>),
    /// The server could not answer.
    Failed(ApiError),
}

/// What the server says to the token of a link.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<(), ApiError>>>>;

/// A link whose page does what it is for by itself.
#[derive(Clone, Copy)]
pub(super) struct MailedLink {
    /// How far that has come.
    pub opening: Memo<Opening>,
    /// Tries again, after the server could not answer.
    pub retry: Callback<()>,
}

/// Sends the token in the address as soon as the app runs, and whenever another one is put there.
pub(super) fn use_mailed_link(send: fn(Text) -> Answer) -> MailedLink {
    let last = StoredValue::new(None);
    let opening = RwSignal::new(Opening::Waiting);
    let open = move |token: Option<String>| {
        let Some(token) = token else {
            opening.set(Opening::Void(None));
            return;
        };
        opening.set(Opening::Waiting);
        spawn_local(async move {
            let next = match within_limit(send(token.into())).await {
                Ok(()) => Opening::Done,
                Err(error @ ApiError::Fields(_)) => Opening::Void(Some(error.to_string())),
                Err(error) => Opening::Failed(error),
            };
            opening.try_set(next);
            focus_soon("h1");
        });
    };
    on_token(move |token| {
        last.set_value(token.clone());
        open(token);
    });
    MailedLink {
        opening: Memo::new(move |_| opening.get()),
        retry: Callback::new(move |()| open(last.get_value())),
    }
}

/// Says why the server could not answer, and tries again on demand.
#[component]
pub(super) fn OpeningFailed(
    /// Why.
    error: ApiError,
    /// The link.
    link: MailedLink,
) -> impl IntoView {
    view! {
        <div role="alert">
            <p class="alert">{error.to_string()}</p>
        </div>
        <button type="button" class="button primary" on:click=move |_| link.retry.run(())>
            "Try again"
        </button>
    }
}
