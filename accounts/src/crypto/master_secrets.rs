//! Secrets, and the keys made of them.

use std::{borrow::Cow, fmt};

use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use smallvec::SmallVec;
use sqlx::{
    Decode, Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
    sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef},
};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{Id, Random};

/// The server's master secrets: the first makes the keys that sign, all make keys that verify, so
/// that a secret can be replaced without signing anyone out.
#[derive(Clone)]
pub struct MasterSecrets(Vec<Hkdf<Sha256>>);

/// Why a text is no list of master secrets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMasterSecret {
    /// One of them is too short to be safe.
    #[error("a master secret must have 32 bytes or more; number {0} in the list is shorter")]
    TooShort(usize),
    /// Each old secret costs time on every refused token.
    #[error("at most {} master secrets can be in use", MasterSecrets::LIMIT)]
    TooMany,
}

impl MasterSecrets {
    /// How many may be in use at the same time.
    pub const LIMIT: usize = 8;

    /// The shortest master secret, in bytes.
    pub const MIN_LENGTH: usize = 32;

    /// Reads a comma-separated list, the signing secret first.
    ///
    /// # Errors
    /// When one of them is shorter than [`Self::MIN_LENGTH`], or there are too many.
    pub fn parse(list: &str) -> Result<Self, InvalidMasterSecret> {
        let secrets: Vec<&str> = list.split(',').map(str::trim).collect();
        if secrets.len() > Self::LIMIT {
            return Err(InvalidMasterSecret::TooMany);
        }
        if let Some(index) = secrets.iter().position(|s| s.len() < Self::MIN_LENGTH) {
            return Err(InvalidMasterSecret::TooShort(index + 1));
        }
        Ok(Self(
            secrets
                .iter()
                .map(|secret| Hkdf::new(Some(b"latchkey master secret"), secret.as_bytes()))
                .collect(),
        ))
    }

    /// The key that signs this user's tokens now.
    pub(crate) fn signing_key(&self, user_id: Id, secret: &JwtSecret) -> TokenKey {
        derive(&self.0[0], user_id, secret)
    }

    /// The name of a user's keys, for a token's header: only who has the master secret can make it.
    ///
    /// It is looked at before the user is, so that made-up users cost no look-up.
    pub(crate) fn key_name(&self, user_id: Id) -> KeyName {
        key_name(&self.0[0], user_id)
    }

    /// Whether this is the name of the user's keys, under any of the master secrets.
    pub(crate) fn is_key_name(&self, user_id: Id, name: KeyName) -> bool {
        self.0
            .iter()
            .any(|master| key_name(master, user_id).ct_eq(&name).into())
    }

    /// The keys that tokens of this user may be signed with, the likeliest first.
    pub(crate) fn verifying_keys(
        &self,
        user_id: Id,
        secret: &JwtSecret,
    ) -> impl Iterator<Item = TokenKey> {
        self.0
            .iter()
            .map(move |master| derive(master, user_id, secret))
    }

    /// What each of the master secrets, the first one first, makes of this text: up to 8,160 bytes
    /// that nobody else can tell from random ones. What it is for stands at its beginning.
    pub(crate) fn codes<const N: usize>(&self, info: &[&[u8]]) -> impl Iterator<Item = [u8; N]> {
        self.0.iter().map(|master| {
            let mut code = [0; N];
            master
                .expand_multi_info(info, &mut code)
                .expect("HKDF-SHA-256 gives up to 8,160 bytes");
            code
        })
    }
}

/// What encrypted data is for: each purpose has a key of its own.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The seeds of authenticator apps.
    Seed,
    /// Mails that wait to be sent.
    Mail,
}

/// How many bytes at the front of sealed data name its key.
const KEY_ID_LENGTH: usize = 8;

const NONCE_LENGTH: usize = 24;

impl MasterSecrets {
    /// Encrypts data under the first master secret: XChaCha20-Poly1305, authenticated together with
    /// the id of what it belongs to, so that it can't be put in another's place.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        owner: Id,
        data: &[u8],
        random: &dyn Random,
    ) -> Vec<u8> {
        let sealing = SealingKey::derive(&self.0[0], purpose);
        let nonce: [u8; NONCE_LENGTH] = random.bytes();
        let payload = Payload {
            msg: data,
            aad: owner.as_bytes(),
        };
        let encrypted = sealing
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("data of a few kilobytes can be encrypted");
        [sealing.id.as_slice(), &nonce, &encrypted].concat()
    }

    /// Decrypts what was sealed under any of the master secrets; nothing, if it was not.
    pub(crate) fn open(&self, purpose: Purpose, owner: Id, sealed: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID_LENGTH>()?;
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload {
            msg: encrypted,
            aad: owner.as_bytes(),
        };
        self.0
            .iter()
            .map(|master| SealingKey::derive(master, purpose))
            .find(|sealing| sealing.id == *id)?
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .ok()
    }

    /// What sealed data begins with when it is sealed under the first master secret.
    pub(crate) fn sealing_key_id(&self, purpose: Purpose) -> [u8; KEY_ID_LENGTH] {
        SealingKey::derive(&self.0[0], purpose).id
    }
}

