//! Signing in with a provider: what the browser remembers while it is there, and what it comes back with.

use gloo_storage::{SessionStorage, Storage};
use languages::tr;
use leptos::prelude::window;
use wasm_bindgen::JsValue;

use super::{
    limit::with_timeout, next::local_path, pending_account::is_storage_allowed,
    sign_in::begin_session,
};
use crate::api::{ApiError, Code, social};

/// The key in `sessionStorage` of the page that follows.
const NEXT: &str = "latchkey.social_next";

/// The parameters of the fragment with which a provider's sign-in ends.
const SIGN_IN: &str = "#social=";
const FAILED: &str = "#social_error=";
const LINKED: &str = "#linked=";

/// How a visit to a provider has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    /// With a code that signs in.
    SignIn(String),
    /// With a link to this provider.
    Linked(String),
    /// With nothing, for this reason.
    Failed(String),
}

impl Return {
    /// Takes what the URL's fragment says, so that a reload does not repeat it.
    #[must_use]
    pub fn take() -> Option<Self> {
        let location = window().location();
        let hash = location.hash().ok()?;
        let found = Self::parse(&hash)?;
        let path = location.pathname().ok()? + &location.search().ok()?;
        if let Ok(history) = window().history() {
            // Without it, the fragment stays, and its code works once only.
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&path));
        }
        Some(found)
    }

    fn parse(hash: &str) -> Option<Self> {
        let after = |name| hash.strip_prefix(name).map(ToOwned::to_owned);
        after(SIGN_IN)
            .map(Self::SignIn)
            .or_else(|| after(LINKED).map(Self::Linked))
            .or_else(|| after(FAILED).map(Self::Failed))
    }
}

/// Remembers the page that follows a sign-in with a provider. Where the storage is denied or full, the
/// account follows.
///
/// It is stored as it is, not as JSON: the sign-in page would otherwise load `serde_json` for it (21 KB, Brotli).
pub fn remember_next(next: Option<&str>) {
    if !is_storage_allowed() {
        return;
    }
    match next {
        Some(next) => {
            let _ = SessionStorage::raw().set_item(NEXT, next);
        }
        None => SessionStorage::delete(NEXT),
    }
}

/// Returns the page that follows, if the browser comes back from a provider.
#[must_use]
pub fn next() -> Option<String> {
    // The server knows neither the fragment nor the storage.
    if cfg!(feature = "ssr") || !window().location().hash().ok()?.starts_with(SIGN_IN) {
        return None;
    }
    let stored = is_storage_allowed().then(|| SessionStorage::raw().get_item(NEXT));
    let next = stored?.ok()??;
    local_path(&next).map(ToOwned::to_owned)
}

/// Signs in with the code that the browser has come back with, or says why there is none.
///
/// # Errors
/// Returns the errors of [`social::confirm`], the reason why there is no code, and an error if the session can't
/// be stored.
pub(super) async fn finish(found: Return) -> Result<(), ApiError> {
    match found {
        Return::SignIn(code) => {
            let response = with_timeout(social::confirm(code.into())).await;
            let pair = response.map_err(|error| match error {
                ApiError::Fields(_) => failure("expired"),
                error @ ApiError::Detail { .. } => error,
            })?;
            begin_session(pair, "")
        }
        Return::Failed(reason) => Err(failure(&reason)),
        Return::Linked(_) => Ok(()),
    }
}

/// Returns the error for a reason that the server has given.
#[must_use]
pub fn failure(reason: &str) -> ApiError {
    let text = match reason {
        "unavailable" => {
            tr("The provider can't be reached. Try again later, or sign in another way.")
        }
        "canceled" => tr("The sign-in was canceled."),
        "expired" => tr("This took too long, or was begun in another browser. Try again."),
        "no_email" => tr("The provider didn't tell us your email address, which an account needs."),
        "email_unverified" => tr("The provider hasn't verified your email address."),
        "account_exists" => tr(
            "There is an account with this email address. Sign in to it another way, and connect the provider under Security.",
        ),
        "registration_closed" => tr("There is no account for you here, and none can be created."),
        "linked_elsewhere" => tr("That account is connected to another account here."),
        "already_linked" => tr("Another account of this provider is connected already."),
        "signed_out" => tr("Your session has ended in the meantime. Sign in and try again."),
        _ => tr("Signing in with this provider has failed. Try again, or sign in another way."),
    };
    ApiError::detail(Code::Unknown, text)
}

#[cfg(test)]
mod tests {
    use super::Return;

    #[test]
    fn fragments_are_read() {
        let parse = Return::parse;
        assert_eq!(parse("#social=abc"), Some(Return::SignIn("abc".into())));
        assert_eq!(
            parse("#linked=github"),
            Some(Return::Linked("github".into()))
        );
        assert_eq!(
            parse("#social_error=canceled"),
            Some(Return::Failed("canceled".into()))
        );
        assert_eq!(parse(""), None);
        assert_eq!(parse("#notice"), None);
    }
}
