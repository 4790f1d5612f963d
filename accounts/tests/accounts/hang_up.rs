//! A client that disconnects: its request is dropped wherever it is waiting.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use crate::support::{EMAIL, TestEnv, laptop};

/// Runs a future for up to this time, then drops it. Returns whether it has finished. A timer would be
/// too coarse.
async fn run_for<T>(time: Duration, future: impl Future<Output = T>) -> bool {
    let start = Instant::now();
    let mut future = pin!(future);
    loop {
        if poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await {
            return true;
        }
        if start.elapsed() >= time {
            return false;
        }
        tokio::task::yield_now().await;
    }
}

/// A transaction that stays open would also contain what later requests write.
#[tokio::test]
async fn no_transaction_is_left_open() {
    let env = TestEnv::with_user().await;
    let (pair, device) = (env.sign_in().await, laptop());
    let (mut requests, mut cut, mut done) = (0, 0, 0);
    // From the first time that it waits until its end.
    while done < 5 && cut < 200 {
        let time = Duration::from_micros(20) * cut;
        let token = (&*pair.refresh_token).into();
        if run_for(time, env.accounts.refresh(token, &device)).await {
            done += 1;
        } else {
            cut += 1;
        }
        for _ in 0..4 {
            let request = env.accounts.reset_password(EMAIL.into(), None, &device);
            request.await.unwrap();
            requests += 1;
        }
        let kept = env.committed_rows("mail_requests").await;
        assert_eq!(kept, requests, "after {time:?}");
    }
    assert!(cut > 0, "nothing was cut off");
}