/// The key that seals data for one purpose under one master secret, and its name.
struct SealingKey {
    id: [u8; KEY_ID_LENGTH],
    cipher: XChaCha20Poly1305,
}

impl SealingKey {
    fn derive(master: &Hkdf<Sha256>, purpose: Purpose) -> Self {
        let purpose: &[u8] = match purpose {
            Purpose::Seed => b"totp seed",
            Purpose::Mail => b"mail",
        };
        let (mut id, mut key) = ([0; KEY_ID_LENGTH], [0; 32]);
        for (label, output) in [
            (b"sealing id 1 ".as_slice(), id.as_mut_slice()),
            (b"sealing key 1 ", &mut key),
        ] {
            master
                .expand_multi_info(&[label, purpose], output)
                .expect("HKDF-SHA-256 gives up to 8,160 bytes");
        }
        Self {
            id,
            cipher: XChaCha20Poly1305::new(&Key::from(key)),
        }
    }
}

impl fmt::Debug for MasterSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterSecrets({} of them)", self.0.len())
    }
}

/// The key of one user's tokens under one master secret: HKDF-SHA-256 (RFC 5869) of both the
/// master secret and the user's own, so that neither alone forges a token.
fn derive(master: &Hkdf<Sha256>, user_id: Id, secret: &JwtSecret) -> TokenKey {
    let mut key = [0; 32];
    let text = secret.text();
    let info: [&[u8]; 3] = [b"token key 1", user_id.as_bytes(), text.as_bytes()];
    master
        .expand_multi_info(&info, &mut key)
        .expect("HKDF-SHA-256 gives up to 8,160 bytes");
    TokenKey(key)
}

/// The name of one user's keys under one master secret: 96 bits that can't be guessed.
pub(crate) type KeyName = [u8; 12];

fn key_name(master: &Hkdf<Sha256>, user_id: Id) -> KeyName {
    let mut name = KeyName::default();
    master
        .expand_multi_info(&[b"key name 1", user_id.as_bytes()], &mut name)
        .expect("HKDF-SHA-256 gives up to 8,160 bytes");
    name
}

/// The keys of one user's tokens, one for each master secret; most servers have one.
pub(crate) type TokenKeys = SmallVec<[TokenKey; 1]>;

/// The HS256 key of one user's tokens.
pub(crate) struct TokenKey([u8; 32]);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

impl TokenKey {
    #[cfg(test)]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The random part of a user's token key; whoever replaces it signs the user out everywhere.
///
/// The server writes a UUID, in lower case. In SQLite any text that a person puts there instead works
/// as well, and each is another secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum JwtSecret {
    Uuid(Uuid),
    Text(Box<str>),
}

impl JwtSecret {
    pub fn new(random: &dyn Random) -> Self {
        Self::from_text(&random.id().to_string())
    }

    fn from_text(text: &str) -> Self {
        match Uuid::parse_str(text) {
            Ok(uuid)
                if uuid
                    .as_hyphenated()
                    .encode_lower(&mut Uuid::encode_buffer())
                    == text =>
            {
                Self::Uuid(uuid)
            }
            _ => Self::Text(text.into()),
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Uuid(uuid) => uuid.to_string().into(),
            Self::Text(text) => (&**text).into(),
        }
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

impl Type<Sqlite> for JwtSecret {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }

    // SQLite's columns take any type, and a person at its prompt may leave a number or a blob.
    fn compatible(_: &SqliteTypeInfo) -> bool {
        true
    }
}

impl Encode<'_, Sqlite> for JwtSecret {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.text().into_owned(), buffer)
    }
}

impl Decode<'_, Sqlite> for JwtSecret {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let bytes = <&[u8] as Decode<Sqlite>>::decode(value)?;
        Ok(Self::from_text(&String::from_utf8_lossy(bytes)))
    }
}

impl Type<Postgres> for JwtSecret {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for JwtSecret {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let uuid = match self {
            Self::Uuid(uuid) => *uuid,
            Self::Text(text) => Uuid::parse_str(text)?,
        };
        Encode::<Postgres>::encode(uuid, buffer)
    }
}

