//! Loaders for the long tail: what is asked for here and there in an answer, fetched once for all of it.

use crate::caller::UserKey;
use crate::domain::case::{self, Case};
use crate::domain::client::{self, Client};
use crate::domain::feed::{self, Entry};
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

/// Clients by key, for whoever has reached something of theirs.
pub struct ClientLoader(pub Log);

impl Loader<UserKey> for ClientLoader {
    type Value = Client;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[UserKey]) -> Result<HashMap<UserKey, Client>, Arc<Error>> {
        let load = async { client::find_many(&mut *self.0.reader().await?, keys).await };
        let clients = load.await.map_err(Arc::new)?;
        let key = |client: &Client| UserKey { firm: client.row.firm_id, id: client.row.id };
        Ok(clients.into_iter().map(|client| (key(&client), client)).collect())
    }
}

/// The newest open cases of clients, at most so many of each, for whoever has reached the clients.
pub struct CaseLoader(pub Log);

/// Most cases shown beside a client.
pub const CASES: i32 = 20;

impl Loader<UserKey> for CaseLoader {
    type Value = Vec<Case>;
    type Error = Arc<Error>;

    async fn load(&self, clients: &[UserKey]) -> Result<HashMap<UserKey, Vec<Case>>, Arc<Error>> {
        let load = async { case::of_clients(&mut *self.0.reader().await?, clients, i64::from(CASES)).await };
        let mut cases = HashMap::<UserKey, Vec<Case>>::new();
        for case in load.await.map_err(Arc::new)? {
            cases.entry(UserKey { firm: case.firm_id, id: case.client_id }).or_default().push(case);
        }
        Ok(cases)
    }
}

/// What was done in impersonations, as far as someone hears of it: a page of each.
pub struct ActionLoader(pub Log);

impl Loader<feed::Actions> for ActionLoader {
    type Value = Vec<Entry>;
    type Error = Arc<Error>;

    async fn load(&self, pages: &[feed::Actions]) -> Result<HashMap<feed::Actions, Vec<Entry>>, Arc<Error>> {
        let load = async { feed::actions(&mut *self.0.reader().await?, pages).await };
        load.await.map_err(Arc::new)
    }
}

/// The clients that delegations of one principal list, as far as the principal reaches them.
pub struct ListedLoader(pub Log);

impl Loader<UserKey> for ListedLoader {
    type Value = Vec<Client>;
    type Error = Arc<Error>;

    async fn load(&self, delegations: &[UserKey]) -> Result<HashMap<UserKey, Vec<Client>>, Arc<Error>> {
        let load = async { client::listed(&mut *self.0.reader().await?, delegations).await };
        load.await.map_err(Arc::new)
    }
}
