//! What a client leaves behind that hangs up in the middle: its request is dropped wherever it waits.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use stage::{EMAIL, TestEnv, laptop};

/// Runs a future for so long at most, and drops it; whether it was done. A timer would be too coarse.
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

/// A transaction that nobody ends would take what others write with it.
#[tokio::test]
async fn no_transaction_is_left_open() {
    let stage = TestEnv::with_user().await;
    let (pair, device) = (stage.sign_in().await, laptop());
    let (mut wishes, mut cut, mut done) = (0, 0, 0);
    // From the first thing that it waits for, to its end.
    while done < 5 && cut < 200 {
        let time = Duration::from_micros(20) * cut;
        let token = (&*pair.refresh_token).into();
        if run_for(time, stage.accounts.refresh(token, &device)).await {
            done += 1;
        } else {
            cut += 1;
        }
        for _ in 0..4 {
            let wish = stage.accounts.reset_password(EMAIL.into(), &device);
            wish.await.unwrap();
            wishes += 1;
        }
        let kept = stage.committed_rows("mail_requests").await;
        assert_eq!(kept, wishes, "after {time:?}");
    }
    assert!(cut > 0, "nothing was cut off");
}
