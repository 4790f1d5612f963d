//! Where a sign-in with a provider leads a browser: redirects, whose URLs have nothing in them that signs in
//! by itself.

use accounts::SocialStep;
use app::api::{ApiError, set_browser_cookie};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::form_urlencoded;

/// Returns a parameter of a query; `None` also if it is there twice, which is not allowed (RFC 6749, 3.1).
pub fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(other, _)| other == name);
    let (_, value) = values.next()?;
    values.next().is_none().then(|| value.into_owned())
}

/// Redirects the browser.
pub fn respond(
    public_url: &str,
    step: Result<SocialStep, accounts::Error>,
) -> Result<Response, ApiError> {
    let step = step?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let SocialStep::ToProvider { browser, .. } = &step
        && let Some(cookie) = set_browser_cookie(public_url, browser)
    {
        headers.insert(header::SET_COOKIE, cookie);
    }
    let location = HeaderValue::try_from(location(step));
    // What a provider's own document names as its URL.
    let location = location.unwrap_or(HeaderValue::from_static("/login#social_error=failed"));
    headers.insert(header::LOCATION, location);
    Ok(response)
}

/// The URL of a step. What pages read is in the fragment, which no server gets.
fn location(step: SocialStep) -> String {
    match step {
        SocialStep::ToProvider { url, .. } => url,
        SocialStep::SignIn { code } => format!("/login#social={code}"),
        SocialStep::Linked { provider } => format!("/account/security#linked={provider}"),
        SocialStep::Failed {
            failure,
            is_linking,
        } => {
            let page = if is_linking {
                "/account/security"
            } else {
                "/login"
            };
            format!("{page}#social_error={}", failure.as_str())
        }
    }
}
