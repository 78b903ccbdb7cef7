//! Cases: titled documents of facts, each about one client. Who may see one is who may see its client; while
//! impersonating, what may be done with it is cut to the scope: VIEW, EDIT and PRINT are three rights.

mod print;
mod store;

pub use print::{Document, NewPrint, open_print, print, use_link};
pub use store::{Case, CaseState, Fact, Selection, count, find, of_clients, page, sweep_prints};

use super::access::{self, WorkOnClients};
use super::client;
use super::text;
use crate::caller::Caller;
use crate::defaults::LIST_MAX;
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use uuid::Uuid;

/// A case to be.
#[derive(Clone, Debug)]
pub struct NewCase {
    pub client: Uuid,
    pub title: String,
    pub facts: Vec<Fact>,
}

/// What changes about a case; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangedCase {
    pub title: Option<String>,
    pub facts: Option<Vec<Fact>>,
    pub state: Option<CaseState>,
}

/// Opens a case for a client whom the caller reaches.
pub async fn create(tx: &mut Tx, caller: &Caller, new: NewCase) -> Result<Case> {
    let permit = caller.permit(WorkOnClients)?;
    let title = text::line("title", &new.title, 200)?;
    let facts = checked(new.facts)?;
    let client = client::find(tx.sql(), caller, new.client).await?.filter(|client| client.whole);
    let client = client.ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("clientId"))?;
    let case = store::insert(tx, &permit, &client.row, title, facts).await?;
    let (subject, client, readers) = concerned(tx, &case).await?;
    tx.record(case.firm_id, Event::CaseCreated { case: subject, client, readers });
    Ok(case)
}

/// Changes a case of a client whom the caller reaches. `CONFLICT` if somebody else did so since it was read.
pub async fn update(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    expected_version: i32,
    changed: ChangedCase,
) -> Result<Case> {
    let permit = caller.permit(WorkOnClients)?;
    let mut case = store::find_locked(tx, caller, id).await?.ok_or_else(not_found)?;
    if case.version != expected_version {
        return Err(Refusal::conflict(case.version).into());
    }
    if let Some(title) = changed.title {
        case.title = text::line("title", &title, 200)?;
    }
    if let Some(facts) = changed.facts {
        case.facts = store::Facts(checked(facts)?);
    }
    case.state = changed.state.unwrap_or(case.state);
    let case = store::update(tx, &permit, &case).await?;
    let version = case.version;
    let (subject, client, readers) = concerned(tx, &case).await?;
    tx.record(case.firm_id, Event::CaseUpdated { case: subject, client, version, readers });
    Ok(case)
}

/// Most characters of all facts of a case.
const MOST: usize = 64_000;

/// Facts as they are kept: at most 250, a name of one line, a value of up to 10,000 characters, 64,000 in all.
fn checked(facts: Vec<Fact>) -> Result<Vec<Fact>> {
    if facts.len() > LIST_MAX {
        return Err(Refusal::input("facts", format!("A case has at most {LIST_MAX} facts.")).into());
    }
    let fact = |fact: Fact| {
        Ok(Fact {
            name: text::line("facts", &fact.name, 200)?,
            value: text::paragraphs("facts", &fact.value, 10_000)?,
        })
    };
    let facts: Vec<Fact> = facts.into_iter().map(fact).collect::<Result<_>>()?;
    let characters: usize =
        facts.iter().map(|fact| fact.name.chars().count() + fact.value.chars().count()).sum();
    if characters > MOST {
        return Err(Refusal::input("facts", format!("The facts have more than {MOST} characters.")).into());
    }
    Ok(facts)
}

/// What an event about a case says, and who hears of it.
async fn concerned(tx: &mut Tx, case: &Case) -> Result<(Subject, Subject, Vec<crate::caller::UserKey>)> {
    let readers = access::readers(tx.sql(), case.firm_id, case.client_id).await?;
    Ok((case.subject(), Subject(NodeType::Client, case.client_id), readers))
}

fn not_found() -> Error {
    Refusal::new(ErrorCode::NotFound).at("caseId").into()
}

impl Case {
    /// What events say it is.
    pub fn subject(&self) -> Subject {
        Subject(NodeType::Case, self.id)
    }
}
