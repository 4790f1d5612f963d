//! What the pages look like, as far as the operator decides it.

/// What the pages look like, as far as the operator decides it. Paths are those of files that the server
/// serves.
#[derive(Clone, Debug)]
pub struct Appearance {
    /// The name of the site, if it has one of its own.
    pub name: Option<String>,
    /// The path of the logo, in place of Latchkey's.
    pub logo: Option<String>,
    /// The path of the icon.
    pub icon: String,
    /// The path of a style sheet that replaces colors.
    pub style_sheet: Option<String>,
    /// The links in the footer.
    pub links: FooterLinks,
}

/// The links in the footer.
#[derive(Clone, Debug, Default)]
pub struct FooterLinks {
    /// Help for users.
    pub help: Option<String>,
    /// The email address that answers questions, as a URL.
    pub support: Option<String>,
    /// The privacy policy.
    pub privacy: Option<String>,
}

impl Default for Appearance {
    fn default() -> Self {
        Self {
            name: None,
            logo: None,
            icon: "/icon.svg".to_owned(),
            style_sheet: None,
            links: FooterLinks::default(),
        }
    }
}

/// Returns the name of the site.
#[must_use]
pub fn site_name() -> String {
    own_site_name().unwrap_or_else(|| "Latchkey".to_owned())
}

/// Returns the name of the site, if it has one of its own. It is the same while the page is rendered on
/// the server and in the browser.
#[must_use]
pub fn own_site_name() -> Option<String> {
    #[cfg(feature = "ssr")]
    {
        of_server(|appearance| appearance.name.clone())
    }
    #[cfg(not(feature = "ssr"))]
    {
        crate::hydration::root_attribute("data-site-name")
    }
}

/// Returns the path of the operator's logo.
#[must_use]
pub fn own_logo() -> Option<String> {
    #[cfg(feature = "ssr")]
    {
        of_server(|appearance| appearance.logo.clone())
    }
    #[cfg(not(feature = "ssr"))]
    {
        crate::hydration::root_attribute("data-logo")
    }
}

/// Returns the title of the window of a page.
#[must_use]
pub fn page_title(page: &str) -> String {
    format!("{page} · {}", site_in_title())
}

/// Returns the name of the site as it belongs into the title of a page. `leptos_meta` writes titles into
/// the server's HTML as they are.
#[must_use]
pub fn site_in_title() -> String {
    let name = site_name();
    #[cfg(feature = "ssr")]
    let name = name.replace('&', "&amp;").replace('<', "&lt;");
    name
}

#[cfg(feature = "ssr")]
fn of_server(get: impl FnOnce(&Appearance) -> Option<String>) -> Option<String> {
    let server = leptos::prelude::use_context::<crate::ServerInfo>()?;
    get(&server.appearance)
}
