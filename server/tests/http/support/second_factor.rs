//! The user's second factor: an authenticator app and recovery codes.

use std::{
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{PASSWORD, Response, Server, TokenPair, text_of};

/// The length of a time step in seconds.
const STEP: u64 = 30;

/// An authenticator app, independently implemented by the command `oathtool`.
pub struct Authenticator {
    secret: String,
    last_step: AtomicU64,
}

impl Authenticator {
    /// Creates an app with this Base32 secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self {
            secret: secret.into(),
            last_step: AtomicU64::new(0),
        }
    }

    /// Returns a valid code that was not returned before. A code is valid for three steps of 30
    /// seconds; only the fourth call within a step has to wait.
    pub fn code(&self) -> String {
        loop {
            let now = now();
            // The previous step is valid until the current one ends, which must not be too soon.
            let first = now / STEP - u64::from(now % STEP < 15);
            let last_step = self.last_step.load(Ordering::Relaxed);
            let step = first.max(last_step + 1);
            if step <= now / STEP + 1 {
                self.last_step.store(step, Ordering::Relaxed);
                return self.code_at(step * STEP);
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Returns a code that is not valid at any time near now.
    pub fn wrong_code(&self) -> String {
        let now = now();
        let good: Vec<_> = (0..8)
            .map(|steps| self.code_at(now + steps * STEP - 4 * STEP))
            .collect();
        (0..)
            .map(|number| format!("{number:06}"))
            .find(|code| !good.contains(code))
            .expect("most codes are wrong")
    }

    /// Returns the code of a past or future step.
    pub fn code_at_offset(&self, steps: i64) -> String {
        let offset = steps * i64::try_from(STEP).expect("a small number");
        self.code_at(now().checked_add_signed(offset).expect("a time after 1970"))
    }

    fn code_at(&self, seconds: u64) -> String {
        let output = Command::new("oathtool")
            .args(["--totp", "--base32", &format!("--now=@{seconds}")])
            .arg(&self.secret)
            .output()
            .expect("oathtool is installed (Debian: apt-get install oathtool)");
        assert!(output.status.success(), "{output:?}");
        let code = String::from_utf8(output.stdout).expect("digits");
        code.trim().to_owned()
    }
}

fn now() -> u64 {
    UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs()
}

/// What a user has after enabling two-factor authentication.
pub struct SecondFactor {
    /// The authenticator app.
    pub app: Authenticator,
    /// The token pair that has passed MFA.
    pub pair: TokenPair,
    /// The recovery codes.
    pub recovery_codes: Vec<String>,
}

/// Returns the recovery codes in a response.
#[track_caller]
pub fn recovery_codes(response: &Response) -> Vec<String> {
    let body = response.json();
    let codes: Vec<_> = body["recovery_codes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|code| code.as_str().expect("a code is text").to_owned())
        .collect();
    assert_eq!(codes.len(), 10, "{response}");
    codes
}

impl Server {
    /// Starts to set up an authenticator app, for which the email address must be verified.
    #[track_caller]
    pub fn set_up_totp(&self, pair: &TokenPair) -> Authenticator {
        self.verify_users();
        let response = self
            .post("/api/totp/create")
            .token(&pair.token)
            .json(json!({"current_password": PASSWORD}))
            .send();
        assert_eq!(response.status, 201, "{response}");
        Authenticator::new(text_of(&response.json(), "secret"))
    }

    /// Confirms an app with its first code.
    #[track_caller]
    pub fn confirm_totp(&self, token: &str, code: &str) -> Response {
        self.post_code("/api/totp/confirm", token, code)
    }

    /// Enables two-factor authentication.
    #[track_caller]
    pub fn enable_totp(&self, pair: &TokenPair) -> SecondFactor {
        let app = self.set_up_totp(pair);
        let response = self.confirm_totp(&pair.token, &app.code());
        SecondFactor {
            app,
            pair: TokenPair::from(&response),
            recovery_codes: recovery_codes(&response),
        }
    }

    /// Adds an app beside those in use, with these fields beside its code.
    #[track_caller]
    pub fn add_app(&self, pair: &TokenPair, mut fields: Value) -> Authenticator {
        let app = self.set_up_totp(pair);
        self.forget_totp_steps();
        fields["code"] = app.code().into();
        let response = self
            .post("/api/totp/add")
            .token(&pair.token)
            .json(fields)
            .send();
        assert_eq!(response.status, 201, "{response}");
        app
    }

    /// Each time step is valid once, whichever the app: makes those of now valid again.
    pub fn forget_totp_steps(&self) {
        self.database().execute("DELETE FROM used_totp_steps");
    }

    /// Sends a code of the app to pass MFA.
    #[track_caller]
    pub fn pass_totp(&self, token: &str, code: &str) -> Response {
        self.post_code("/api/totp/login", token, code)
    }

    /// Sends a recovery code to pass MFA.
    #[track_caller]
    pub fn pass_recovery(&self, token: &str, code: &str) -> Response {
        self.post_code("/api/recovery/login", token, code)
    }

    #[track_caller]
    fn post_code(&self, path: &str, token: &str, code: &str) -> Response {
        let body = json!({"code": code});
        self.post(path).token(token).json(body).send()
    }

    /// MFA is pending for the pair.
    #[track_caller]
    pub fn assert_mfa_pending(&self, pair: &TokenPair) {
        self.view(&pair.token).assert_error(403, "otp_required");
        assert_eq!(amr(&pair.token), json!(["pwd"]));
        assert_eq!(amr(&pair.refresh_token), json!(["pwd"]));
    }

    /// Both tokens of the pair have passed MFA. This uses up the refresh token.
    #[track_caller]
    pub fn assert_mfa_passed(&self, pair: &TokenPair) {
        assert_eq!(amr(&pair.token), json!(["pwd", "otp"]));
        assert_eq!(amr(&pair.refresh_token), json!(["pwd", "otp"]));
        let view = self.view(&pair.token);
        assert_eq!(view.status, 200, "{view}");
        let renewed = TokenPair::from(&self.refresh(&pair.refresh_token));
        assert_eq!(amr(&renewed.token), json!(["pwd", "otp"]));
        let view = self.view(&renewed.token);
        assert_eq!(view.status, 200, "{view}");
    }
}

/// The authentication methods of a token (RFC 8176).
#[track_caller]
pub fn amr(token: &str) -> Value {
    super::jwt::claims(token)["amr"].clone()
}
