//! New clients: whose they are, and into which workgroup they go.

use super::store::{self, Client, Draft};
use crate::caller::{Action, Caller, Capability, Kind, UserKey};
use crate::domain::access::{self, WorkOnClients};
use crate::domain::user;
use crate::domain::workgroup::{self, Workgroup};
use crate::error::{Detail, ErrorCode, Refusal, Result};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

/// How somebody may add clients.
#[derive(Clone, Debug)]
pub enum AddRule {
    /// Their own, into the default workgroup if they say nothing else.
    Free { default: Option<Workgroup> },
    /// For the owner of the one workgroup that they are in.
    Fixed(Workgroup),
    /// For the owner of one of the workgroups that they are in, which they choose.
    Choose(Vec<Workgroup>),
    /// Not at all, and why.
    Impossible(ErrorCode),
}

/// A client to be, as it was given; what is `None` was not said.
#[derive(Clone, Debug)]
pub struct NewClient {
    pub name: String,
    pub emails: Vec<String>,
    pub client_type: Option<super::ClientType>,
    pub reference: Option<String>,
    pub secondary_adviser: Option<String>,
    pub workgroup: Option<Option<Uuid>>,
}

/// How the caller may add clients, now.
pub async fn add_rule(connection: &mut AsyncPgConnection, caller: &Caller) -> Result<AddRule> {
    if let Err(refused) = caller.require(Action::Edit) {
        return Ok(AddRule::Impossible(refused.code()));
    }
    let me = caller.subject();
    match caller.subject_kind() {
        Kind::Adviser => Ok(AddRule::Free { default: workgroup::default_of(connection, me).await? }),
        Kind::Assistant => {
            let mut mine = workgroup::all_of_user(connection, me).await?;
            Ok(match mine.len() {
                0 => AddRule::Impossible(ErrorCode::NoWorkgroup),
                1 => mine.pop().map_or(AddRule::Impossible(ErrorCode::NoWorkgroup), AddRule::Fixed),
                _ => AddRule::Choose(mine),
            })
        }
        Kind::BackOffice | Kind::CompanyRep if caller.has(Capability::SetupAdmin) => {
            Ok(AddRule::Free { default: None })
        }
        Kind::BackOffice | Kind::CompanyRep => Ok(AddRule::Impossible(ErrorCode::Forbidden)),
    }
}

/// Adds a client. An adviser's is their own; an assistant's is the owner's of the workgroup that it goes into; a setup
/// admin's who is neither is nobody's yet.
pub async fn create(tx: &mut Tx, caller: &Caller, new: NewClient) -> Result<Client> {
    caller.require(Action::Edit)?;
    if !caller.has(Capability::SetupAdmin) {
        caller.permit(WorkOnClients)?;
    }
    let me = caller.subject();
    let mut draft = new.draft(tx, me).await?;
    let (workgroup, own) = match new.place(tx, caller).await? {
        Place::Own(group) => (group, (caller.subject_kind() == Kind::Adviser).then_some(me.id)),
        Place::Owners(group) => (Some(group), None),
    };
    let not_a_member = || Refusal::new(ErrorCode::NotAMember).at("workgroupId");
    let owner = match workgroup {
        Some(id) => {
            Some(workgroup::share(tx, UserKey { firm: me.firm, id }).await?.ok_or_else(not_a_member)?)
        }
        None => None,
    };
    draft.primary_adviser = own;
    if draft.secondary_adviser.is_some() && draft.secondary_adviser == own.or(owner) {
        let words = "The secondary adviser is another one than the primary adviser.";
        return Err(Refusal::input("secondaryAdviserHandle", words).into());
    }
    let id = store::insert(tx, me, workgroup, draft).await;
    let id = id.map_err(|error| error.at("reference"))?.ok_or_else(not_a_member)?;
    let key = UserKey { firm: me.firm, id };
    let readers = access::readers(tx.sql(), me.firm, id).await?;
    tx.record(me.firm, Event::ClientCreated { client: Subject(NodeType::Client, id), readers });
    let client = store::find_many(tx.sql(), &[key]).await?.pop();
    client.ok_or_else(|| Refusal::new(ErrorCode::NotFound).into())
}

/// Where a new client goes.
enum Place {
    /// It is the caller's, in this workgroup or in none.
    Own(Option<Uuid>),
    /// It is the workgroup's owner's.
    Owners(Uuid),
}

impl NewClient {
    async fn place(&self, tx: &mut Tx, caller: &Caller) -> Result<Place> {
        match add_rule(tx.sql(), caller).await? {
            AddRule::Free { default } => {
                let default = || default.map(|default| default.row.id);
                Ok(Place::Own(self.workgroup.unwrap_or_else(default)))
            }
            AddRule::Fixed(only) => Ok(Place::Owners(self.workgroup.flatten().unwrap_or(only.row.id))),
            AddRule::Choose(choices) => match self.workgroup.flatten() {
                Some(chosen) => Ok(Place::Owners(chosen)),
                None => {
                    let choices = choices.into_iter().map(|choice| (choice.row.id, choice.row.description));
                    let detail = Detail::Workgroups(choices.collect());
                    let refusal = Refusal::new(ErrorCode::WorkgroupRequired).at("workgroupId");
                    Err(Refusal { detail, ..refusal }.into())
                }
            },
            AddRule::Impossible(code) => Err(Refusal::new(code).into()),
        }
    }

    async fn draft(&self, tx: &mut Tx, me: UserKey) -> Result<Draft> {
        let mut draft = Draft {
            name: self.name.clone(),
            emails: self.emails.clone(),
            client_type: self.client_type.unwrap_or(super::ClientType::Client),
            reference: self.reference.clone(),
            details: serde_json::json!({}),
            primary_adviser: None,
            secondary_adviser: None,
        };
        super::checked(&mut draft.name, &mut draft.emails, &mut draft.reference)?;
        if let Some(handle) = &self.secondary_adviser {
            draft.secondary_adviser = Some(adviser(tx, me.firm, handle, "secondaryAdviserHandle").await?);
        }
        Ok(draft)
    }
}

/// Somebody of the firm who can be an adviser, by their user ID.
pub(super) async fn adviser(tx: &mut Tx, firm: Uuid, handle: &str, field: &str) -> Result<Uuid> {
    let found = user::by_handle(tx.sql(), firm, handle).await?;
    let found = found.ok_or_else(|| Refusal::new(ErrorCode::UserNotFound).at(field))?;
    if found.kind != Kind::Adviser {
        return Err(Refusal::input(field, "Only an adviser is a client's adviser.").into());
    }
    if found.status == user::Status::Inactive {
        return Err(Refusal::new(ErrorCode::UserInactive).at(field).into());
    }
    Ok(found.id)
}
