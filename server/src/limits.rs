//! Rate limits: a generic cell rate algorithm (GCRA) for each client network and group of endpoints.
//!
//! They limit guesses, not proofs: where a request is right or wrong, one that turns out right gets
//! back what it used. It is taken first, so that a client gains nothing by sending many requests at
//! once, or by hanging up before the response.
//!
//! A client network is an IPv4 address, or the first 64, 56 and 48 bits of an IPv6 address, because a
//! site may have any of these: the wider ones have a larger allowance.
//!
//! Each server counts in its own memory. Limits that hold across servers are per account, and are
//! part of the domain.

use std::{convert::Infallible, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use accounts::ClientNetwork;
use app::api::{ApiError, ClientIp, Code};
use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use http::StatusCode;
use quick_cache::sync::Cache;

/// The number of networks that each group remembers for each length of prefix, about 100 bytes each.
/// Beyond it, the least active network is forgotten and has its full allowance again.
const NETWORKS: usize = 20_000;

/// How many times the allowance of the narrowest network each of [`ClientNetwork::PREFIXES`] has.
const FACTORS: [u32; ClientNetwork::PREFIXES.len()] = [1, 4, 16];

/// Requests that share one allowance per client network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Signing in.
    SignIn,
    /// Creating accounts.
    Registration,
    /// Requesting emails, and using the links in them.
    Email,
    /// Everything that takes a token.
    Tokens,
    /// One-time codes and current passwords of signed-in users.
    Proof,
    /// Requests that hash a password or use the database, also those that turn out right.
    Work,
    /// Pages and files.
    Pages,
}

/// What counts against the allowance of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    /// Every request.
    All,
    /// Requests that are refused for what is in them, as wrong guesses are.
    Guesses,
}

/// The limit of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    group: Group,
    counts: Counts,
    /// Whether every request counts in [`Group::Work`], too.
    is_work: bool,
}

impl Limit {
    /// That of pages and files.
    pub const PAGES: Self = Self::all(Group::Pages);

    /// Every request counts.
    const fn all(group: Group) -> Self {
        Self {
            group,
            counts: Counts::All,
            is_work: false,
        }
    }

    /// Only guesses count.
    const fn guesses(group: Group) -> Self {
        Self {
            group,
            counts: Counts::Guesses,
            is_work: false,
        }
    }

    /// Guesses count, and each request is work.
    const fn work(group: Group) -> Self {
        Self {
            is_work: true,
            ..Self::guesses(group)
        }
    }
}

impl Group {
    const ALL: [Self; 7] = [
        Self::SignIn,
        Self::Registration,
        Self::Email,
        Self::Tokens,
        Self::Proof,
        Self::Work,
        Self::Pages,
    ];

    /// Returns the number of requests in a burst, and the time after which one more is allowed.
    const fn allowance(self) -> (u32, Duration) {
        match self {
            Self::SignIn | Self::Proof => (100, Duration::from_secs(1)),
            Self::Registration | Self::Email => (60, Duration::from_secs(10)),
            Self::Tokens => (600, Duration::from_millis(100)),
            Self::Work => (2_000, Duration::from_millis(50)),
            Self::Pages => (5_000, Duration::from_millis(5)),
        }
    }

    /// The quota of a network with this many times the allowance.
    fn quota(self, factor: u32) -> Quota {
        let (burst, period) = self.allowance();
        Quota::with_period(period / factor)
            .zip(NonZeroU32::new(burst * factor))
            .map(|(quota, burst)| quota.allow_burst(burst))
            .expect("no allowance is zero")
    }
}

