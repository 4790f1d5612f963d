//! A button that proves with a passkey who is there, in a session that goes on.

use languages::{tr, tr_later};
use leptos::{ev, prelude::*};

use crate::{
    SignInWays,
    api::{ApiError, passkey},
    browser::{passkeys, renewal::exchange, with_timeout},
    components::{Alert, LiveText, Submission},
};

/// The error when the response to a passkey was lost.
const LOST: &str = tr_later("The server can't be reached. Try again in a moment.");

/// Returns whether this browser can use passkeys at this address.
pub(super) fn can_use_passkeys() -> bool {
    SignInWays::of_server().passkeys && passkeys::are_supported()
}

/// Asks for a passkey. Then the session has completed every factor, and counts as a new sign-in.
#[component]
pub(super) fn UsePasskey(
    /// The label.
    label: &'static str,
    /// The classes of the button.
    #[prop(default = "link")]
    class: &'static str,
    /// Called when the server has accepted the passkey.
    #[prop(into)]
    on_done: Callback<()>,
) -> impl IntoView {
    let submission = Submission::default();
    let text = Signal::derive(move || {
        let text = if submission.is_running() {
            tr("Waiting for your passkey…")
        } else {
            label
        };
        text.to_owned()
    });
    let ask = move |_: ev::MouseEvent| {
        submission.start(async move {
            use_passkey().await?;
            on_done.run(());
            Ok(())
        });
    };
    on_cleanup(passkeys::stop_waiting);
    view! {
        <button
            type="button"
            class=class
            aria-disabled=move || submission.is_running().then_some("true")
            on:click=ask
        >
            <LiveText text />
        </button>
        <Alert submission />
    }
}

async fn use_passkey() -> Result<(), ApiError> {
    let options = with_timeout(passkey::begin_login()).await?;
    let credential = passkeys::ask_for_one(&options).await?;
    let result = exchange(async { Ok((passkey::login(credential).await?, ())) }).await;
    result.map_err(|error| match error.code() {
        Some(code) if error.is_unclear() => ApiError::detail(code, tr(LOST)),
        _ => error,
    })
}
