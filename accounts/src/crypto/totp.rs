//! One-time codes of authenticator apps: TOTP (RFC 6238) with SHA-1, 6 digits and steps of 30
//! seconds, which every app supports.

use qrcode::{EcLevel, QrCode, render::svg};
use secrecy::{ExposeSecret, SecretBox};
use totp_rs::{Builder, Totp};

use crate::{
    clock::Timestamp, email::address::email_for_display, error::Error, random::Random, text,
};

/// The length of a step in seconds.
const STEP: u64 = 30;

/// How many steps before and after the current one are accepted, because clocks differ.
const SKEW: u16 = 1;

/// The length of a secret in bytes: that of the hash (RFC 4226, section 4, R6).
const SECRET_LENGTH: usize = 20;

/// The secret that an authenticator app and the server share.
pub(crate) struct TotpSecret(SecretBox<[u8]>);

/// What a user needs to set up an authenticator app.
pub struct TotpSetup {
    /// The secret in base 32, to type by hand.
    pub secret: String,
    /// The secret as a URL for authenticator apps (Key URI Format).
    pub otpauth_url: String,
    /// The URL as a QR code: an SVG image.
    pub qr_svg: String,
}

impl TotpSecret {
    /// Generates a secret.
    pub fn new(random: &dyn Random) -> Self {
        Self::from_bytes(random.bytes::<SECRET_LENGTH>().to_vec())
    }

    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(SecretBox::new(bytes.into_boxed_slice()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    fn totp(&self) -> Builder {
        Builder::new()
            .with_secret(self.as_bytes().to_vec())
            .with_skew(SKEW)
            .with_step_duration(STEP)
    }

    /// Returns the step that a code is for, if it is the current one or one beside it. Spaces and
    /// hyphens are ignored, and digits of any script are accepted.
    pub fn matching_step(&self, code: &str, now: Timestamp) -> Result<Option<i64>, Error> {
        let digits = text::code(code);
        let totp = self.totp().build().map_err(internal)?;
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or_default();
        let step = totp.check(&digits, seconds);
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }

    /// Returns what the user with this email address needs to set up an app for this site.
    pub fn setup(&self, issuer: &str, email: &str) -> Result<TotpSetup, Error> {
        let totp: Totp = self
            .totp()
            // A colon ends the name (Key URI Format).
            .with_account_name(email_for_display(email).replace(':', "_"))
            .with_issuer(Some(issuer))
            .build()
            .map_err(internal)?;
        let otpauth_url = totp.to_url().map_err(internal)?;
        let qr = QrCode::with_error_correction_level(&otpauth_url, EcLevel::M).map_err(internal)?;
        let image = qr.render::<svg::Color>().min_dimensions(200, 200).build();
        // Inline SVG has no XML declaration.
        let qr_svg = image
            .split_once("?>")
            .map_or(image.as_str(), |(_, svg)| svg)
            .to_owned();
        Ok(TotpSetup {
            secret: totp.secret().to_base32(),
            otpauth_url,
            qr_svg,
        })
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("can't set up or check a TOTP secret", error)
}

/// Returns the name of the site in an authenticator app: the host, or the product's name for a
/// server on the user's own machine.
pub(crate) fn issuer(public_url: &str) -> String {
    url::Url::parse(public_url)
        .ok()
        .and_then(|url| url.domain().map(ToOwned::to_owned))
        .filter(|host| host != "localhost")
        .unwrap_or_else(|| "Latchkey".to_owned())
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(OffsetDateTime::from_unix_timestamp(seconds).unwrap())
    }

    /// RFC 6238, appendix B, for SHA-1: the last 6 of its 8 digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890".to_vec());
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = secret.matching_step(code, at(seconds)).unwrap();
            assert_eq!(step, Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn accepts_one_step_either_side_and_no_more() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890".to_vec());
        // The code of the step from 2,000,000,010 - 30 to 2,000,000,009.
        let first = 2_000_000_000 / 30 * 30;
        let is_good = |seconds| {
            secret
                .matching_step("279037", at(seconds))
                .unwrap()
                .is_some()
        };
        assert!(!is_good(first - 31));
        assert!(is_good(first - 30));
        assert!(is_good(first + 59));
        assert!(!is_good(first + 60));
    }

    #[test]
    fn codes_are_accepted_as_people_type_them() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890".to_vec());
        let is_good = |code| secret.matching_step(code, at(59)).unwrap().is_some();
        assert!(is_good("287 082"));
        assert!(is_good(" 287082\n"));
        assert!(is_good("287-082"));
        assert!(is_good("２８７０８２"));
        assert!(is_good("٢٨٧٠٨٢"));
        for bad in [
            "",
            "28708",
            "2870822",
            "287083",
            "-87082",
            "28708x",
            "２８７０８３",
        ] {
            assert!(!is_good(bad), "{bad}");
        }
    }

    #[test]
    fn setup_has_secret_url_and_qr_code() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890".to_vec());
        let setup = secret
            .setup("accounts.example.com", "\"a:b\"@example.com")
            .unwrap();
        assert_eq!(setup.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            setup.otpauth_url,
            "otpauth://totp/accounts.example.com:%22a_b%22%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=accounts.example.com"
        );
        assert!(setup.qr_svg.starts_with("<svg "), "{}", setup.qr_svg);
        // The longest possible email address still fits.
        let longest = format!("{}@{}.com", "a".repeat(64), "b".repeat(185));
        assert!(secret.setup(&"c".repeat(250), &longest).is_ok());
    }

    #[test]
    fn the_issuer_is_the_host() {
        assert_eq!(
            issuer("https://accounts.example.com"),
            "accounts.example.com"
        );
        assert_eq!(issuer("http://localhost:3000"), "Latchkey");
        assert_eq!(issuer("http://127.0.0.1:3000"), "Latchkey");
    }
}
