//! The browser app: its pages, rendered on the server, and its files.

use std::sync::Arc;

use accounts::Accounts;
use app::{App, Provider, ServerInfo, SignInWays};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use leptos::{
    nonce::use_nonce,
    prelude::{expect_context, provide_context},
};
use leptos_axum::{ResponseOptions, generate_route_list, render_app_to_stream_with_context};
use tower_http::compression::CompressionLayer;

use crate::{
    cache_control::{IMMUTABLE, ONE_HOUR},
    catalogs,
    site::SiteFiles,
    site_source::FileService,
};

/// The Content-Security-Policy of pages, to which each response adds its nonce for scripts.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; font-src 'self'; img-src 'self' data:; manifest-src 'self'; \
    style-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/// The longest path of a file, in bytes. Longer ones are not looked up in the file system.
const MAX_PATH: usize = 255;

/// A page contains its nonce, so it is requested again each time.
const NO_CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Each language has pages of its own.
const BY_LANGUAGE: HeaderValue = HeaderValue::from_static("accept-language, cookie");

/// The path of the home page.
const HOME: &str = "/";

/// What pages are rendered with.
struct Pages {
    site: SiteFiles,
    server: ServerInfo,
}

impl Pages {
    fn new(site: SiteFiles, public_url: &str, sign_in_ways: SignInWays) -> Arc<Self> {
        let server = ServerInfo {
            public_url: public_url.to_owned(),
            home_url: site.home_url.clone(),
            registration: site.registration,
            sign_in_ways,
            appearance: Arc::new(site.brand.appearance.clone()),
        };
        Arc::new(Self { site, server })
    }

    /// Returns the handler of a page.
    fn handler(self: &Arc<Self>, status: StatusCode) -> MethodRouter {
        let pages = self.clone();
        get(move |request: Request<Body>| render(pages, status, request))
    }

    /// Returns the service of the site's files, and of the page that says that there is none.
    fn files(self: &Arc<Self>) -> FileService {
        self.site
            .source
            .service(self.handler(StatusCode::NOT_FOUND))
    }
}

/// Returns which ways to sign in the pages offer.
pub fn sign_in_ways(accounts: &Accounts) -> SignInWays {
    let providers = accounts.providers().map(|(name, label)| Provider {
        name: name.to_owned(),
        label: label.to_owned(),
    });
    SignInWays {
        passkeys: accounts::passkeys_unavailable(accounts.public_url()).is_none(),
        providers: providers.collect(),
    }
}

/// Returns the routes of the pages, with the files of the site as the fallback.
pub fn router(site: SiteFiles, public_url: &str, sign_in_ways: SignInWays) -> Router {
    let pages = Pages::new(site, public_url, sign_in_ways);
    let brand_files = pages.site.brand.router();
    let home = pages.server.home_url.as_deref().map(redirect_to);
    let mut router = Router::new();
    for route in generate_route_list(App) {
        let methods = match &home {
            Some(home) if route.path() == HOME => get(home.clone()),
            _ => pages.handler(StatusCode::OK),
        };
        router = router.route(route.path(), methods.post(redirect_to_page));
    }
    let files = Router::new()
        .fallback_service(pages.files())
        .layer(from_fn_with_state(pages, refuse_impossible_paths))
        .layer(CompressionLayer::new())
        .layer(from_fn(add_cache_headers));
    router
        .merge(brand_files)
        .merge(catalogs::router())
        .layer(CompressionLayer::new())
        .fallback_service(files)
}

/// Returns the routes within another program: those of the pages, except the home page, and one for each
/// file that the pages load. There is no fallback, so that the program can have one.
pub fn embedded(site: SiteFiles, public_url: &str, sign_in_ways: SignInWays) -> Router {
    let pages = Pages::new(site, public_url, sign_in_ways);
    let mut files = Router::new();
    let brand = pages.site.brand.clone();
    for path in pages.site.files() {
        // The operator's own takes its place.
        if brand.has(&path) {
            continue;
        }
        files = files.route_service(&path, pages.files());
    }
    let mut router = Router::new();
    for route in generate_route_list(App) {
        if route.path() != HOME {
            let methods = pages.handler(StatusCode::OK);
            router = router.route(route.path(), methods.post(redirect_to_page));
        }
    }
    let files = files.layer(CompressionLayer::new());
    router
        .merge(brand.router())
        .merge(catalogs::router())
        .layer(CompressionLayer::new())
        .merge(files.layer(from_fn(add_cache_headers)))
}

/// Renders the page at the path of the request.
async fn render(pages: Arc<Pages>, status: StatusCode, request: Request<Body>) -> Response {
    let is_watched = pages.site.is_watched();
    let server = pages.server.clone();
    let provide = move || {
        let response = expect_context::<ResponseOptions>();
        response.set_status(status);
        response.insert_header(header::CACHE_CONTROL, NO_CACHE);
        response.insert_header(header::VARY, BY_LANGUAGE);
        if let Some(policy) = policy(is_watched) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        provide_context(status);
        provide_context(server.clone());
    };
    let files = pages.site.current();
    let path = request.uri().path().to_owned();
    let render = render_app_to_stream_with_context(provide, move || app::shell(&files, &path));
    complete(render(request).await).await
}

/// Writes the fingerprint of a page into it.
async fn complete(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // Pages are rendered in memory, so reading them does not fail, and they are valid UTF-8.
    let html = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let html = app::with_fingerprint(&String::from_utf8_lossy(&html));
    Response::from_parts(parts, html.into())
}

/// Returns what the home page responds with where another page takes its place.
fn redirect_to(url: &str) -> (StatusCode, [(HeaderName, HeaderValue); 2]) {
    // The setting's parser has percent-encoded what a header may not contain.
    let url = HeaderValue::from_str(url).unwrap_or(HeaderValue::from_static("/login"));
    let headers = [(header::LOCATION, url), (header::CACHE_CONTROL, NO_CACHE)];
    (StatusCode::FOUND, headers)
}

/// Answers a form that was sent to its page, because the app does not run in the browser: the page
/// opens again. Nothing reads the form.
async fn redirect_to_page(uri: Uri) -> Response {
    let page = uri.path_and_query().map_or("/", |page| page.as_str());
    // A query may contain bytes that a header may not.
    let page = HeaderValue::from_str(page).unwrap_or(HeaderValue::from_static("/"));
    let headers = [(header::LOCATION, page), (header::CACHE_CONTROL, NO_CACHE)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Returns the policy of one response, with its nonce. Under `cargo leptos watch` pages also
/// connect to a WebSocket to reload after a build.
fn policy(is_watched: bool) -> Option<HeaderValue> {
    let nonce = use_nonce()?;
    let connect = if is_watched { "'self' ws:" } else { "'self'" };
    HeaderValue::from_str(&format!("{POLICY} 'nonce-{nonce}'; connect-src {connect}")).ok()
}

/// Keeps paths that no file can have from the file system, which would fail with an error.
async fn refuse_impossible_paths(
    State(pages): State<Arc<Pages>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if path.len() > MAX_PATH || path.contains("%00") {
        return render(pages, StatusCode::NOT_FOUND, request).await;
    }
    next.run(request).await
}

/// Adds the caching headers of files.
async fn add_cache_headers(request: Request<Body>, next: Next) -> Response {
    let path = request.uri().path();
    let is_hashed = path.starts_with("/pkg/") || path.starts_with("/fonts/");
    let mut response = next.run(request).await;
    if response.status().is_success() {
        let cache = if is_hashed { IMMUTABLE } else { ONE_HOUR };
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(cache);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}
