//! Beginning to link an account at a provider.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::{
    Code,
    context::{accounts, authorize, browser, keep_browser},
    describe::{Access, Endpoint},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// Where a browser goes to link an account at a provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocialLink {
    /// The URL, which works once, within a minute, and in this browser.
    pub url: String,
}

/// `POST /api/social/link`: begins to link an account at a provider to the user.
///
/// # Errors
/// Field errors for an unknown provider and a wrong password, `email_unverified`,
/// `reauthentication_required` for a user without a password, and the errors of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "social/link", client = SignedIn)]
pub async fn link(
    #[server(default)] provider: Text,
    #[server(default)] current_password: Text,
) -> Result<SocialLink, ApiError> {
    let caller = authorize().await?;
    let [provider, current_password] = text_fields([
        ("provider", &provider),
        ("current_password", &current_password),
    ])?;
    let browser = browser();
    let begun = accounts()
        .begin_social_link(&caller, provider, current_password, browser.as_deref())
        .await?;
    keep_browser(&begun.browser);
    Ok(SocialLink { url: begun.url })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Link>("Begin to link an account at a provider", Access::Token)
        .required(&["provider"])
        .errors(&[Code::EmailUnverified, Code::ReauthenticationRequired])
}
