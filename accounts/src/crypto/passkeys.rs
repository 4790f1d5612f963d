//! Passkeys: this server as relying party of WebAuthn (level 3). webauthn-rs verifies what authenticators send.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use languages::tr_later;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    AttestationMetadata, AuthenticationResult, COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType,
    Credential, ECDSACurve, ParsedAttestation, ParsedAttestationData, Passkey, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::passkey_challenge::{Challenge, LIFETIME};
use crate::{error::Error, id::Id};

const NO_HOST_NAME: &str = tr_later(
    "Passkeys need a host name in the address of this server, which has an IP address there.",
);

const NOT_SECURE: &str = tr_later("Passkeys need HTTPS in the address of this server.");

/// The longest id of a credential, in bytes (WebAuthn, 4).
const CREDENTIAL_ID_LIMIT: usize = 1023;

/// The generator of the curve P-256 (SEC 2, 2.4.2): a public key whose private key everyone knows, and which
/// belongs to nobody.
const DECOY_KEY: [[u8; 32]; 2] = [
    [
        0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
        0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98,
        0xc2, 0x96,
    ],
    [
        0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e,
        0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf,
        0x51, 0xf5,
    ],
];

/// This server, as browsers and authenticators know it.
pub(crate) struct RelyingParty(Webauthn);

/// The user that a passkey is for, as the authenticator shows it.
pub(crate) struct PasskeyUser<'a> {
    pub id: Id,
    pub email: &'a str,
    /// The name; may be empty.
    pub name: &'a str,
}

/// A credential that an authenticator has created.
pub(crate) struct NewCredential {
    pub id: Vec<u8>,
    /// The public key, and what else verifies its signatures, as JSON.
    pub json: String,
    pub state: CredentialState,
}

/// What changes of a credential when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CredentialState {
    /// How often the authenticator says to have used it; 0 if it does not count.
    pub sign_count: u32,
    /// Whether it can be copied to other devices. This never changes.
    pub backup_eligible: bool,
    /// Whether it has been copied.
    pub backed_up: bool,
}

/// A stored credential.
pub(crate) struct StoredCredential<'a> {
    pub json: &'a str,
    pub state: CredentialState,
}

/// Why an authenticator's response is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It can't be read or verified.
    Invalid,
    /// The authenticator has counted less uses than before, so there may be a copy of it.
    Cloned,
}

/// What an authenticator has signed for a sign-in.
pub(crate) struct Assertion {
    credential: PublicKeyCredential,
    /// The challenge, which may be none of this server.
    pub challenge: Vec<u8>,
    /// The user that the authenticator names.
    user_id: Uuid,
}

/// What an authenticator has created.
pub(crate) struct Attestation {
    credential: RegisterPublicKeyCredential,
    /// The challenge, which may be none of this server.
    pub challenge: Vec<u8>,
}

/// Returns why browsers refuse passkeys for a site with this URL, in a sentence for users; `None` if they
/// don't.
#[must_use]
pub fn passkeys_unavailable(public_url: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(public_url) else {
        return Some(NO_HOST_NAME);
    };
    let Some(Host::Domain(host)) = url.host() else {
        return Some(NO_HOST_NAME);
    };
    let is_local = host == "localhost" || host.ends_with(".localhost");
    (url.scheme() != "https" && !is_local).then_some(NOT_SECURE)
}

