//! Encryption of data at rest: XChaCha20-Poly1305 under keys derived from the master secrets.
//!
//! Encrypted data is the id of its key (8 bytes), a nonce (24 bytes) and the ciphertext with its
//! authentication tag.

use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};

use super::master_secrets::{MasterSecret, MasterSecrets};
use crate::{id::Id, random::Random};

/// What encrypted data is for. Each purpose has a key of its own.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The secrets of authenticator apps.
    TotpSecret,
    /// Emails in the outbox.
    Email,
    /// The secrets that sign what webhooks send.
    WebhookSecret,
}

const KEY_ID_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 24;

impl MasterSecrets {
    /// Encrypts data with the current key. The id of the row that it belongs to is authenticated
    /// with it, so that it can't be moved to another row.
    pub(crate) fn encrypt(
        &self,
        purpose: Purpose,
        owner: Id,
        data: &[u8],
        random: &dyn Random,
    ) -> Vec<u8> {
        let key = EncryptionKey::derive(self.current(), purpose);
        let nonce: [u8; NONCE_LENGTH] = random.bytes();
        let payload = Payload {
            msg: data,
            aad: owner.as_bytes(),
        };
        let ciphertext = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("XChaCha20-Poly1305 encrypts up to 256 GB");
        [key.id.as_slice(), &nonce, &ciphertext].concat()
    }

    /// Decrypts data with the key that it names. Returns `None` for an unknown key, and for data
    /// that was changed or belongs to another purpose or row.
    pub(crate) fn decrypt(&self, purpose: Purpose, owner: Id, encrypted: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = encrypted.split_first_chunk::<KEY_ID_LENGTH>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload {
            msg: ciphertext,
            aad: owner.as_bytes(),
        };
        self.iter()
            .map(|master| EncryptionKey::derive(master, purpose))
            .find(|key| key.id == *id)?
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .ok()
    }

    /// The id of the current key, which data encrypted with it begins with.
    pub(crate) fn encryption_key_id(&self, purpose: Purpose) -> [u8; KEY_ID_LENGTH] {
        EncryptionKey::derive(self.current(), purpose).id
    }
}

/// The key for one purpose under one master secret.
struct EncryptionKey {
    id: [u8; KEY_ID_LENGTH],
    cipher: XChaCha20Poly1305,
}

impl EncryptionKey {
    /// The labels are part of stored data: they never change.
    fn derive(master: &MasterSecret, purpose: Purpose) -> Self {
        let purpose: &[u8] = match purpose {
            Purpose::TotpSecret => b"totp seed",
            Purpose::Email => b"mail",
            Purpose::WebhookSecret => b"webhook secret",
        };
        let key: [u8; 32] = master.derive(&[b"sealing key 1 ", purpose]);
        Self {
            id: master.derive(&[b"sealing id 1 ", purpose]),
            cipher: XChaCha20Poly1305::new(&Key::from(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    const OLD: &str = "an old master secret of 32 bytes or more";
    const NEW: &str = "a new master secret with 32 bytes or more";

    #[test]
    fn data_is_decrypted_for_its_owner_and_purpose_under_each_master_secret() {
        let old = MasterSecrets::parse(OLD).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let both = MasterSecrets::parse(&format!("{NEW},{OLD}")).unwrap();
        let (ada, grace) = (Id::from_random([1; 16]), Id::from_random([2; 16]));
        let encrypted = old.encrypt(Purpose::TotpSecret, ada, b"secret", &OsRandom);

        let decrypt =
            |masters: &MasterSecrets| masters.decrypt(Purpose::TotpSecret, ada, &encrypted);
        assert_eq!(decrypt(&old).as_deref(), Some(b"secret".as_slice()));
        assert_eq!(decrypt(&both).as_deref(), Some(b"secret".as_slice()));
        assert_eq!(decrypt(&new), None);
        assert_eq!(old.decrypt(Purpose::TotpSecret, grace, &encrypted), None);
        assert_eq!(old.decrypt(Purpose::Email, ada, &encrypted), None);
        for length in 0..encrypted.len() {
            let cut = &encrypted[..length];
            assert_eq!(old.decrypt(Purpose::TotpSecret, ada, cut), None);
        }
        for index in 0..encrypted.len() {
            let mut changed = encrypted.clone();
            changed[index] ^= 1;
            let decrypted = old.decrypt(Purpose::TotpSecret, ada, &changed);
            assert_eq!(decrypted, None, "byte {index}");
        }
        assert!(encrypted.starts_with(&old.encryption_key_id(Purpose::TotpSecret)));
        assert!(!encrypted.starts_with(&both.encryption_key_id(Purpose::TotpSecret)));
        let again = old.encrypt(Purpose::TotpSecret, ada, b"secret", &OsRandom);
        assert_ne!(again, encrypted);
    }

    /// Released servers have stored data in this form.
    #[test]
    fn stored_data_stays_readable() {
        struct Counting;
        impl Random for Counting {
            fn fill(&self, bytes: &mut [u8]) {
                (0..).zip(bytes).for_each(|(index, byte)| *byte = index);
            }
        }
        let masters = MasterSecrets::parse(OLD).unwrap();
        let owner = Id::from_random([1; 16]);
        let hex = |purpose| -> String {
            let encrypted = masters.encrypt(purpose, owner, b"secret", &Counting);
            encrypted.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(
            hex(Purpose::TotpSecret),
            "33bcc6c868196077000102030405060708090a0b0c0d0e0f10111213141516174560f313dbd6e97482e7918c21ea0b951c8fe35a190b"
        );
        assert_eq!(
            hex(Purpose::Email),
            "d34620b6f8274a05000102030405060708090a0b0c0d0e0f1011121314151617862e7f600c744f814b9a2951b5f03dc221d3830ba4f2"
        );
    }
}
