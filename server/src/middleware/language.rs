//! The language of a request.

use app::api::cookies;
use http::{HeaderMap, header};
use languages::Language;

/// The cookie with the language that was chosen on a page (`app/src/shell/first_paint.js`).
const COOKIE: &str = "latchkey_language";

/// Returns the language that the client has stated: the one chosen on a page, or the first of
/// `Accept-Language` that there is.
pub fn stated_language(headers: &HeaderMap) -> Option<Language> {
    cookies(headers, COOKIE)
        .find_map(Language::from_tag)
        .or_else(|| Language::accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use languages::Language;

    use super::stated_language;

    fn headers(cookie: &'static str, accept: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (header::COOKIE, HeaderValue::from_static(cookie)),
            (header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept)),
        ])
    }

    #[test]
    fn a_language_that_was_chosen_counts_before_that_of_the_browser() {
        let cookie = "a=b; latchkey_language=fr";
        assert_eq!(
            stated_language(&headers(cookie, "de")),
            Some(Language::French)
        );
        let unknown = "latchkey_language=xx";
        assert_eq!(
            stated_language(&headers(unknown, "de-AT")),
            Some(Language::German)
        );
        assert_eq!(stated_language(&headers("", "ja")), None);
        assert_eq!(stated_language(&HeaderMap::new()), None);
    }
}
