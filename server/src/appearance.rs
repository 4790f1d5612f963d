//! What pages and emails look like, as far as the operator decides it: the settings, and the files that
//! come of them.

use std::{path::Path, sync::Arc};

use accounts::{
    AccentColor, EmailDesign, EmailFrom, EmailLinks, EmailTemplates, LinkUrl, Palette, Shades,
    is_control, read_file,
};
use app::{Appearance, FooterLinks};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, header},
    routing::get,
};
use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use crate::{
    cache_control::{IMMUTABLE, ONE_HOUR},
    parsing::trimmed,
};

/// The largest logo, in bytes. Every first visit loads it.
const MAX_LOGO: u64 = 256 * 1024;

/// How the URL of a page is written.
const PAGE: &str = "write it as https://<host>/<page>";

/// The longest name of a site, in characters.
const MAX_NAME: usize = 60;

/// The icon of Latchkey, and the color in it that the accent replaces.
const ICON: &str = include_str!("../../assets/icon.svg");
const ICON_COLOR: &str = "#1f5547";

/// The paths of files that others look up by their names.
const ICON_PATH: &str = "/icon.svg";
const MANIFEST_PATH: &str = "/manifest.webmanifest";

/// A logo may be an SVG file, which may do nothing but draw, even if it is opened by itself.
const FILE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// What pages and emails look like.
#[derive(Args)]
pub struct AppearanceConfig {
    /// Name of the site: in pages, their titles, emails and authenticator apps [default: Latchkey]
    #[arg(long, env = "LATCHKEY_SITE_NAME", value_parser = site_name)]
    pub site_name: Option<String>,
    /// Color of buttons and links, #rrggbb; made lighter or darker where it would be hard to read
    /// [default: #1f5547]
    #[arg(long, env = "LATCHKEY_ACCENT_COLOR", value_parser = trimmed::<AccentColor>)]
    accent_color: Option<AccentColor>,
    /// File of the logo in the header of the pages and of their icon: SVG, PNG, WebP or JPEG, at most
    /// 256 KiB [default: Latchkey's]
    #[arg(long, env = "LATCHKEY_LOGO_FILE", value_parser = logo)]
    logo_file: Option<Logo>,
    /// Email address that answers questions: a link in the footer of the pages, and where replies to emails
    /// go [default: none]
    #[arg(long, env = "LATCHKEY_SUPPORT_EMAIL", value_parser = trimmed::<EmailFrom>)]
    support_email: Option<EmailFrom>,
    /// URL of the help for users; a link in the footer of the pages [default: none]
    #[arg(long, env = "LATCHKEY_HELP_URL", value_parser = link)]
    help_url: Option<String>,
    /// URL of the privacy policy; a link in the footer of the pages [default: none]
    #[arg(long, env = "LATCHKEY_PRIVACY_URL", value_parser = link)]
    privacy_url: Option<String>,
    /// Where emailed links lead.
    #[command(flatten)]
    links: LinkConfig,
    /// Folder of templates that replace those of the emails [default: none]
    #[arg(long, env = "LATCHKEY_EMAIL_TEMPLATES", value_parser = templates)]
    email_templates: Option<EmailTemplates>,
}

/// The pages of a front end of one's own, in place of Latchkey's.
#[derive(Args)]
struct LinkConfig {
    /// Page that verifies an email address. Its URL gets #token=…, or the token in place of {token}
    /// [default: <public URL>/activate]
    #[arg(long, env = "LATCHKEY_ACTIVATE_URL", value_parser = trimmed::<LinkUrl>)]
    activate_url: Option<LinkUrl>,
    /// Page that takes a new password [default: <public URL>/reset]
    #[arg(long, env = "LATCHKEY_RESET_URL", value_parser = trimmed::<LinkUrl>)]
    reset_url: Option<LinkUrl>,
    /// Page that confirms a new email address [default: <public URL>/email]
    #[arg(long, env = "LATCHKEY_EMAIL_CHANGE_URL", value_parser = trimmed::<LinkUrl>)]
    email_change_url: Option<LinkUrl>,
    /// Page that takes back a change of the email address [default: <public URL>/email/undo]
    #[arg(long, env = "LATCHKEY_EMAIL_UNDO_URL", value_parser = trimmed::<LinkUrl>)]
    email_undo_url: Option<LinkUrl>,
    /// Page that signs out a new device [default: <public URL>/device]
    #[arg(long, env = "LATCHKEY_DEVICE_URL", value_parser = trimmed::<LinkUrl>)]
    device_url: Option<LinkUrl>,
    /// Page that accepts an invitation [default: <public URL>/register#invitation={token}]
    #[arg(long, env = "LATCHKEY_INVITATION_URL", value_parser = trimmed::<LinkUrl>)]
    invitation_url: Option<LinkUrl>,
    /// Page that signs in, which an email names [default: <public URL>/login]
    #[arg(long, env = "LATCHKEY_LOGIN_URL", value_parser = page_url)]
    login_url: Option<String>,
    /// Page that asks for a link to choose a new password, which an email names
    /// [default: <public URL>/forgot]
    #[arg(long, env = "LATCHKEY_FORGOT_URL", value_parser = page_url)]
    forgot_url: Option<String>,
}

