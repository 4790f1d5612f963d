//! The verifier beside a Latchkey that fails in every way.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod latchkey;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use latchkey_verify::{Verifier, VerifierEvent, VerifyError, WithoutLease};
use serde_json::json;
use tokio::time::sleep;

use crate::latchkey::{KEY, LEASE, Latchkey, Line};

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

async fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_met() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

async fn refusing(url: &str) -> Verifier {
    let builder = Verifier::builder(url, KEY).without_lease(WithoutLease::Refuse);
    builder.connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_verified_without_a_request_until_they_are_revoked() {
    let latchkey = Latchkey::start().await;
    let events = Arc::new(Mutex::new(vec![]));
    let seen = events.clone();
    let verifier = Verifier::builder(&latchkey.url, KEY)
        .on_event(move |event| seen.lock().unwrap().push(event.clone()))
        .connect()
        .await
        .unwrap();
    let (one, other) = (latchkey.token("s1"), latchkey.token("s2"));
    assert_eq!(verifier.verify(&one).unwrap().sub, "ada");
    assert_eq!(verifier.check(&other).await.unwrap().sid, "s2");
    latchkey.revoke(json!({"sub": "ada", "sid": "s1"}));
    until("the session has ended", || {
        verifier.verify(&one) == Err(VerifyError::Revoked)
    })
    .await;
    assert!(verifier.verify(&other).is_ok());
    latchkey.revoke(json!({"sub": "ada", "gen": "g"}));
    until("all have", || {
        verifier.verify(&other) == Err(VerifyError::Revoked)
    })
    .await;
    assert_eq!(latchkey.introspections(), 0);
    assert_eq!(verifier.check("x.y.z").await, Err(VerifyError::Invalid));
    let events = events.lock().unwrap();
    assert_eq!(events[0], VerifierEvent::Connected(0));
    assert_eq!(
        events.last(),
        Some(&VerifierEvent::Verified(Err(VerifyError::Invalid)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_heartbeats_a_token_is_asked_about_or_refused() {
    let latchkey = Latchkey::start().await;
    let asking = Verifier::connect(&latchkey.url, KEY).await.unwrap();
    let refusing = refusing(&latchkey.url).await;
    let token = latchkey.token("s");
    latchkey.set_beats(false);
    until("the leases have ended", || {
        !asking.has_lease() && !refusing.has_lease()
    })
    .await;
    assert_eq!(asking.verify(&token), Err(VerifyError::Unknown));
    assert_eq!(asking.check(&token).await.unwrap().sub, "ada");
    assert_eq!(refusing.check(&token).await, Err(VerifyError::Unknown));
    assert_eq!(latchkey.introspections(), 1);
    latchkey.set_beats(true);
    until("they are back", || {
        asking.has_lease() && refusing.has_lease()
    })
    .await;
    assert!(refusing.check(&token).await.is_ok());
}

/// Half-open: nothing arrives, and nobody is told.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_line_that_falls_silent_nothing_is_trusted_for_longer_than_the_lease() {
    let latchkey = Latchkey::start().await;
    let line = Line::to(&latchkey.url).await;
    let verifier = refusing(&line.url).await;
    let token = latchkey.token("s");
    for round in 0..6 {
        until("a lease", || verifier.has_lease()).await;
        assert!(verifier.verify(&token).is_ok());
        sleep(LEASE * round / 6).await;
        line.set_silent(true);
        let silent = Instant::now();
        let mut accepted = Duration::ZERO;
        while silent.elapsed() < 2 * LEASE {
            let asked = silent.elapsed();
            if verifier.verify(&token).is_ok() {
                accepted = asked;
            }
            sleep(Duration::from_millis(1)).await;
        }
        assert!(accepted < LEASE, "{accepted:?}");
        line.set_silent(false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_comes_back_has_told_what_was_missed() {
    let latchkey = Latchkey::start().await;
    let verifier = refusing(&latchkey.url).await;
    let (one, other) = (latchkey.token("s1"), latchkey.token("s2"));
    for token in [&one, &other] {
        assert!(verifier.verify(token).is_ok());
    }
    latchkey.kill();
    latchkey.revoke(json!({"sub": "ada", "sid": "s1"}));
    until("the lease has ended", || !verifier.has_lease()).await;
    assert_eq!(verifier.check(&one).await, Err(VerifyError::Unknown));
    latchkey.restart().await;
    until("a lease", || verifier.has_lease()).await;
    assert_eq!(verifier.check(&one).await, Err(VerifyError::Revoked));
    assert!(verifier.check(&other).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_revocations_at_once_are_applied() {
    let latchkey = Latchkey::start().await;
    let verifier = refusing(&latchkey.url).await;
    let last = latchkey.token("n9999");
    assert!(verifier.verify(&last).is_ok());
    for number in 0..10_000 {
        latchkey.revoke(json!({"sub": "ada", "sid": format!("n{number}")}));
    }
    until("the last", || {
        verifier.verify(&last) == Err(VerifyError::Revoked)
    })
    .await;
    // And so does a snapshot of them.
    let later = refusing(&latchkey.url).await;
    until("a snapshot of them", || {
        later.verify(&last) == Err(VerifyError::Revoked)
    })
    .await;
    let another = latchkey.token("another");
    until("others are valid", || later.verify(&another).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_latchkey_is_no_error_and_is_found_when_it_is_there() {
    let latchkey = Latchkey::start().await;
    latchkey.kill();
    let verifier = refusing(&latchkey.url).await;
    let token = latchkey.token("s");
    assert_eq!(verifier.check(&token).await, Err(VerifyError::Unknown));
    latchkey.restart().await;
    until("it is verified", || verifier.verify(&token).is_ok()).await;
    for url in ["", "latchkey", "ftp://latchkey"] {
        assert!(Verifier::connect(url, KEY).await.is_err(), "{url}");
    }
    assert!(Verifier::connect(&latchkey.url, "a\nb").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_ends_with_the_last_verifier() {
    let latchkey = Latchkey::start().await;
    let verifier = refusing(&latchkey.url).await;
    let clone = verifier.clone();
    drop(verifier);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(latchkey.streams(), 1);
    drop(clone);
    until("it has ended", || latchkey.streams() == 0).await;
}

#[cfg(all(feature = "axum", feature = "tower"))]
#[tokio::test(flavor = "multi_thread")]
async fn the_extractor_and_the_layer_let_valid_tokens_pass() {
    use axum::{Extension, Router, body::Body, extract::FromRef, http::Request, routing::get};
    use latchkey_verify::{Claims, Verified, VerifyLayer};
    use tower::ServiceExt;

    #[derive(Clone)]
    struct App(Verifier);

    impl FromRef<App> for Verifier {
        fn from_ref(app: &App) -> Self {
            app.0.clone()
        }
    }

    let latchkey = Latchkey::start().await;
    let verifier = refusing(&latchkey.url).await;
    let layered = async |Extension(claims): Extension<Claims>| claims.sub;
    let router = Router::new()
        .route("/layered", get(layered))
        .layer(VerifyLayer::new(verifier.clone()))
        .route(
            "/extracted",
            get(async |Verified(claims): Verified| claims.sub),
        )
        .with_state(App(verifier));
    let token = latchkey.token("s");
    for path in ["/layered", "/extracted"] {
        for (authorization, status, code) in [
            (Some(format!("Bearer {token}")), 200, "ada"),
            (Some(format!("bearer  {token} ")), 200, "ada"),
            (None, 401, "not_authenticated"),
            (Some("Basic YTpi".into()), 401, "not_authenticated"),
            (Some("Bearer x.y.z".into()), 401, "token_invalid"),
        ] {
            let mut request = Request::get(path);
            if let Some(value) = &authorization {
                request = request.header("authorization", value);
            }
            let request = request.body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path} {authorization:?}");
            let challenge = response.headers().contains_key("www-authenticate");
            assert_eq!(challenge, status == 401);
            let body = axum::body::to_bytes(response.into_body(), 1000)
                .await
                .unwrap();
            assert!(String::from_utf8_lossy(&body).contains(code));
        }
    }
}
