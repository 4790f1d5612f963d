//! Latchkey within another axum program: its settings, its routes, its start and its end.

use std::{
    ffi::OsString,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use accounts::{Accounts, Authorized, Device, Tasks};
use app::api::{ApiError, ClientIp, Code, authenticate, device_of};
use axum::{Router, extract::ConnectInfo};
use http::request::Parts;

use crate::{
    api,
    cli::{self, embedded_config},
    commands::AppPaths,
    config::Config,
    embedded_site::EmbeddedSite,
    environment::Environment,
    failure::Failure,
    metrics::Metrics,
    middleware::TrustedProxies,
    router::{NO_PEER, Routes},
    site::SiteFiles,
};

/// The settings with which Latchkey starts within another program.
///
/// They are those of the program `latchkey`, by the names of their variables. What they say about logging
/// and the address of the metrics does not count, because both are up to the embedding program.
#[derive(Default)]
pub struct Builder {
    given: Vec<(String, OsString)>,
    embedded_site: Option<EmbeddedSite>,
    reads_environment: bool,
    lacks_pages: bool,
}

impl Builder {
    /// Starts from the defaults of all settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts from the settings in the environment and in the `.env` file of the working folder, as the
    /// program `latchkey` does.
    #[must_use]
    pub fn from_environment() -> Self {
        Self {
            reads_environment: true,
            ..Self::default()
        }
    }

    /// Sets the setting with this variable, such as `LATCHKEY_PUBLIC_URL`. It takes precedence over the
    /// environment.
    #[must_use]
    pub fn set(mut self, variable: &str, value: impl Into<OsString>) -> Self {
        self.given.push((variable.to_owned(), value.into()));
        self
    }

    /// Serves the pages with files that the program contains, unless `LATCHKEY_SITE_ROOT` names a folder.
    #[must_use]
    pub fn embedded_site(mut self, site: EmbeddedSite) -> Self {
        self.embedded_site = Some(site);
        self
    }

    /// Leaves out the pages. Then no built site is needed, and the links in emails, such as `/activate`,
    /// lead to pages of your own.
    #[must_use]
    pub fn without_pages(mut self) -> Self {
        self.lacks_pages = true;
        self
    }

    /// Opens the database, creates or updates its tables, and starts the background tasks. Call it within a
    /// Tokio runtime.
    ///
    /// # Errors
    /// When a setting is unknown or invalid, or something that it names can't be used. The message is one
    /// line, which names the setting.
    pub async fn start(self) -> Result<Latchkey, Failure> {
        api::check_server_fns()?;
        let environment = self.reads_environment.then(Environment::read).transpose()?;
        let mut config = embedded_config(&self.given, environment.as_ref())?;
        config.embedded_site = self.embedded_site;
        for warning in environment.iter().flat_map(cli::warnings) {
            tracing::warn!("{warning}");
        }
        let site = (!self.lacks_pages).then(|| site(&config)).transpose()?;
        let paths = AppPaths::prepare(&config)?;
        let database = paths.open_database().await?;
        let secret = config.secret.clone();
        let secrets = paths.master_secrets(&database, secret).await?;
        let public_url = config.server_url();
        let (accounts, email_worker) = paths
            .start_accounts(&config, database, secrets, &public_url)
            .await?;
        let metrics = Metrics::new(accounts.clone()).map_err(Failure::new)?;
        let tasks = Tasks::start(accounts.clone(), email_worker);
        Ok(Latchkey(Arc::new(Inner {
            routes: Routes::new(accounts.clone(), metrics.clone(), config.clients.clone()),
            accounts,
            metrics,
            site,
            proxies: config.clients.trusted_proxies,
            listen: config.listen,
            tasks: Mutex::new(Some(tasks)),
        })))
    }
}

/// The pages. The home page is the embedding program's, so theirs leads there.
fn site(config: &Config) -> Result<SiteFiles, Failure> {
    let mut site = config.site()?;
    let home = config.home_url.clone();
    site.home_url = Some(home.unwrap_or_else(|| "/".to_owned()));
    Ok(site)
}

/// A running Latchkey within another program. Clones are the same one.
#[derive(Clone)]
pub struct Latchkey(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    metrics: Metrics,
    routes: Routes,
    site: Option<SiteFiles>,
    proxies: TrustedProxies,
    listen: SocketAddr,
    /// `None` after the shutdown.
    tasks: Mutex<Option<Tasks>>,
}

impl Latchkey {
    /// Returns the routes of the API and the pages, to merge into a router. They keep their rules, such as
    /// limits and security headers, to themselves, and have no fallback.
    ///
    /// They are at absolute paths, which links in emails and pages name, so `merge` them; don't `nest`
    /// them. Each request needs the address of its peer: serve the router with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn router(&self) -> Router {
        self.0.routes.embedded(self.0.site.as_ref())
    }

    /// Returns the routes `/healthz` and `/readyz`, to merge into a router that has none of its own.
    pub fn probes(&self) -> Router {
        self.0.routes.probes()
    }

    /// Returns a router with one route, `/metrics`, for an address that only Prometheus can reach.
    pub fn metrics(&self) -> Router {
        self.0.metrics.clone().router()
    }

    /// The use cases: what the API does, for handlers and server functions. They keep their limits for
    /// each account; limits for each client are those of the API only.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// The address in `LATCHKEY_LISTEN`, for programs that have no setting of their own.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.0.listen
    }

    /// Returns the device that a request comes from, for use cases that take one.
    ///
    /// # Errors
    /// `internal_error` when the request lacks the address of its peer.
    pub fn device(&self, request: &Parts) -> Result<Device, ApiError> {
        Ok(device_of(self.client_ip(request)?, &request.headers))
    }

    /// Returns the caller that the access token in the `Authorization` header of a request belongs to.
    /// Handlers take [`SignedIn`](crate::SignedIn) instead, and server functions call
    /// [`signed_in`](fn@crate::signed_in).
    ///
    /// # Errors
    /// `not_authenticated` without a token, `token_expired` or `token_invalid` with an invalid one,
    /// `otp_required` with one that still lacks the second factor, `second_factor_setup_required` where the
    /// user must set one up.
    pub async fn authenticate(&self, request: &Parts) -> Result<Authorized, ApiError> {
        let client = self.client_ip(request)?;
        authenticate(&self.0.accounts, client, &request.headers).await
    }

    fn client_ip(&self, request: &Parts) -> Result<ClientIp, ApiError> {
        let Some(ConnectInfo(peer)) = request.extensions.get::<ConnectInfo<SocketAddr>>() else {
            tracing::error!(NO_PEER);
            return Err(Code::InternalError.into());
        };
        let client = self.0.proxies.find_client(peer.ip(), &request.headers);
        Ok(ClientIp(client))
    }

    /// Ends responses that would not end by themselves, and takes no further emails from the outbox. Call
    /// it when the program is told to stop, so that it does not wait for these.
    pub fn begin_shutdown(&self) {
        self.0.accounts.end_revocation_streams();
        if let Some(tasks) = self.tasks().as_mut() {
            tasks.stop_sending();
        }
    }

    /// Stops the background tasks, which may take up to 8 seconds for emails that are being sent, and
    /// closes the database. Call it after the last request.
    pub async fn shutdown(&self) {
        self.begin_shutdown();
        let tasks = self.tasks().take();
        if let Some(tasks) = tasks {
            tasks.stop().await;
            self.0.accounts.database().close().await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<Tasks>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
