//! Taking a grant back, by either side: the delegation ends, and with it whatever runs by it.

use super::{record_end_of, store};
use crate::caller::{Caller, Capability};
use crate::domain::delegation::{self, Delegation, State};
use crate::domain::link::{self, LinkPurpose};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Author, Tx};
use crate::secret::Token;
use uuid::Uuid;

/// Takes a delegation back; whoever acts by it stops with the commit. The principal may, and a setup admin.
pub async fn revoke(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Delegation> {
    let me = caller.subject();
    let delegation = delegation::find_locked(tx, me.firm, id).await?;
    let mine =
        |delegation: &Delegation| delegation.principal.key() == me || caller.has(Capability::SetupAdmin);
    let delegation =
        delegation.filter(mine).ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("delegationId"))?;
    end(tx, delegation, State::Revoked).await
}

/// "This mail is not for me": the delegation is declined, and the firm sends no more mails to the address.
pub async fn report_unwanted(tx: &mut Tx, token: &Token) -> Result<()> {
    let link = link::consume(tx, token, LinkPurpose::Unwanted).await?;
    tx.author = Author::System;
    if let Some(id) = link.delegation_id {
        let delegation = delegation::find_locked(tx, link.firm_id, id).await?;
        if let Some(delegation) = delegation {
            delegation::suppress(tx, link.firm_id, &delegation.row.email).await?;
            if delegation.row.ended_at.is_none() {
                end(tx, delegation, State::Declined).await?;
            }
        }
    }
    Ok(())
}

async fn end(tx: &mut Tx, delegation: Delegation, how: State) -> Result<Delegation> {
    let delegation = delegation::end(tx, delegation, how).await?;
    for row in store::end_of_delegation(tx, &delegation.row).await? {
        record_end_of(tx, &row, delegation.parties());
    }
    Ok(delegation)
}