impl Decode<'_, Postgres> for JwtSecret {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <Uuid as Decode<Postgres>>::decode(value).map(Self::Uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old master secret of 32 bytes or more";
    const NEW: &str = "a new master secret with 32 bytes or more";

    fn key(masters: &MasterSecrets, user: u8, secret: &str) -> [u8; 32] {
        let user_id = Id::from_random([user; 16]);
        masters
            .signing_key(user_id, &JwtSecret::from_text(secret))
            .0
    }

    #[test]
    fn each_spelling_of_a_users_secret_is_another_secret() {
        let masters = MasterSecrets::parse(OLD).unwrap();
        let lower = "5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32";
        assert!(matches!(JwtSecret::from_text(lower), JwtSecret::Uuid(_)));
        assert_eq!(JwtSecret::from_text(lower).text(), lower);
        for other in [
            lower.to_uppercase(),
            lower.replace('-', ""),
            format!("{{{lower}}}"),
        ] {
            assert_eq!(JwtSecret::from_text(&other).text(), other);
            assert_ne!(key(&masters, 1, &other), key(&masters, 1, lower), "{other}");
        }
    }

    #[test]
    fn a_key_depends_on_the_master_secret_the_user_and_the_users_secret() {
        let old = MasterSecrets::parse(OLD).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let keys = [
            key(&old, 1, "a"),
            key(&new, 1, "a"),
            key(&old, 2, "a"),
            key(&old, 1, "b"),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert_eq!(keys.iter().filter(|b| *b == a).count(), 1, "key {i}");
        }
        assert_eq!(key(&old, 1, "a"), keys[0]);
    }

    #[test]
    fn the_first_master_secret_signs_and_all_verify() {
        let both = MasterSecrets::parse(&format!("{NEW}, {OLD}")).unwrap();
        let old = MasterSecrets::parse(OLD).unwrap();
        let user_id = Id::from_random([1; 16]);
        let secret = JwtSecret::from_text("s");
        let verifying: Vec<_> = both
            .verifying_keys(user_id, &secret)
            .map(|key| key.0)
            .collect();
        assert_eq!(verifying[0], both.signing_key(user_id, &secret).0);
        assert_eq!(verifying[1], old.signing_key(user_id, &secret).0);
    }

    #[test]
    fn sealed_data_opens_for_its_owner_and_purpose_under_each_master_secret() {
        let old = MasterSecrets::parse(OLD).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let both = MasterSecrets::parse(&format!("{NEW},{OLD}")).unwrap();
        let (ada, grace) = (Id::from_random([1; 16]), Id::from_random([2; 16]));
        let sealed = old.seal(Purpose::Seed, ada, b"seed", &crate::OsRandom);

        let open = |masters: &MasterSecrets| masters.open(Purpose::Seed, ada, &sealed);
        assert_eq!(open(&old).as_deref(), Some(b"seed".as_slice()));
        assert_eq!(open(&both).as_deref(), Some(b"seed".as_slice()));
        assert_eq!(open(&new), None);
        assert_eq!(old.open(Purpose::Seed, grace, &sealed), None);
        assert_eq!(old.open(Purpose::Mail, ada, &sealed), None);
        for length in 0..sealed.len() {
            assert_eq!(old.open(Purpose::Seed, ada, &sealed[..length]), None);
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(old.open(Purpose::Seed, ada, &changed), None, "byte {index}");
        }
        assert!(sealed.starts_with(&old.sealing_key_id(Purpose::Seed)));
        assert!(!sealed.starts_with(&both.sealing_key_id(Purpose::Seed)));
        let again = old.seal(Purpose::Seed, ada, b"seed", &crate::OsRandom);
        assert_ne!(again, sealed);
    }

    #[test]
    fn only_the_master_secret_names_a_users_keys() {
        let old = MasterSecrets::parse(OLD).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let both = MasterSecrets::parse(&format!("{NEW},{OLD}")).unwrap();
        let (ada, grace) = (Id::from_random([1; 16]), Id::from_random([2; 16]));
        let name = old.key_name(ada);
        assert!(old.is_key_name(ada, name) && both.is_key_name(ada, name));
        assert!(!old.is_key_name(grace, name) && !new.is_key_name(ada, name));
        assert!(!old.is_key_name(ada, KeyName::default()));
        assert_eq!(both.key_name(ada), new.key_name(ada));
    }

    #[test]
    fn short_secrets_are_refused_and_none_is_shown() {
        let refused = |list: &str| MasterSecrets::parse(list).err();
        assert_eq!(refused(""), Some(InvalidMasterSecret::TooShort(1)));
        assert_eq!(refused(&OLD[..31]), Some(InvalidMasterSecret::TooShort(1)));
        assert_eq!(
            refused(&format!("{NEW},{},", OLD)),
            Some(InvalidMasterSecret::TooShort(3))
        );
        assert_eq!(
            refused(&[NEW; 9].join(",")),
            Some(InvalidMasterSecret::TooMany)
        );
        let shown = format!(
            "{:?} {:?}",
            MasterSecrets::parse(NEW),
            JwtSecret::from_text("hidden")
        );
        assert_eq!(shown, "Ok(MasterSecrets(1 of them)) JwtSecret(…)");
    }
}