/// The limit of each endpoint. Where every request counts, each sends an email or creates an account.
const ENDPOINTS: [(&str, Limit); 77] = [
    ("/api/user/create", Limit::all(Group::Registration)),
    ("/api/user/login", Limit::work(Group::SignIn)),
    ("/api/user/login/code", Limit::all(Group::Email)),
    ("/api/user/login/code/confirm", Limit::work(Group::SignIn)),
    ("/api/user/login/refresh", Limit::guesses(Group::Tokens)),
    ("/api/user/login/verify", Limit::guesses(Group::Tokens)),
    ("/api/user/view", Limit::guesses(Group::Tokens)),
    ("/api/user/activity", Limit::work(Group::Tokens)),
    ("/api/user/delete", Limit::work(Group::Proof)),
    ("/api/user/logout", Limit::work(Group::Tokens)),
    ("/api/user/logout/all", Limit::work(Group::Tokens)),
    ("/api/user/sessions", Limit::work(Group::Tokens)),
    ("/api/user/sessions/revoke", Limit::work(Group::Tokens)),
    ("/api/user/sessions/reject", Limit::work(Group::Email)),
    (
        "/api/user/trusted_devices/revoke",
        Limit::work(Group::Tokens),
    ),
    ("/api/user/activation", Limit::work(Group::Email)),
    ("/api/user/activation/reject", Limit::work(Group::Email)),
    ("/api/user/activation/resend", Limit::all(Group::Email)),
    ("/api/user/link", Limit::work(Group::Email)),
    ("/api/user/password", Limit::work(Group::Tokens)),
    ("/api/user/password/change", Limit::work(Group::Proof)),
    ("/api/user/password/check", Limit::work(Group::Tokens)),
    ("/api/user/password/remove", Limit::work(Group::Proof)),
    ("/api/user/password/reset", Limit::all(Group::Email)),
    (
        "/api/user/password/reset/confirm",
        Limit::work(Group::Email),
    ),
    ("/api/user/email/change", Limit::all(Group::Email)),
    ("/api/user/email/change/confirm", Limit::work(Group::Email)),
    ("/api/user/email/change/undo", Limit::work(Group::Email)),
    ("/api/totp/create", Limit::work(Group::Proof)),
    ("/api/totp/confirm", Limit::work(Group::Proof)),
    ("/api/totp/login", Limit::work(Group::Proof)),
    ("/api/totp/delete", Limit::work(Group::Proof)),
    ("/api/totp", Limit::work(Group::Tokens)),
    ("/api/totp/add", Limit::work(Group::Proof)),
    ("/api/totp/rename", Limit::work(Group::Tokens)),
    ("/api/totp/remove", Limit::work(Group::Proof)),
    ("/api/passkey", Limit::work(Group::Tokens)),
    ("/api/passkey/create", Limit::work(Group::Proof)),
    ("/api/passkey/confirm", Limit::work(Group::Proof)),
    // It stores nothing.
    ("/api/passkey/login/begin", Limit::all(Group::Tokens)),
    ("/api/passkey/login", Limit::work(Group::SignIn)),
    ("/api/passkey/rename", Limit::work(Group::Tokens)),
    ("/api/passkey/delete", Limit::work(Group::Proof)),
    ("/api/recovery/create", Limit::work(Group::Proof)),
    ("/api/recovery/login", Limit::work(Group::Proof)),
    ("/api/token/introspect", Limit::guesses(Group::Tokens)),
    // Most responses don't tell whether it was a guess.
    ("/api/token/revoke", Limit::work(Group::Tokens)),
    ("/api/token/forward-auth", Limit::guesses(Group::Tokens)),
    ("/api/token/revocations", Limit::work(Group::Tokens)),
    ("/api/recovery/view", Limit::work(Group::Tokens)),
    ("/api/user/update", Limit::work(Group::Tokens)),
    ("/api/user/export", Limit::work(Group::Tokens)),
    ("/api/user/reauthenticate", Limit::work(Group::Proof)),
    ("/api/social", Limit::work(Group::Tokens)),
    ("/api/social/providers", Limit::guesses(Group::Tokens)),
    ("/api/social/link", Limit::work(Group::Proof)),
    ("/api/social/unlink", Limit::work(Group::Proof)),
    ("/api/social/confirm", Limit::work(Group::SignIn)),
    // Each asks a provider, or makes it ask its user.
    ("/api/social/{provider}/start", Limit::all(Group::SignIn)),
    ("/api/social/{provider}/callback", Limit::all(Group::SignIn)),
    ("/api/admin/users", Limit::work(Group::Tokens)),
    ("/api/admin/users/{id}", Limit::work(Group::Tokens)),
    ("/api/admin/users/{id}/sign-out", Limit::work(Group::Tokens)),
    ("/api/admin/users/{id}/sessions", Limit::work(Group::Tokens)),
    ("/api/admin/users/{id}/activity", Limit::work(Group::Tokens)),
    ("/api/admin/activity", Limit::work(Group::Tokens)),
    (
        "/api/admin/users/{id}/reset-otp",
        Limit::work(Group::Tokens),
    ),
    // Each sends an email.
    (
        "/api/admin/users/{id}/password-reset",
        Limit::all(Group::Email),
    ),
    ("/api/admin/users/bulk", Limit::work(Group::Tokens)),
    ("/api/admin/invitations", Limit::work(Group::Tokens)),
    ("/api/admin/invitations/{id}", Limit::work(Group::Tokens)),
    ("/api/admin/keys", Limit::work(Group::Tokens)),
    ("/api/admin/keys/{id}", Limit::work(Group::Tokens)),
    ("/api/admin/webhooks", Limit::work(Group::Tokens)),
    ("/api/admin/webhooks/{id}", Limit::work(Group::Tokens)),
    (
        "/api/admin/webhooks/{id}/deliveries",
        Limit::work(Group::Tokens),
    ),
    (
        "/api/admin/webhooks/{id}/deliveries/{delivery}/redeliver",
        Limit::work(Group::Tokens),
    ),
];

/// Whether a server function of this process with this path is an endpoint of Latchkey. Others belong to a
/// program that embeds it.
pub fn is_endpoint(path: &str) -> bool {
    ENDPOINTS.iter().any(|(known, _)| *known == path)
}

