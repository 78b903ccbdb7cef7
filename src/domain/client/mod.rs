//! Clients of a firm, each with a primary and a secondary adviser or none. Who may see one is for [`super::access`].

mod assign;
mod create;
mod list;
mod store;

pub use assign::{Assigned, NewAdvisers, set_advisers, set_workgroup};
pub use create::{AddRule, NewClient, add_rule, create};
pub use list::{Filter, Place, Scope, Shared, count, of_workgroups, page};
pub use store::{Client, ClientRow, ClientType, Draft, find, find_many, insert_batch, listed};

use super::access::{self, WorkOnClients};
use super::text;
use crate::caller::Caller;
use crate::defaults::LIST_MAX;
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use uuid::Uuid;

/// What changes about a client; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangedClient {
    pub name: Option<String>,
    pub emails: Option<Vec<String>>,
    pub client_type: Option<ClientType>,
    pub reference: Option<Option<String>>,
}

/// Changes a client whom the caller reaches. `CONFLICT` if somebody else did so since it was read.
pub async fn update(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    expected_version: i32,
    changed: ChangedClient,
) -> Result<Client> {
    let permit = caller.permit(WorkOnClients)?;
    let mut client = find_to_change(tx, caller, id).await?;
    if !client.whole {
        return Err(not_worked_on().into());
    }
    if client.row.version != expected_version {
        return Err(Refusal::conflict(client.row.version).into());
    }
    changed.apply(&mut client.row)?;
    client.row = store::update(tx, &permit, &client.row).await.map_err(|error| error.at("reference"))?;
    let readers = access::readers(tx.sql(), client.row.firm_id, id).await?;
    let (subject, version) = (Subject(NodeType::Client, id), client.row.version);
    tx.record(client.row.firm_id, Event::ClientUpdated { client: subject, version, readers });
    Ok(client)
}

/// A client that the caller sees, locked: whoever takes it away from them meanwhile comes before or after this.
async fn find_to_change(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Client> {
    let found = store::find_locked(tx, caller, id).await?;
    found.ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("clientId").into())
}

/// The refusal of whoever only finds a client in the directory.
fn not_worked_on() -> Refusal {
    let rule = "A client is changed by its advisers and by the members of its workgroup.";
    Refusal::forbidden(rule, "its primary adviser, or who administers clients").at("clientId")
}

/// Mends what people write, and refuses what cannot be taken, naming the field.
fn checked(name: &mut String, emails: &mut Vec<String>, reference: &mut Option<String>) -> Result<()> {
    *name = text::line("name", name, 200)?;
    if emails.len() > LIST_MAX {
        let message = format!("A client has at most {LIST_MAX} addresses.");
        return Err(Refusal::input("emails", message).into());
    }
    *emails = emails.iter().map(|email| text::email("emails", email)).collect::<Result<_>>()?;
    *reference = reference.as_deref().map(|reference| text::line("reference", reference, 100)).transpose()?;
    Ok(())
}

impl ChangedClient {
    fn apply(self, row: &mut ClientRow) -> Result<()> {
        row.name = self.name.unwrap_or_else(|| std::mem::take(&mut row.name));
        row.emails = self.emails.unwrap_or_else(|| std::mem::take(&mut row.emails));
        row.reference = self.reference.unwrap_or_else(|| row.reference.take());
        if let Some(client_type) = self.client_type {
            if row.type_ == ClientType::Test && client_type != ClientType::Test {
                return Err(Refusal::input("type", "A test client never becomes anything else.").into());
            }
            row.type_ = client_type;
        }
        checked(&mut row.name, &mut row.emails, &mut row.reference)
    }
}
