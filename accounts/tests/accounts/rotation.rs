//! Random sequences of requests with the tokens of a session: the responses are those of a small model.

use std::time::Duration;

use crate::support::{DAY, MINUTE, SECOND, TestEnv};
use accounts::{Clock, Timestamp, TokenPair};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

const ACCESS: Duration = Duration::from_secs(15 * 60);
const IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const GRACE: Duration = Duration::from_secs(30);

/// A step of a sequence. The number selects one of the pairs, modulo their count.
#[derive(Clone, Debug)]
enum Step {
    Refresh(usize),
    View(usize),
    Wait(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    // No sum of a few of them is exactly the grace time or the lifetime of a token.
    let short = vec![7 * SECOND, 17 * SECOND, 41 * SECOND, 16 * MINUTE];
    prop_oneof![
        6 => any::<usize>().prop_map(Step::Refresh),
        3 => any::<usize>().prop_map(Step::View),
        3 => proptest::sample::select(short).prop_map(Step::Wait),
        1 => Just(Step::Wait(31 * DAY)),
    ]
}

/// A session as the specification describes it.
struct Model {
    is_over: bool,
    /// For each pair that was issued: when, and the index of its refresh token.
    pairs: Vec<(Timestamp, usize)>,
    /// For each refresh token: when it was retired last.
    retired: Vec<Option<Timestamp>>,
    /// The token that the last one has replaced.
    previous: Option<usize>,
}

impl Model {
    fn new(now: Timestamp) -> Self {
        Self {
            is_over: false,
            pairs: vec![(now, 0)],
            retired: vec![None],
            previous: None,
        }
    }

    fn refresh(&mut self, pair: usize, now: Timestamp) -> Result<(), &'static str> {
        let (given, token) = self.pairs[pair];
        if now >= given.plus(IDLE) {
            return Err("expired");
        }
        if self.is_over {
            return Err("invalid");
        }
        let last = self.retired.len() - 1;
        let in_grace = |retired: Timestamp| now <= retired.plus(GRACE);
        if token != last && self.retired[token].is_some_and(in_grace) {
            self.pairs.push((now, last));
        } else if token == last || self.previous == Some(token) {
            // The last token was used, or it never was, and a new one takes its place.
            self.retired[token] = Some(now);
            self.previous = Some(token);
            self.retired.push(None);
            self.pairs.push((now, last + 1));
        } else {
            self.is_over = true;
            return Err("invalid");
        }
        Ok(())
    }

    fn view(&self, pair: usize, now: Timestamp) -> Result<(), &'static str> {
        if now >= self.pairs[pair].0.plus(ACCESS) {
            Err("expired")
        } else if self.is_over {
            Err("invalid")
        } else {
            Ok(())
        }
    }
}

/// Runs the steps on the domain and on the model.
async fn compare(env: &TestEnv, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model::new(env.clock.now());
    let mut pairs: Vec<TokenPair> = vec![env.sign_in().await];
    for (number, step) in steps.iter().enumerate() {
        let now = env.clock.now();
        match step {
            Step::Wait(time) => env.clock.advance(*time),
            Step::View(pair) => {
                let pair = pair % pairs.len();
                let seen = env.authorize(&pairs[pair].access_token).await.map(drop);
                prop_assert_eq!(seen, model.view(pair, now), "step {}", number);
            }
            Step::Refresh(pair) => {
                let pair = pair % pairs.len();
                let given = env.refresh(&pairs[pair].refresh_token).await;
                let expected = model.refresh(pair, now);
                prop_assert_eq!(
                    given.as_ref().map(drop).map_err(|why| *why),
                    expected,
                    "step {}",
                    number
                );
                if let Ok(pair) = &given {
                    let seen = env.authorize(&pair.access_token).await.map(drop);
                    prop_assert_eq!(seen, Ok(()), "step {}", number);
                }
                pairs.extend(given);
            }
        }
    }
    Ok(())
}

#[test]
fn a_session_behaves_as_the_model_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let env = runtime.block_on(TestEnv::with_user());
    let steps = proptest::collection::vec(step(), 1..30);
    let mut runner = TestRunner::new(Config {
        cases: 100,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&steps, |steps| runtime.block_on(compare(&env, &steps)))
        .unwrap();
}
