//! The migrations, inside the binary. They run as the owner of the database, the service as `locum_app`.

use anyhow::{Context, anyhow};
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_async::AsyncMigrationHarness;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Runs what has not run yet; answers the versions that it ran.
pub async fn run(url: &str) -> anyhow::Result<Vec<String>> {
    harness(url, |harness| {
        Ok(harness.run_pending_migrations(MIGRATIONS)?.iter().map(ToString::to_string).collect())
    })
    .await
}

/// Takes the newest migration back; answers its version.
pub async fn revert(url: &str) -> anyhow::Result<String> {
    harness(url, |harness| Ok(harness.revert_last_migration(MIGRATIONS)?.to_string())).await
}

/// The versions that have not run yet.
pub async fn pending(url: &str) -> anyhow::Result<Vec<String>> {
    harness(url, |harness| {
        Ok(harness
            .pending_migrations(MIGRATIONS)?
            .iter()
            .map(|migration| migration.name().to_string())
            .collect())
    })
    .await
}

/// All versions there are, oldest first.
pub fn versions() -> anyhow::Result<Vec<String>> {
    let all = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(|cause| anyhow!(cause))?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

type Harness = AsyncMigrationHarness<diesel_async::AsyncPgConnection>;
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The harness blocks, so it has a thread that may.
async fn harness<T: Send + 'static>(
    url: &str,
    work: impl FnOnce(&mut Harness) -> Result<T, Cause> + Send + 'static,
) -> anyhow::Result<T> {
    let connection = super::tls::establish(url).await.context("the database cannot be reached")?;
    let done = tokio::task::spawn_blocking(move || work(&mut AsyncMigrationHarness::new(connection)));
    done.await?.map_err(|cause| anyhow!("a migration failed: {cause}"))
}
