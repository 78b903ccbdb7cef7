//! The key that `locum dev` seals secrets with: made once, kept beside its database.

use crate::sealed::Seal;
use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use std::io::ErrorKind;
use std::path::Path;
use tokio::io::AsyncWriteExt;

/// The key of this data folder.
pub async fn kept(folder: &Path) -> anyhow::Result<SecretString> {
    let path = folder.join("encryption.key");
    match tokio::fs::read_to_string(&path).await {
        Ok(key) => return Ok(key.trim().into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
    let key = Seal::new_key()?;
    let make = async {
        let mut file =
            tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
        file.write_all(key.expose_secret().as_bytes()).await?;
        file.sync_all().await
    };
    make.await.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(key)
}
