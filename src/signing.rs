//! The signatures of webhooks, as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use crate::sealed::Of;
use crate::secret::{self, NoRandomness};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use uuid::Uuid;

const PREFIX: &str = "whsec_";
/// How far a message's time may be from the receiver's, in seconds.
const TOLERANCE: i64 = 300;

/// What an endpoint's messages are signed with: 24 to 64 random bytes.
#[derive(Clone, Debug)]
pub struct SigningSecret(SecretSlice<u8>);

/// What a webhook's secrets are sealed for.
pub fn sealed_for(firm: Uuid, id: Uuid) -> Of {
    Of { purpose: "webhook", firm, id }
}

/// A message, as its headers and its body say.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'m> {
    pub id: &'m str,
    /// Seconds since 1970.
    pub timestamp: i64,
    pub body: &'m [u8],
}

/// Why a message is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    #[error("its time is more than five minutes from now: a message that was caught and is played again?")]
    Time,
    #[error("no signature is of this secret")]
    Signature,
}

impl SigningSecret {
    /// Draws a new one.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(SecretSlice::from(secret::random::<32>()?.to_vec())))
    }

    /// One that was kept.
    pub fn of(bytes: SecretSlice<u8>) -> Self {
        Self(bytes)
    }

    /// One as people have it: `whsec_` and base64.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        (24..=64).contains(&bytes.len()).then(|| Self(SecretSlice::from(bytes)))
    }

    /// The bytes, to be sealed.
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The secret as people have it, for the one answer that shows it.
    pub fn reveal(&self) -> SecretString {
        format!("{PREFIX}{}", STANDARD.encode(self.bytes())).into()
    }

    /// The signature, `v1,` and base64.
    pub fn sign(&self, message: Signed<'_>) -> String {
        format!("v1,{}", STANDARD.encode(self.mac(message).finalize().into_bytes()))
    }

    /// Whether one of the signatures of the header is of this secret, and the time is about now.
    pub fn verify(&self, message: Signed<'_>, header: &str, now: i64) -> Result<(), Unverified> {
        if message.timestamp.abs_diff(now) > TOLERANCE.unsigned_abs() {
            return Err(Unverified::Time);
        }
        let mut signatures = header.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        let right = |signature: &str| {
            STANDARD.decode(signature).is_ok_and(|bytes| self.mac(message).verify_slice(&bytes).is_ok())
        };
        if signatures.any(right) { Ok(()) } else { Err(Unverified::Signature) }
    }

    fn mac(&self, message: Signed<'_>) -> Hmac<Sha256> {
        // A key of any length is one.
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(format!("{}.{}.", message.id, message.timestamp).as_bytes());
        mac.update(message.body);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_the_one_that_the_specification_has() {
        let Some(secret) = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") else {
            panic!("a secret")
        };
        let message = Signed {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: br#"{"test": 2432232314}"#,
        };
        let signature = secret.sign(message);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let verify = |header: &str, now| secret.verify(message, header, now);
        assert_eq!(verify(&signature, 1_614_265_330 + 300), Ok(()));
        assert_eq!(verify(&format!("v1,AAAA v2,x {signature}"), 1_614_265_330 - 300), Ok(()));
        assert_eq!(verify(&signature, 1_614_265_330 + 301), Err(Unverified::Time));
        assert_eq!(verify(&signature, i64::MIN), Err(Unverified::Time));
        for wrong in ["", "v1,", "v1,AAAA", &signature[3..], &signature.replace("v1,", "v2,")] {
            assert_eq!(verify(wrong, 1_614_265_330), Err(Unverified::Signature), "{wrong}");
        }
        let other = Signed { body: br#"{"test": 2432232315}"#, ..message };
        assert_eq!(secret.verify(other, &signature, 1_614_265_330), Err(Unverified::Signature));
    }

    #[test]
    fn a_secret_comes_back_as_what_it_was_and_debugging_does_not_show_it() {
        let Ok(secret) = SigningSecret::generate() else { panic!("randomness") };
        let text = secret.reveal().expose_secret().to_owned();
        assert_eq!(
            SigningSecret::parse(&text).map(|same| same.bytes().to_vec()),
            Some(secret.bytes().to_vec())
        );
        assert!(!format!("{secret:?}").contains(&text[6..]));
        for wrong in ["", "whsec_", "whsec_AAAA", &text[6..], "whsec_%"] {
            assert!(SigningSecret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
