//! Secrets that locum hands out: 256 random bits, shown once, kept as SHA-256. The one place that draws
//! randomness for them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The operating system gave no randomness; nothing secret can be made.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness;

/// A token as its holder has it: a prefix that says what it is, and 43 characters of base64url.
#[derive(Clone, Debug)]
pub struct Token(SecretString);

/// What a token is for; the prefix lets secret scanners and people tell.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    Session,
    Device,
    Link,
    Print,
}

impl Token {
    /// Draws a new one.
    pub fn generate(purpose: Purpose) -> Result<Self, NoRandomness> {
        let bytes = random::<32>()?;
        let prefix = match purpose {
            Purpose::Session => "lcs_",
            Purpose::Device => "lcd_",
            Purpose::Link => "lcl_",
            Purpose::Print => "lcp_",
        };
        Ok(Self(SecretString::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))))
    }

    /// A token that someone presents.
    pub fn presented(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// What is kept of it.
    pub fn hash(&self) -> Vec<u8> {
        hash(self.0.expose_secret().as_bytes())
    }

    /// The token itself, for the one answer or mail that shows it.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// So many random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0u8; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// SHA-256, 32 bytes.
pub fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}