impl AppearanceConfig {
    /// Returns the sender of the emails: the one that is set, or the site's name on a local address.
    pub fn sender(&self, configured: Option<EmailFrom>) -> EmailFrom {
        let name = self.site_name.as_deref();
        match (configured, name) {
            (Some(from), Some(name)) => from.or_name(name),
            (Some(from), None) => from,
            (None, name) => EmailFrom::local(name.unwrap_or("Latchkey")),
        }
    }

    /// Returns what emails look like.
    pub fn email_design(&self, public_url: &str) -> EmailDesign {
        let links = &self.links;
        EmailDesign {
            public_url: public_url.to_owned(),
            site_name: self.site_name.clone(),
            palette: self.palette(),
            support: self.support_email.clone(),
            links: EmailLinks {
                activate: links.activate_url.clone(),
                reset: links.reset_url.clone(),
                email_change: links.email_change_url.clone(),
                email_undo: links.email_undo_url.clone(),
                device: links.device_url.clone(),
                invitation: links.invitation_url.clone(),
                login: links.login_url.clone(),
                forgot: links.forgot_url.clone(),
            },
            templates: self.email_templates.clone().unwrap_or_default(),
        }
    }

    fn palette(&self) -> Palette {
        self.accent_color.map(Palette::from).unwrap_or_default()
    }

    /// Returns what pages look like.
    pub fn brand(&self) -> Arc<Brand> {
        let mut brand = Brand::default();
        let appearance = &mut brand.appearance;
        appearance.name.clone_from(&self.site_name);
        appearance.links = FooterLinks {
            help: self.help_url.clone(),
            support: self
                .support_email
                .as_ref()
                .map(|support| format!("mailto:{}", support.address())),
            privacy: self.privacy_url.clone(),
        };
        if self.accent_color.is_some() {
            let palette = self.palette();
            let css = style_sheet(&palette);
            let path = hashed("/accent", "css", css.as_bytes());
            appearance.style_sheet = Some(path.clone());
            brand.files.push(BrandFile::new(path, "text/css", css));
            let icon = ICON.replace(ICON_COLOR, &palette.light.accent);
            brand
                .files
                .push(BrandFile::new(ICON_PATH.to_owned(), "image/svg+xml", icon));
        }
        if let Some(logo) = &self.logo_file {
            let path = hashed("/logo", logo.kind.extension, &logo.content);
            brand.appearance.logo = Some(path.clone());
            brand.appearance.icon.clone_from(&path);
            brand.files.push(BrandFile::new(
                path,
                logo.kind.media_type,
                logo.content.clone(),
            ));
        }
        if self.site_name.is_some() || !brand.files.is_empty() {
            let manifest = self.manifest(&brand.appearance.icon);
            let file = BrandFile::new(
                MANIFEST_PATH.to_owned(),
                "application/manifest+json",
                manifest,
            );
            brand.files.push(file);
        }
        Arc::new(brand)
    }

    /// Writes the manifest, with which browsers install the pages as an app.
    fn manifest(&self, icon: &str) -> String {
        let name = self.site_name.as_deref().unwrap_or("Latchkey");
        let manifest = json!({
            "name": name,
            "short_name": name,
            "start_url": "/account",
            "display": "standalone",
            "background_color": "#f6f5f1",
            "theme_color": self.palette().light.accent,
            "icons": [{ "src": icon, "sizes": "any" }],
        });
        manifest.to_string()
    }
}

/// What pages look like, with its files.
#[derive(Debug, Default)]
pub struct Brand {
    /// What pages look like.
    pub appearance: Appearance,
    files: Vec<BrandFile>,
}

#[derive(Debug)]
struct BrandFile {
    path: String,
    media_type: &'static str,
    content: Bytes,
}