impl RelyingParty {
    /// Creates the relying party of a site, whose host and origin are those of its public URL.
    ///
    /// # Errors
    /// A sentence for users, if browsers refuse passkeys for this site.
    pub fn new(public_url: &str, site_name: Option<&str>) -> Result<Self, &'static str> {
        if let Some(reason) = passkeys_unavailable(public_url) {
            return Err(reason);
        }
        let url = Url::parse(public_url).map_err(|_| NO_HOST_NAME)?;
        let host = url.domain().ok_or(NO_HOST_NAME)?;
        let builder = WebauthnBuilder::new(host, &url).map_err(|_| NO_HOST_NAME)?;
        builder
            .rp_name(site_name.unwrap_or(host))
            .timeout(LIFETIME)
            .build()
            .map(Self)
            .map_err(|_| NO_HOST_NAME)
    }

    /// Returns what `PublicKeyCredential.parseCreationOptionsFromJSON()` takes, for a passkey that is none of
    /// `existing`.
    pub fn creation_options(
        &self,
        user: &PasskeyUser<'_>,
        existing: Vec<Vec<u8>>,
        challenge: &Challenge,
    ) -> Result<Value, Error> {
        let id = Uuid::from_bytes(*user.id.as_bytes());
        let shown = if user.name.is_empty() {
            user.email
        } else {
            user.name
        };
        let started = self
            .0
            .start_passkey_registration(id, user.email, shown, Some(existing));
        let (response, _) = started.map_err(|error| failed("can't begin a passkey", error))?;
        let mut options = to_value(&response.public_key)?;
        options["challenge"] = encode(challenge);
        // webauthn-rs leaves to the authenticator whether it can be found without a user name.
        options["authenticatorSelection"]["residentKey"] = "required".into();
        options["authenticatorSelection"]["requireResidentKey"] = true.into();
        Ok(options)
    }

    /// Returns what `PublicKeyCredential.parseRequestOptionsFromJSON()` takes, for any passkey.
    pub fn request_options(&self, challenge: &Challenge) -> Result<Value, Error> {
        let started = self.0.start_discoverable_authentication();
        let (response, _) = started.map_err(|error| failed("can't begin a sign-in", error))?;
        let mut options = to_value(&response.public_key)?;
        options["challenge"] = encode(challenge);
        Ok(options)
    }

    /// Verifies a credential that was created for a challenge of this server.
    pub fn verify_attestation(
        &self,
        attestation: &Attestation,
        challenge: &Challenge,
    ) -> Result<NewCredential, Refusal> {
        let started = self
            .0
            .start_passkey_registration(Uuid::nil(), "-", "-", None);
        let (_, state) = started.map_err(invalid)?;
        let state = with_challenge(&state, "rs", challenge).map_err(invalid)?;
        let passkey: Passkey = self
            .0
            .finish_passkey_registration(&attestation.credential, &state)
            .map_err(invalid)?;
        let credential = Credential {
            // It was not asked for, and may be long.
            attestation: ParsedAttestation {
                data: ParsedAttestationData::None,
                metadata: AttestationMetadata::None,
            },
            ..passkey.into()
        };
        if credential.cred_id.is_empty() || credential.cred_id.len() > CREDENTIAL_ID_LIMIT {
            return Err(Refusal::Invalid);
        }
        Ok(NewCredential {
            json: serde_json::to_string(&credential).map_err(invalid)?,
            state: CredentialState {
                sign_count: credential.counter,
                backup_eligible: credential.backup_eligible,
                backed_up: credential.backup_state,
            },
            id: credential.cred_id,
        })
    }

    /// Verifies what was signed for a challenge of this server. Without a stored credential it takes as long,
    /// and fails.
    pub fn verify_assertion(
        &self,
        assertion: &Assertion,
        challenge: &Challenge,
        stored: Option<&StoredCredential<'_>>,
    ) -> Result<CredentialState, Refusal> {
        let (_, state) = self
            .0
            .start_discoverable_authentication()
            .map_err(invalid)?;
        let state = with_challenge(&state, "ast", challenge).map_err(invalid)?;
        let credential = match stored {
            Some(stored) => stored.read()?,
            None => decoy(&assertion.credential)?,
        };
        let response = &assertion.credential;
        let verified = self
            .0
            .finish_discoverable_authentication_v2(response, state, &credential);
        let verified: AuthenticationResult = verified.map_err(|error| match error {
            WebauthnError::CredentialPossibleCompromise => Refusal::Cloned,
            other => invalid(other),
        })?;
        if stored.is_none() || !verified.user_verified() {
            return Err(Refusal::Invalid);
        }
        Ok(CredentialState {
            sign_count: verified.counter(),
            backup_eligible: verified.backup_eligible(),
            backed_up: verified.backup_state(),
        })
    }
}

impl Assertion {
    /// Reads the JSON of a `PublicKeyCredential` that `navigator.credentials.get()` has returned.
    pub fn parse(credential: &Value) -> Option<Self> {
        let credential: PublicKeyCredential = parse(credential)?;
        Some(Self {
            challenge: challenge_in(&credential.response.client_data_json)?,
            user_id: Uuid::from_slice(credential.get_user_unique_id()?).ok()?,
            credential,
        })
    }

