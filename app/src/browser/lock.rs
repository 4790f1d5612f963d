//! Lets one tab at a time change the session, with the Web Locks API.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::Pin,
};

use futures::{
    channel::oneshot,
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

/// The name of the lock that a tab holds while it renews the session.
const NAME: &str = "latchkey.session";

/// How long to wait for the lock, in milliseconds. A tab that holds it may be frozen.
const LIMIT: u32 = 10_000;

thread_local! {
    /// Whether the future that is being polled already holds the lock.
    static IS_HOLDER: Cell<bool> = const { Cell::new(false) };
}

/// The lock. It is released when this is dropped or the tab is closed.
pub(super) struct Held {
    _release: Option<oneshot::Sender<()>>,
}

impl Held {
    /// Runs a future that may itself acquire the lock, without waiting for itself.
    pub async fn run<T>(&self, mut future: Pin<Box<dyn Future<Output = T> + '_>>) -> T {
        poll_fn(|context| {
            let outer = IS_HOLDER.replace(true);
            let poll = future.as_mut().poll(context);
            IS_HOLDER.set(outer);
            poll
        })
        .await
    }
}

/// Waits for the lock, at most for [`LIMIT`].
///
/// Browsers offer locks in secure contexts only (HTTPS and localhost). In other contexts, and after
/// the limit, tabs proceed without it: the server returns a valid pair for a refresh token that was
/// just used.
pub(super) async fn acquire() -> Held {
    if IS_HOLDER.get() {
        return Held { _release: None };
    }
    let (acquired, has_acquired) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let on_acquired = Closure::once_into_js(move |_lock: JsValue| {
        // If the receiver is gone, the lock is released at once.
        let _ = acquired.send(());
        future_to_promise(async move {
            let _ = released.await;
            Ok(JsValue::UNDEFINED)
        })
    });
    let Some(request) = request(&on_acquired) else {
        return Held { _release: None };
    };
    // The promise is pending while the lock is held, unless the browser refuses the lock.
    let refused = JsFuture::from(request);
    match select(has_acquired, select(refused, TimeoutFuture::new(LIMIT))).await {
        Either::Left((Ok(()), _)) => Held {
            _release: Some(release),
        },
        // A lock that arrives after the limit is released at once, because both channels are gone.
        _ => Held { _release: None },
    }
}

/// Calls `navigator.locks.request(NAME, callback)`. web-sys has it among its unstable APIs, which
/// need a compiler flag in every build.
fn request(callback: &JsValue) -> Option<Promise> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    let request = Reflect::get(&locks, &"request".into()).ok()?;
    request
        .dyn_ref::<Function>()?
        .call2(&locks, &NAME.into(), callback)
        .ok()?
        .dyn_into()
        .ok()
}
