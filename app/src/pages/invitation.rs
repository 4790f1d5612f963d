//! The link of an invitation: `/register#invitation=…`. Its token is in the URL's fragment, which browsers do
//! not send to servers.

use languages::tr;
use leptos::{prelude::*, task::spawn_local};

use super::emailed_link::{INVALID_REASON, LinkLoading, on_token};
use crate::{
    api::{
        ApiError,
        user::{self, LinkPurpose},
    },
    browser::{LOADING_LIMIT, with_limit},
    components::{Message, Status, focus_soon},
};

/// Whether the page was opened by the link of an invitation.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Invited {
    /// It was not.
    No,
    /// The server is being asked for whom the invitation is.
    Loading,
    /// The server could not be asked.
    Failed(ApiError),
    /// The invitation does not work.
    Invalid,
    /// It waits to be accepted. Holds its token, and the email address that it is for.
    Yes(String, String),
}

/// The invitation in the URL.
#[derive(Clone, Copy)]
pub(super) struct Invitation {
    token: StoredValue<Option<String>>,
    /// What is known about it.
    pub state: RwSignal<Invited>,
}

impl Invitation {
    /// Reads the link in the address bar when the app runs, and whenever it changes.
    pub fn new() -> Self {
        let invitation = Self {
            token: StoredValue::new(None),
            state: RwSignal::new(Invited::No),
        };
        on_token("invitation=", move |token| {
            invitation.token.set_value(token);
            invitation.look();
        });
        invitation
    }

    /// Asks the server for whom the invitation is.
    pub fn look(self) {
        let Some(token) = self.token.get_value() else {
            // What was typed into the form stays there.
            if self.state.get_untracked() != Invited::No {
                self.state.set(Invited::No);
            }
            return;
        };
        self.state.set(Invited::Loading);
        spawn_local(async move {
            let response = with_limit(LOADING_LIMIT, user::link(token.as_str().into())).await;
            let next = match response {
                Ok(link) if link.purpose == LinkPurpose::Invitation => {
                    Invited::Yes(token, link.email)
                }
                Ok(_) | Err(ApiError::Fields(_)) => Invited::Invalid,
                Err(error) => Invited::Failed(error),
            };
            self.state.try_set(next);
            focus_soon("h1");
        });
    }
}

/// Shows that the server is being asked.
#[component]
pub(super) fn InvitationLoading() -> impl IntoView {
    view! {
        <h1 tabindex="-1">{tr("Create account")}</h1>
        <LinkLoading />
    }
}

/// Shows why the server could not be asked, with a button to try again.
#[component]
pub(super) fn InvitationFailed(error: ApiError, invitation: Invitation) -> impl IntoView {
    view! {
        <h1 tabindex="-1">{tr("Create account")}</h1>
        <div role="alert">
            <Message status=Status::Error text=error.to_string() />
        </div>
        <button type="button" class="button primary" on:click=move |_| invitation.look()>
            {tr("Try again")}
        </button>
    }
}

/// Says that the invitation does not work.
#[component]
pub(super) fn InvalidInvitation(
    /// The link to the sign-in page.
    login: String,
) -> impl IntoView {
    view! {
        <h1 tabindex="-1">{tr("This invitation no longer works")}</h1>
        <p class="panel-text">
            {tr(INVALID_REASON)} " " {tr("If you have accepted it, sign in. Otherwise ask for a new invitation.")}
        </p>
        <p>
            <a class="button primary" href=login>
                {tr("Sign in")}
            </a>
        </p>
    }
}

/// Says that not everyone may create an account.
#[component]
pub(super) fn NotOpen(
    /// The link to the sign-in page.
    login: String,
    /// Whether an invitation would help.
    by_invitation: bool,
) -> impl IntoView {
    let (heading, text) = if by_invitation {
        (
            tr("Registration is by invitation"),
            tr("To create an account, open the link in the invitation that was emailed to you."),
        )
    } else {
        (
            tr("Registration is closed"),
            tr("New accounts can't be created here at present."),
        )
    };
    view! {
        <h1 tabindex="-1">{heading}</h1>
        <p class="panel-text">{text} " " {tr("If you have an account, sign in.")}</p>
        <p>
            <a class="button primary" href=login>
                {tr("Sign in")}
            </a>
        </p>
    }
}
