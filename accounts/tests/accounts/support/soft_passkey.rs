//! An authenticator in software with one passkey, which signs whatever a test wants (WebAuthn, level 3; ES256
//! and no attestation).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The flags of authenticator data (6.1).
pub const USER_PRESENT: u8 = 1;
pub const USER_VERIFIED: u8 = 1 << 2;
pub const BACKUP_ELIGIBLE: u8 = 1 << 3;
pub const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;

/// A passkey. Tests change the fields to see what is refused.
#[derive(Clone)]
pub struct SoftPasskey {
    /// The origin of the page.
    pub origin: String,
    /// The host that the passkey is for.
    pub rp_id: String,
    /// The user, in base64url, as named when the passkey was created.
    pub user_handle: String,
    /// The flags of what is signed.
    pub flags: u8,
    /// How often it was used; 0 if it does not count.
    pub sign_count: u32,
    /// Whether the page was in a frame of another site.
    pub cross_origin: bool,
    /// The credential's id.
    pub id: Vec<u8>,
    /// The private key.
    pub key: SigningKey,
}

impl SoftPasskey {
    /// A passkey that does not count, for a page of `https://accounts.example`. The same seed means the same
    /// passkey.
    pub fn new(seed: u8) -> Self {
        Self::with_key(&[seed; 32])
    }

    /// The same with this private key.
    pub fn with_key(key: &[u8; 32]) -> Self {
        Self {
            origin: "https://accounts.example".to_owned(),
            rp_id: "accounts.example".to_owned(),
            user_handle: String::new(),
            flags: USER_PRESENT | USER_VERIFIED,
            sign_count: 0,
            cross_origin: false,
            id: Sha256::digest(key)[..16].to_vec(),
            key: SigningKey::from_slice(key).expect("a small number"),
        }
    }

    /// Does what `navigator.credentials.create()` does with these options, and returns the credential as JSON.
    pub fn create(&mut self, options: &Value) -> Value {
        self.user_handle = text(options, "/user/id");
        let client_data = self.client_data("webauthn.create", options);
        self.credential(json!({
            "clientDataJSON": encode(&client_data),
            "attestationObject": encode(&self.attestation_object(HAS_CREDENTIAL)),
            "transports": ["internal", "hybrid", "smart-card"],
        }))
    }

    /// Does what `navigator.credentials.get()` does with these options, and returns the credential as JSON.
    pub fn sign(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        self.assertion(&client_data)
    }

    /// Signs these client data.
    pub fn assertion(&self, client_data: &[u8]) -> Value {
        let authenticator_data = self.authenticator_data(0);
        let signed = [authenticator_data.as_slice(), &Sha256::digest(client_data)].concat();
        let signature: Signature = self.key.sign(&signed);
        self.credential(json!({
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(&authenticator_data),
            "signature": encode(signature.to_der().as_bytes()),
            "userHandle": self.user_handle,
        }))
    }

    fn credential(&self, response: Value) -> Value {
        json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": true}},
            "response": response,
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        json!({
            "type": kind,
            "challenge": text(options, "/challenge"),
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        })
        .to_string()
        .into_bytes()
    }

    fn authenticator_data(&self, more_flags: u8) -> Vec<u8> {
        [
            Sha256::digest(&self.rp_id).as_slice(),
            &[self.flags | more_flags],
            &self.sign_count.to_be_bytes(),
        ]
        .concat()
    }

    /// The attestation object (6.5.4) in CBOR (RFC 8949).
    fn attestation_object(&self, more_flags: u8) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
        let point = self.key.verifying_key().to_sec1_point(false);
        let (_, coordinates) = point.as_bytes().split_at(1);
        let (x, y) = coordinates.split_at(32);
        let authenticator_data = [
            self.authenticator_data(more_flags).as_slice(),
            // The AAGUID of no particular model.
            &[0; 16],
            &length(&self.id),
            &self.id,
            // A COSE key: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
            b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20",
            x,
            b"\x22\x58\x20",
            y,
        ]
        .concat();
        [
            b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice(),
            &length(&authenticator_data),
            &authenticator_data,
        ]
        .concat()
    }
}

/// Encodes bytes as the API does.
pub fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn text(options: &Value, pointer: &str) -> String {
    let value = options.pointer(pointer).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("{pointer} is missing in {options}"))
        .to_owned()
}
