//! What becomes of impersonations when the grant behind them changes: it is taken back by either side, or its terms are
//! narrowed. Each in the transaction of the change, so that whoever begins a request after it meets it.

use super::store::{self, EndReason};
use super::{Ending, Impersonation, end_by_now, latest_end, record_end_of};
use crate::caller::Caller;
use crate::domain::delegation::{self, ChangedTerms, Delegation, State};
use crate::domain::firm;
use crate::domain::link::{self, LinkPurpose};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Author, Tx};
use crate::secret::Token;
use uuid::Uuid;

/// Takes a delegation back; whoever acts by it stops with the commit. The principal may, and a setup admin.
pub async fn revoke(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Delegation> {
    let delegation = delegation::find_locked(tx, id).await?;
    let mine = |delegation: &Delegation| caller.may_end_for(delegation.principal.key());
    end(tx, delegation.filter(mine).ok_or_else(not_found)?, State::Revoked).await
}

/// The delegate does not want it any more: its seat is free, and whoever acts by it stops with the commit.
pub async fn decline(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Delegation> {
    let delegation = delegation::find_locked(tx, id).await?;
    let mine = |delegation: &Delegation| {
        delegation.delegate.as_ref().is_some_and(|delegate| delegate.key() == caller.actor)
    };
    end(tx, delegation.filter(mine).ok_or_else(not_found)?, State::Declined).await
}

/// "This mail is not for me": the delegation is declined, and the firm sends no more mails to the address.
pub async fn report_unwanted(tx: &mut Tx, token: &Token) -> Result<()> {
    let link = link::consume(tx, token, LinkPurpose::Unwanted).await?;
    tx.author = Author::System;
    if let Some(id) = link.delegation_id
        && let Some(delegation) = delegation::find_locked(tx, id).await?
    {
        delegation::suppress(tx, link.firm_id, &delegation.row.email).await?;
        if !delegation.row.is_over_at(tx.now) {
            end(tx, delegation, State::Declined).await?;
        }
    }
    Ok(())
}

/// Changes the terms of the caller's delegation. What they do not allow any more ends with the commit, or sooner than it
/// would have; scope and clients are read anew by each request.
pub async fn update(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    expected_version: i32,
    changed: ChangedTerms,
) -> Result<Delegation> {
    let delegation = delegation::update(tx, caller, id, expected_version, changed).await?;
    let running = running_by(tx, &delegation).await?;
    if running.is_empty() {
        return Ok(delegation);
    }
    let zone = firm::zone_of(tx.sql(), delegation.row.firm_id).await?;
    let (now, row) = (tx.now, &delegation.row);
    let schedule = row.schedule.as_ref().map(|schedule| schedule.end_after(now, zone).unwrap_or(now));
    let begins_later = (row.valid_from > now).then_some(now);
    for running in running {
        let by_schedule = schedule.map(|at| Ending { reason: EndReason::Schedule, at });
        let by_dates =
            [begins_later, row.valid_until].map(|at| Some(Ending { reason: EndReason::Expired, at: at? }));
        let expires = Ending { reason: running.row.expiry_reason, at: running.row.expires_at };
        let before = end_by_now(&running, row, now).unwrap_or(expires);
        let ending = latest_end(before, [by_schedule].into_iter().chain(by_dates).flatten());
        if ending.at <= now {
            let ended = store::end(tx, &running.row, ending).await?;
            record_end_of(tx, &ended, delegation.parties());
        } else if ending.at < expires.at {
            store::shorten(tx, &running.row, ending).await?;
        }
    }
    Ok(delegation)
}

async fn end(tx: &mut Tx, delegation: Delegation, how: State) -> Result<Delegation> {
    let delegation = delegation::end(tx, delegation, how).await?;
    let revoked = Ending { reason: EndReason::Revoked, at: tx.now };
    for running in running_by(tx, &delegation).await? {
        let ending = end_by_now(&running, &delegation.row, tx.now).unwrap_or(revoked);
        let ended = store::end(tx, &running.row, ending).await?;
        record_end_of(tx, &ended, delegation.parties());
    }
    Ok(delegation)
}

/// What runs by a delegation as far as is written down, locked; the clock may have ended it before.
async fn running_by(tx: &mut Tx, delegation: &Delegation) -> Result<Vec<Impersonation>> {
    let Some(actor) = &delegation.delegate else { return Ok(Vec::new()) };
    let rows = store::running_by(tx, &delegation.row).await?;
    let with_sides =
        |row| Impersonation { row, principal: delegation.principal.clone(), actor: actor.clone() };
    Ok(rows.into_iter().map(with_sides).collect())
}

fn not_found() -> crate::error::Error {
    Refusal::new(ErrorCode::NotFound).at("delegationId").into()
}
