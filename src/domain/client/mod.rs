//! Clients of a firm, each with a primary and a secondary adviser or none. Who may see one is for [`super::access`].

mod store;

pub use store::{
    Client, ClientRow, ClientType, Draft, Place, count, find, find_many, insert_batch, listed, page,
};

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
    let found = store::find_locked(tx, caller, id).await?;
    let mut client = found.ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("clientId"))?;
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

impl ChangedClient {
    fn apply(self, row: &mut ClientRow) -> Result<()> {
        if let Some(name) = self.name {
            row.name = text::line("name", &name, 200)?;
        }
        if let Some(emails) = self.emails {
            if emails.len() > LIST_MAX {
                let message = format!("A client has at most {LIST_MAX} addresses.");
                return Err(Refusal::input("emails", message).into());
            }
            row.emails = emails.iter().map(|email| text::email("emails", email)).collect::<Result<_>>()?;
        }
        if let Some(client_type) = self.client_type {
            if row.type_ == ClientType::Test && client_type != ClientType::Test {
                return Err(Refusal::input("type", "A test client never becomes anything else.").into());
            }
            row.type_ = client_type;
        }
        if let Some(reference) = self.reference {
            row.reference = reference.map(|text| text::line("reference", &text, 100)).transpose()?;
        }
        Ok(())
    }
}
