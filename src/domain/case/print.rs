//! A case on paper: a link that is opened once, within minutes.
//!
//! Who takes part: the mutation, which needs PRINT, notes that a case was printed, and gives out the link; a browser, which
//! opens it without the session's token. So the link stands for the session, and for the impersonation it was in: what
//! the session may do is judged anew when it is opened ([`open_print`], with the caller that the session is by then).

use super::store::{self, Case, Opened};
use super::{concerned, not_found};
use crate::caller::{Action, Caller, Stand, UserKey};
use crate::defaults::PRINT_LINK;
use crate::domain::access::WorkOnClients;
use crate::domain::client::{self, Client};
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::{Event, Tx};
use crate::secret::{Purpose, Token};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A link to be opened.
pub struct NewPrint {
    pub token: Token,
    pub expires_at: DateTime<Utc>,
    pub case: Case,
}

/// What is printed.
pub struct Document {
    pub case: Case,
    pub client: Client,
}

/// Gives out a link to a case on paper, and notes it.
pub async fn print(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<NewPrint> {
    caller.permit(WorkOnClients)?;
    let case = store::find(tx.sql(), caller, id).await?.ok_or_else(not_found)?;
    let (token, expires_at) = (Token::generate(Purpose::Print)?, tx.now + PRINT_LINK);
    store::insert_print(tx, caller, &case, token.hash(), expires_at).await?;
    let version = case.version;
    let (subject, client, readers) = concerned(tx, &case).await?;
    tx.record(case.firm_id, Event::CasePrinted { case: subject, client, version, readers });
    Ok(NewPrint { token, expires_at, case })
}

/// Uses a link up; of many who try at once, one gets it. `INVITE_INVALID` for the others, and for what is no such link.
pub async fn use_link(tx: &mut Tx, token: &Token) -> Result<Opened> {
    store::open_print(tx, token.hash()).await?.ok_or_else(invalid)
}

/// What is printed behind a link that was used, for the caller that its session is by now. `INVITE_INVALID` if that
/// caller may not print it any more, or acts for somebody else than when the link was given out.
pub async fn open_print(tx: &mut Tx, caller: &Caller, opened: &Opened) -> Result<Document> {
    let impersonation = match &caller.stand {
        Stand::Own => None,
        Stand::Acting(acting) => Some(acting.impersonation),
        Stand::Lapsed { .. } => return Err(invalid()),
    };
    if impersonation != opened.impersonation_id || caller.require(Action::Print).is_err() {
        return Err(invalid());
    }
    caller.permit(WorkOnClients).map_err(|_| invalid())?;
    let case = store::find(tx.sql(), caller, opened.case_id).await?.ok_or_else(invalid)?;
    let client =
        client::find_many(tx.sql(), &[UserKey { firm: case.firm_id, id: case.client_id }]).await?.pop();
    Ok(Document { client: client.ok_or_else(invalid)?, case })
}

fn invalid() -> Error {
    Refusal::new(ErrorCode::InviteInvalid).into()
}
