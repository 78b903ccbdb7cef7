//! Secrets that the service has to use again, and so cannot keep as a hash: sealed with a key of the configuration
//! (XChaCha20-Poly1305, a random nonce each time).
//!
//! What is sealed for one purpose and row opens for no other: whoever can write into the database cannot put one
//! row's secret into another.

use crate::secret::{self, NoRandomness};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use uuid::Uuid;

/// The layout of what is sealed: this byte, the nonce, the secret with its tag.
const LAYOUT: u8 = 1;
const NONCE: usize = 24;

/// What is sealed, and where: it opens for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Of {
    pub purpose: &'static str,
    pub firm: Uuid,
    pub id: Uuid,
}

impl Of {
    fn bytes(&self) -> Vec<u8> {
        [self.firm.as_bytes(), self.id.as_bytes(), self.purpose.as_bytes()].concat()
    }
}

/// Seals and opens. It has no `Debug`: it holds the key.
pub struct Seal(XChaCha20Poly1305);

/// It was sealed with another key, for something else, or is damaged.
#[derive(Debug, thiserror::Error)]
#[error("a sealed secret does not open; was LOCUM_ENCRYPTION_KEY changed?")]
pub struct DoesNotOpen;

impl Seal {
    /// With a key of 32 bytes in base64; `None` if it is none.
    pub fn new(key: &SecretString) -> Option<Self> {
        let key = SecretSlice::from(STANDARD.decode(key.expose_secret().trim()).ok()?);
        let key: [u8; 32] = key.expose_secret().try_into().ok()?;
        Some(Self(XChaCha20Poly1305::new(&Key::from(key))))
    }

    /// A new key, as the configuration has it.
    pub fn new_key() -> Result<SecretString, NoRandomness> {
        Ok(STANDARD.encode(secret::random::<32>()?).into())
    }

    /// Seals.
    pub fn seal(&self, of: Of, secret: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let nonce = secret::random::<NONCE>()?;
        let payload = Payload { msg: secret, aad: &of.bytes() };
        // It only fails for gigabytes.
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| NoRandomness)?;
        Ok([&[LAYOUT][..], &nonce, &sealed].concat())
    }

    /// Opens.
    pub fn open(&self, of: Of, sealed: &[u8]) -> Result<SecretSlice<u8>, DoesNotOpen> {
        let (layout, rest) = sealed.split_first().ok_or(DoesNotOpen)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(DoesNotOpen)?;
        if *layout != LAYOUT {
            return Err(DoesNotOpen);
        }
        let payload = Payload { msg: sealed, aad: &of.bytes() };
        let opened = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| DoesNotOpen)?;
        Ok(SecretSlice::from(opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_for_its_row_and_unharmed() {
        let (Ok(key), Ok(other)) = (Seal::new_key(), Seal::new_key()) else { panic!("randomness") };
        let (Some(seal), Some(other)) = (Seal::new(&key), Seal::new(&other)) else { panic!("keys") };
        let of = |n| Of { purpose: "test", firm: Uuid::nil(), id: Uuid::from_u128(n) };
        let Ok(sealed) = seal.seal(of(1), b"a secret") else { panic!("sealed") };
        assert_eq!(
            seal.open(of(1), &sealed).ok().map(|open| open.expose_secret().to_vec()),
            Some(b"a secret".to_vec())
        );
        assert!(!sealed.windows(8).any(|bytes| bytes == b"a secret"));
        assert_ne!(seal.seal(of(1), b"a secret").ok(), Some(sealed.clone()), "a new nonce each time");
        assert!(other.open(of(1), &sealed).is_err(), "another key");
        assert!(seal.open(of(2), &sealed).is_err(), "another row");
        assert!(seal.open(Of { purpose: "else", ..of(1) }, &sealed).is_err(), "another purpose");
        for at in 0..sealed.len() {
            let mut harmed = sealed.clone();
            harmed[at] ^= 1;
            assert!(seal.open(of(1), &harmed).is_err() && seal.open(of(1), &sealed[..at]).is_err());
        }
        for bad in ["", "c2hvcnQ=", "not base64!"] {
            assert!(Seal::new(&bad.to_owned().into()).is_none(), "{bad}");
        }
    }
}