impl BrandFile {
    fn new(path: String, media_type: &'static str, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path,
            media_type,
            content: Bytes::from(content.into()),
        }
    }
}

impl Brand {
    /// Returns the routes of the files.
    pub fn router(&self) -> Router {
        self.files.iter().fold(Router::new(), |router, file| {
            // The path of a file with a hash changes with its content.
            let is_hashed = ![ICON_PATH, MANIFEST_PATH].contains(&&*file.path);
            let cache = if is_hashed { IMMUTABLE } else { ONE_HOUR };
            let (media_type, content) = (file.media_type, file.content.clone());
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
                (header::CACHE_CONTROL, cache),
                (header::CONTENT_SECURITY_POLICY, FILE_POLICY),
            ];
            router.route(&file.path, get(async move || (headers, content)))
        })
    }

    /// Whether there is a file at this path.
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path)
    }
}

/// Writes the style sheet that replaces the tokens of the accent in `style/tokens.css`.
fn style_sheet(palette: &Palette) -> String {
    let tokens = |shades: &Shades| {
        format!(
            ":root{{--door:{};--door-strong:{};--on-door:{};--door-tint:{}}}",
            shades.accent, shades.strong, shades.on_accent, shades.tint
        )
    };
    format!(
        "{}@media (prefers-color-scheme:dark){{{}}}",
        tokens(&palette.light),
        tokens(&palette.dark)
    )
}

/// Returns a path with a hash of the content.
fn hashed(path: &str, extension: &str, content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let hash: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{path}.{hash}.{extension}")
}

/// A logo.
#[derive(Clone, Debug)]
struct Logo {
    kind: &'static ImageKind,
    content: Vec<u8>,
}

#[derive(Debug)]
struct ImageKind {
    extension: &'static str,
    media_type: &'static str,
    is: fn(&[u8]) -> bool,
}

/// The kinds of images that all browsers show.
static IMAGE_KINDS: [ImageKind; 4] = [
    ImageKind {
        extension: "png",
        media_type: "image/png",
        is: |content| content.starts_with(b"\x89PNG\r\n\x1a\n"),
    },
    ImageKind {
        extension: "webp",
        media_type: "image/webp",
        is: |content| content.starts_with(b"RIFF") && content.get(8..12) == Some(b"WEBP"),
    },
    ImageKind {
        extension: "jpg",
        media_type: "image/jpeg",
        is: |content| content.starts_with(&[0xff, 0xd8, 0xff]),
    },
    ImageKind {
        extension: "svg",
        media_type: "image/svg+xml",
        is: |content| {
            let text = std::str::from_utf8(content).map(|text| text.trim_start_matches('\u{feff}'));
            text.is_ok_and(|text| text.trim_start().starts_with('<') && text.contains("<svg"))
        },
    },
];

fn logo(path: &str) -> Result<Logo, String> {
    let path = path.trim();
    let read = read_file(Path::new(path), MAX_LOGO);
    let content = read.map_err(|error| format!("can't read {path}: {error}"))?;
    let content =
        content.ok_or_else(|| format!("{path} is larger than {} KiB", MAX_LOGO / 1024))?;
    let kind = IMAGE_KINDS.iter().find(|kind| (kind.is)(&content));
    match kind {
        Some(kind) => Ok(Logo { kind, content }),
        None => Err(format!("{path} is no SVG, PNG, WebP or JPEG image")),
    }
}

fn site_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(is_control) {
        return Err("write a name in one line".to_owned());
    }
    if text.chars().count() > MAX_NAME {
        return Err(format!("it must have at most {MAX_NAME} characters"));
    }
    Ok(text.to_owned())
}

fn templates(folder: &str) -> Result<EmailTemplates, String> {
    EmailTemplates::from_folder(Path::new(folder.trim())).map_err(|error| error.to_string())
}

/// Parses the URL of a link in the footer.
fn link(text: &str) -> Result<String, &'static str> {
    match url(text)? {
        url if matches!(url.scheme(), "http" | "https" | "mailto") => Ok(url.into()),
        _ => Err("it must start with https://, http:// or mailto:"),
    }
}

/// Parses the URL of a page.
fn page_url(text: &str) -> Result<String, &'static str> {
    match url(text)? {
        url if matches!(url.scheme(), "http" | "https") => Ok(url.into()),
        _ => Err(PAGE),
    }
}

fn url(text: &str) -> Result<Url, &'static str> {
    Url::parse(text.trim()).map_err(|_| PAGE)
}