    /// The id of the credential that has signed it.
    pub fn credential_id(&self) -> &[u8] {
        self.credential.get_credential_id()
    }

    /// Whether the authenticator names this user.
    pub fn is_of(&self, user_id: Id) -> bool {
        self.user_id.as_bytes() == user_id.as_bytes()
    }
}

impl Attestation {
    /// Reads the JSON of a `PublicKeyCredential` that `navigator.credentials.create()` has returned.
    pub fn parse(credential: &Value) -> Option<Self> {
        let credential: RegisterPublicKeyCredential = parse(credential)?;
        Some(Self {
            challenge: challenge_in(&credential.response.client_data_json)?,
            credential,
        })
    }
}

impl StoredCredential<'_> {
    fn read(&self) -> Result<Credential, Refusal> {
        let stored: Credential = serde_json::from_str(self.json).map_err(invalid)?;
        Ok(Credential {
            counter: self.state.sign_count,
            backup_eligible: self.state.backup_eligible,
            backup_state: self.state.backed_up,
            ..stored
        })
    }
}

/// A credential that belongs to nobody, and to which nothing but the signature of this response contradicts.
fn decoy(response: &PublicKeyCredential) -> Result<Credential, Refusal> {
    /// The flag BE of authenticator data, and where its flags are (WebAuthn, 6.1).
    const BACKUP_ELIGIBLE: u8 = 1 << 3;
    const FLAGS: usize = 32;
    let flags = response.response.authenticator_data.get(FLAGS);
    let backup_eligible = flags.is_some_and(|flags| flags & BACKUP_ELIGIBLE != 0);
    let [x, y] = DECOY_KEY.map(|coordinate| coordinate.to_vec());
    let key = COSEKey {
        type_: COSEAlgorithm::ES256,
        key: COSEKeyType::EC_EC2(COSEEC2Key {
            curve: ECDSACurve::SECP256R1,
            x,
            y,
        }),
    };
    // Not all of its types can be named.
    let credential = serde_json::json!({
        "cred_id": BASE64_URL_SAFE_NO_PAD.encode(response.get_credential_id()),
        "cred": to_value(&key).map_err(invalid)?,
        "counter": 0,
        "transports": null,
        "user_verified": true,
        "backup_eligible": backup_eligible,
        "backup_state": false,
        "registration_policy": "required",
        "extensions": {},
        "attestation": { "data": "None", "metadata": "None" },
        "attestation_format": "none",
    });
    serde_json::from_value(credential).map_err(invalid)
}

/// Reads an object, or the text of one, which is what a form can hold.
fn parse<T: DeserializeOwned>(credential: &Value) -> Option<T> {
    match credential {
        Value::String(json) => serde_json::from_str(json).ok(),
        object => T::deserialize(object).ok(),
    }
}

/// Returns the challenge that an authenticator was asked to sign, unless another site has asked in a frame.
fn challenge_in(client_data: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ClientData {
        challenge: String,
        #[serde(default)]
        cross_origin: bool,
    }
    let data: ClientData = serde_json::from_slice(client_data).ok()?;
    let challenge = BASE64_URL_SAFE_NO_PAD.decode(data.challenge).ok()?;
    (!data.cross_origin).then_some(challenge)
}

/// Returns the state of a ceremony with this challenge instead of the one that webauthn-rs has chosen.
fn with_challenge<T: Serialize + DeserializeOwned>(
    state: &T,
    part: &str,
    challenge: &Challenge,
) -> Result<T, serde_json::Error> {
    let mut state = serde_json::to_value(state)?;
    state[part]["challenge"] = encode(challenge);
    serde_json::from_value(state)
}

fn encode(challenge: &Challenge) -> Value {
    BASE64_URL_SAFE_NO_PAD.encode(challenge.as_bytes()).into()
}

fn to_value(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::internal("can't write options", error))
}

fn failed(operation: &'static str, error: WebauthnError) -> Error {
    Error::internal(operation, error)
}

/// What is wrong is for those who develop a client; there is nothing secret in it.
fn invalid(error: impl std::fmt::Display) -> Refusal {
    tracing::debug!(%error, "a passkey was refused");
    Refusal::Invalid
}
