//! Loaders for the long tail: what is asked for here and there in an answer, fetched once for all of it.

use crate::domain::firm::{self, Firm};
use crate::error::Error;
use crate::events::Log;
use async_graphql::dataloader::Loader;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Firms by id.
pub struct FirmLoader(pub Log);

impl Loader<Uuid> for FirmLoader {
    type Value = Firm;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Firm>, Arc<Error>> {
        let load = async { firm::find_many(&mut *self.0.reader().await?, ids.to_vec()).await };
        let firms = load.await.map_err(Arc::new)?;
        Ok(firms.into_iter().map(|firm| (firm.id, firm)).collect())
    }
}
