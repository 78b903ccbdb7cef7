//! Loaders for the long tail: what is asked for here and there in an answer, fetched once for all of it.

use crate::caller::{Caller, UserKey};
use crate::domain::access::{self, Decision, Running};
use crate::domain::case::{self, Case};
use crate::domain::client::{self, Client};
use crate::domain::feed::{self, Entry};
use crate::domain::firm::{self, Firm};
use crate::domain::user::{self, User};
use crate::domain::workgroup::{self, Invite, Member, Members, Workgroup};
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

/// Users by key.
pub struct UserLoader(pub Log);

impl Loader<UserKey> for UserLoader {
    type Value = User;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[UserKey]) -> Result<HashMap<UserKey, User>, Arc<Error>> {
        let load = async { user::find_many(&mut *self.0.reader().await?, keys).await };
        Ok(load.await.map_err(Arc::new)?.into_iter().map(|user| (user.key(), user)).collect())
    }
}

/// Workgroups by key, for whoever has reached something that is in them.
pub struct WorkgroupLoader(pub Log);

impl Loader<UserKey> for WorkgroupLoader {
    type Value = Workgroup;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[UserKey]) -> Result<HashMap<UserKey, Workgroup>, Arc<Error>> {
        let load = async { workgroup::find_many(&mut *self.0.reader().await?, keys).await };
        Ok(load.await.map_err(Arc::new)?.into_iter().map(|group| (group.key(), group)).collect())
    }
}

/// Members of workgroups: a page of each.
pub struct MemberLoader(pub Log);

impl Loader<Members> for MemberLoader {
    type Value = Vec<Member>;
    type Error = Arc<Error>;

    async fn load(&self, pages: &[Members]) -> Result<HashMap<Members, Vec<Member>>, Arc<Error>> {
        let load = async { workgroup::members(&mut *self.0.reader().await?, pages).await };
        load.await.map_err(Arc::new)
    }
}

/// The invites to workgroups that wait: at most so many of each.
pub struct InviteLoader(pub Log);

/// Most invites shown beside a workgroup.
pub const INVITES: i32 = 50;

impl Loader<UserKey> for InviteLoader {
    type Value = Vec<Invite>;
    type Error = Arc<Error>;

    async fn load(&self, groups: &[UserKey]) -> Result<HashMap<UserKey, Vec<Invite>>, Arc<Error>> {
        let now = self.0.clock.now();
        let load = async {
            workgroup::invites_of(&mut *self.0.reader().await?, groups, now, i64::from(INVITES)).await
        };
        let mut invites = HashMap::<UserKey, Vec<Invite>>::new();
        for invite in load.await.map_err(Arc::new)? {
            let group = UserKey { firm: invite.row.firm_id, id: invite.row.workgroup_id };
            invites.entry(group).or_default().push(invite);
        }
        Ok(invites)
    }
}

/// The clients of workgroups, as far as someone reaches them: a page of each.
pub struct SharedLoader(pub Log);

impl Loader<client::Shared> for SharedLoader {
    type Value = Vec<Client>;
    type Error = Arc<Error>;

    async fn load(
        &self,
        pages: &[client::Shared],
    ) -> Result<HashMap<client::Shared, Vec<Client>>, Arc<Error>> {
        let load = async { client::of_workgroups(&mut *self.0.reader().await?, pages).await };
        load.await.map_err(Arc::new)
    }
}

/// Why callers reach clients: all that one caller's answer asks about in one look.
pub struct DecisionLoader(pub Log);

/// What is asked about: the caller, from when until when they act for another, and the client.
#[derive(Clone)]
pub struct Question {
    pub caller: Caller,
    pub running: Option<Running>,
    pub client: Uuid,
}

impl Question {
    /// What tells one caller from another.
    fn key(&self) -> (Uuid, Option<Uuid>) {
        (self.caller.session, self.caller.acting().map(|acting| acting.impersonation))
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key() && self.client == other.client
    }
}

impl Eq for Question {}

impl std::hash::Hash for Question {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.key(), self.client).hash(state);
    }
}

impl Loader<Question> for DecisionLoader {
    type Value = Decision;
    type Error = Arc<Error>;

    async fn load(&self, questions: &[Question]) -> Result<HashMap<Question, Decision>, Arc<Error>> {
        let mut callers = HashMap::<_, Vec<&Question>>::new();
        for question in questions {
            callers.entry(question.key()).or_default().push(question);
        }
        let mut answers = HashMap::new();
        for asked in callers.into_values() {
            let Some(Question { caller, running, .. }) = asked.first() else { continue };
            let clients: Vec<_> = asked.iter().map(|question| question.client).collect();
            let load =
                async { access::decisions(&mut *self.0.reader().await?, caller, *running, &clients).await };
            let mut decisions = load.await.map_err(Arc::new)?;
            for question in asked {
                if let Some(decision) = decisions.remove(&question.client) {
                    answers.insert(question.clone(), decision);
                }
            }
        }
        Ok(answers)
    }
}
