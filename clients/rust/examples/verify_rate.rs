//! Measures how many tokens per second a verifier checks on one core, beside the bare check of the
//! signature and the standard claims with `jsonwebtoken`, in turns.
//!
//! `verify_rate <URL> <service key> <token> <key set> <seconds>` prints both rates.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use latchkey_verify::{Claims, Verifier, WithoutLease};

/// Many short turns: what else the machine does then slows both down alike.
const ROUNDS: u32 = 100;

#[tokio::main]
#[allow(clippy::print_stdout)] // The rates are the program's output.
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, token, set, seconds] = &arguments[..] else {
        return Err("usage: verify_rate <URL> <service key> <token> <key set> <seconds>".into());
    };
    let builder = Verifier::builder(url, key).without_lease(WithoutLease::Refuse);
    let verifier = builder.connect().await?;
    let claims = verifier.verify(token)?;

    let set: JwkSet = serde_json::from_str(set)?;
    let id = decode_header(token)?.kid.unwrap_or_default();
    let key = DecodingKey::from_jwk(set.find(&id).ok_or("a key that is not in the set")?)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[&claims.iss]);
    validation.set_audience(&[&claims.iss]);

    let turn = Duration::from_secs_f64(seconds.parse()?) / (2 * ROUNDS);
    let (mut verified, mut bare) = (0, 0);
    for _ in 0..ROUNDS {
        bare += count(turn, || decode::<Claims>(token, &key, &validation).is_ok())?;
        verified += count(turn, || verifier.verify(token).is_ok())?;
    }
    let whole = (turn * ROUNDS).as_secs_f64();
    println!(
        "{} {}",
        f64::from(verified) / whole,
        f64::from(bare) / whole
    );
    Ok(())
}

/// Returns how often something succeeds in this time.
fn count(time: Duration, check: impl Fn() -> bool) -> Result<u32, &'static str> {
    let ends = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < ends {
        for _ in 0..10 {
            if !check() {
                return Err("a valid token was refused");
            }
        }
        count += 10;
    }
    Ok(count)
}