/// Returns the limit of an endpoint. One that is missing from the table, as a path that does not exist,
/// is limited, too.
pub fn limit(path: &str) -> Limit {
    let known = ENDPOINTS.iter().find(|(known, _)| *known == path);
    known.map_or(Limit::work(Group::Proof), |(_, limit)| *limit)
}

/// Middleware that responds with 429 to requests that exceed their limit.
pub async fn limit_rate(
    State((limits, limit)): State<(Arc<RateLimits>, Limit)>,
    Extension(ClientIp(client)): Extension<ClientIp>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(wait) = limits.admit(limit, client) {
        return ApiError::throttled(wait).into_response();
    }
    let response = next.run(request).await;
    if limit.counts == Counts::Guesses && !may_be_guess(&response) {
        limits.give_back(limit.group, client);
    }
    response
}

/// Whether a response is that to a wrong guess. A failure of the server is not, and neither is a
/// refusal of what has been proved to be right: an expired token, one that lacks the second factor,
/// the password of an inactive account.
fn may_be_guess(response: &Response) -> bool {
    let is_proof = matches!(
        response.extensions().get(),
        Some(
            Code::TokenExpired
                | Code::OtpRequired
                | Code::SecondFactorSetupRequired
                | Code::InactiveAccount
        )
    );
    response.status().is_client_error()
        && response.status() != StatusCode::REQUEST_TIMEOUT
        && !is_proof
}

type Limiter<C> = RateLimiter<ClientNetwork, Networks, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The requests of all clients so far.
pub struct RateLimits<C: Clock = MonotonicClock> {
    /// By group, then by length of the prefix.
    limiters: [[(Limiter<C>, Networks); FACTORS.len()]; Group::ALL.len()],
    clock: C,
}

impl<C: Clock + Clone> RateLimits<C> {
    /// Starts with the full allowance for every client.
    pub fn new(clock: C) -> Self {
        let limiter = |group: Group, factor| {
            let networks = Networks::new();
            let quota = group.quota(factor);
            let limiter = RateLimiter::new(quota, networks.clone(), clock.clone());
            (limiter, networks)
        };
        Self {
            limiters: Group::ALL.map(|group| FACTORS.map(|factor| limiter(group, factor))),
            clock,
        }
    }

    /// Counts a request in the group of its limit, and as work if it is some.
    ///
    /// # Errors
    /// Returns the time to wait if the request exceeds a limit. Then it is not counted.
    fn admit(&self, limit: Limit, client: IpAddr) -> Result<(), Duration> {
        self.count(limit.group, client)?;
        if limit.is_work {
            self.count(Group::Work, client)
                .inspect_err(|_| self.give_back(limit.group, client))?;
        }
        Ok(())
    }

    /// Counts a request, first for the narrowest network: one that has used up its own allowance
    /// uses none of its neighbours'.
    fn count(&self, group: Group, client: IpAddr) -> Result<(), Duration> {
        let refused = |until: NotUntil<C::Instant>| until.wait_time_from(self.clock.now());
        let limiters = &self.limiters[group as usize];
        for (index, network) in ClientNetwork::widening(client).enumerate() {
            if let Err(until) = limiters[index].0.check_key(&network) {
                self.give_back_narrowest(group, client, index);
                return Err(refused(until));
            }
        }
        Ok(())
    }

    /// Gives a request back that was counted.
    fn give_back(&self, group: Group, client: IpAddr) {
        self.give_back_narrowest(group, client, FACTORS.len());
    }

    fn give_back_narrowest(&self, group: Group, client: IpAddr, count: usize) {
        let (_, period) = group.allowance();
        let limiters = &self.limiters[group as usize];
        let networks = ClientNetwork::widening(client).take(count);
        for (network, ((_, state), factor)) in networks.zip(limiters.iter().zip(FACTORS)) {
            state.give_back(network, (period / factor).into());
        }
    }
}

/// The state of each network. The stores of governor itself grow without a bound.
#[derive(Clone)]
struct Networks(Arc<Cache<ClientNetwork, Arc<InMemoryState>>>);

impl Networks {
    fn new() -> Self {
        Self(Arc::new(Cache::new(NETWORKS)))
    }

    /// Moves the theoretical arrival time of GCRA, which each request has moved ahead by a period,
    /// back by one.
    fn give_back(&self, network: ClientNetwork, period: Nanos) {
        if let Some(state) = self.0.get(&network) {
            let _ = state.measure_and_replace(&NotKeyed::NonKey, |time| {
                time.map(|time| ((), time.saturating_sub(period))).ok_or(())
            });
        }
    }
}

impl StateStore for Networks {
    type Key = ClientNetwork;

    fn measure_and_replace<T, F, E>(&self, network: &ClientNetwork, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Ok::<_, Infallible>(state) = self.0.get_or_insert_with(network, || Ok(Arc::default()));
        state.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

#[cfg(test)]
mod tests;
