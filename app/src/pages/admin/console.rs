//! What the pages for administrators share: who may see them, how they send requests, and what they say.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, LazyLock},
};

use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};

use super::{question::Asking, step_up::StepUp};
use crate::{
    api::{
        ApiError, Code,
        user::{self, Profile},
    },
    browser::{AuthState, LOADING_LIMIT, identity},
    components::Notice,
    email::email_for_display,
    pages::navigation::{use_auth_state, wait_if_leaving},
};

/// A response. Boxed, so that what handles it is compiled once.
pub(super) type Reply<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>>>>;

/// Sends a request. It outlives the page, unlike a `Callback`: a request may be under way when the page is left.
pub(super) type Action<T> = Arc<dyn Fn() -> Reply<T> + Send + Sync>;

/// The path of a page and what it says after an action. It outlives the page, because some actions lead to
/// another one.
static NOTICE: LazyLock<ArcRwSignal<Option<(String, String)>>> =
    LazyLock::new(ArcRwSignal::default);

/// Whether the user may see the pages, as far as this tab knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The server was not asked yet.
    Unknown,
    /// The user is an administrator.
    Granted,
    /// The user is no administrator.
    Denied,
    /// The user was an administrator when the page opened, and is none any more.
    Lost,
    /// The server could not be asked.
    Failed(ApiError),
}

/// What the pages for administrators share.
#[derive(Clone, Copy)]
pub(super) struct Console {
    /// Whether the user may see the pages.
    pub access: RwSignal<Access>,
    /// The user, once it is known.
    pub me: RwSignal<Option<Profile>>,
    /// The dialog that asks for the password.
    pub step_up: StepUp,
    /// The dialog that asks before an action.
    pub asking: Asking,
}

impl Console {
    pub fn new() -> Self {
        let state = use_auth_state().get_untracked();
        Self {
            access: RwSignal::new(known_access(&state)),
            me: RwSignal::new(None),
            step_up: StepUp::default(),
            asking: Asking::default(),
        }
    }

    /// Asks the server who is signed in, and again when another user signs in.
    pub fn check_when_signed_in(self) {
        let auth_state = use_auth_state();
        Effect::new(move |_| {
            let state = auth_state.get();
            if let AuthState::SignedIn(_) = state {
                self.access.set(untrack(|| known_access(&state)));
                self.check();
            }
        });
    }

    /// Asks the server who is signed in.
    pub fn check(self) {
        spawn_local(async move {
            let access = match user::view().await {
                Ok(profile) => {
                    let email = email_for_display(&profile.email);
                    identity::remember(email, profile.is_admin);
                    let access = if profile.is_admin {
                        Access::Granted
                    } else {
                        Access::Denied
                    };
                    self.me.try_set(Some(profile));
                    access
                }
                Err(error) => {
                    wait_if_leaving(&error).await;
                    Access::Failed(error)
                }
            };
            self.settle(access);
        });
        spawn_local(async move {
            TimeoutFuture::new(LOADING_LIMIT).await;
            if self.access.try_get_untracked() == Some(Access::Unknown) {
                self.settle(Access::Failed(Code::Unreachable.into()));
            }
        });
    }

    fn settle(self, access: Access) {
        // The page may have been left.
        let Some(current) = self.access.try_get_untracked() else {
            return;
        };
        match (current, access) {
            (Access::Granted, Access::Denied) => self.lose(),
            // A page that works stays.
            (Access::Granted, _) => {}
            (_, access) => self.access.set(access),
        }
    }

    fn lose(self) {
        identity::forget_admin();
        self.access.try_set(Access::Lost);
    }

    /// Returns whether this is the id of the user who is signed in.
    pub fn is_me(self, id: &str) -> bool {
        self.me
            .with_untracked(|me| me.as_ref().is_some_and(|me| me.id == id))
    }

    /// Sends a request. If the server wants the password first, asks for it and sends the request again.
    ///
    /// # Errors
    /// Returns the errors of the request.
    pub async fn send<T>(self, request: impl Fn() -> Reply<T>) -> Result<T, ApiError> {
        let mut response = request().await;
        if code(&response) == Some(Code::ReauthenticationRequired) && self.step_up.confirm().await {
            response = request().await;
        }
        if code(&response) == Some(Code::PermissionDenied) {
            self.lose();
        }
        response
    }
}

fn code<T>(response: &Result<T, ApiError>) -> Option<Code> {
    response.as_ref().err().and_then(ApiError::code)
}

fn known_access(state: &AuthState) -> Access {
    match identity::is_admin(state) {
        Some(true) => Access::Granted,
        _ => Access::Unknown,
    }
}

/// Makes the page at a path say something after an action.
pub(super) fn notify(path: &str, text: impl Into<String>) {
    NOTICE.set(Some((path.to_owned(), text.into())));
}

/// Takes back what a page says, unless it is about the page at this path.
pub(super) fn clear_notice(except: &str) {
    let is_other = |notice: &(String, String)| notice.0 != except;
    if NOTICE.with_untracked(|notice| notice.as_ref().is_some_and(is_other)) {
        NOTICE.set(None);
    }
}

/// What the page says after an action.
#[component]
pub(super) fn ConsoleNotice(
    /// The path of the page.
    #[prop(into)]
    path: String,
) -> impl IntoView {
    let text = Signal::derive(move || {
        NOTICE.with(|notice| {
            let (at, text) = notice.as_ref()?;
            (*at == path).then(|| text.clone())
        })
    });
    view! { <Notice text id="notice" /> }
}
