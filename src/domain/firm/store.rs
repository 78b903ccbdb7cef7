//! The firms' SQL.

use super::RunFirm;
use crate::caller::Permit;
use crate::db::schema::{event_heads, firms};
use crate::error::Result;
use crate::events::Tx;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

crate::row! {
    /// A firm.
    pub struct Firm from firms {
        pub id: Uuid,
        pub slug: String,
        pub name: String,
        pub time_zone: String,
        pub allow_external_delegates: bool,
        pub strict_workgroup_moves: bool,
        pub invite_days: Option<i16>,
        pub version: i32,
    }
}

/// Adds a firm and the head of its log. `firms_slug` refuses a short name that is taken.
pub(super) async fn insert(tx: &mut Tx, slug: String, name: String, time_zone: String) -> Result<Firm> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(firms::table).values((
        firms::id.eq(id),
        firms::slug.eq(slug),
        firms::name.eq(name),
        firms::time_zone.eq(time_zone),
        firms::created_at.eq(now),
    ));
    let firm = insert.returning(Firm::as_returning()).get_result(tx.sql()).await?;
    diesel::insert_into(event_heads::table).values(event_heads::firm_id.eq(id)).execute(tx.sql()).await?;
    Ok(firm)
}

/// A firm, locked for a change.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Firm> {
    let find = firms::table.find(id).select(Firm::as_select()).for_no_key_update();
    Ok(find.get_result(tx.sql()).await?)
}

/// Writes a changed firm.
pub(super) async fn update(tx: &mut Tx, _permit: &Permit<RunFirm>, firm: &Firm) -> Result<Firm> {
    let update = diesel::update(firms::table.find(firm.id)).set((
        firms::name.eq(&firm.name),
        firms::time_zone.eq(&firm.time_zone),
        firms::allow_external_delegates.eq(firm.allow_external_delegates),
        firms::strict_workgroup_moves.eq(firm.strict_workgroup_moves),
        firms::invite_days.eq(firm.invite_days),
        firms::version.eq(firms::version + 1),
    ));
    Ok(update.returning(Firm::as_returning()).get_result(tx.sql()).await?)
}

/// A firm by its short name.
pub async fn by_slug(connection: &mut AsyncPgConnection, slug: &str) -> Result<Option<Firm>> {
    let find = firms::table.filter(firms::slug.eq(slug)).select(Firm::as_select());
    Ok(find.get_result(connection).await.optional()?)
}

/// The short name of a firm.
pub async fn slug_of(connection: &mut AsyncPgConnection, firm: Uuid) -> Result<String> {
    Ok(firms::table.find(firm).select(firms::slug).get_result(connection).await?)
}

/// Firms by id, in any order.
pub async fn find_many(connection: &mut AsyncPgConnection, ids: Vec<Uuid>) -> Result<Vec<Firm>> {
    let find = firms::table.filter(firms::id.eq_any(ids)).select(Firm::as_select());
    Ok(find.load(connection).await?)
}

/// The time zone of a firm.
pub async fn zone_of(connection: &mut AsyncPgConnection, firm: Uuid) -> Result<chrono_tz::Tz> {
    let name: String = firms::table.find(firm).select(firms::time_zone).get_result(connection).await?;
    Ok(zone(&name))
}

/// A time zone by its name, which was checked when it was written.
pub fn zone(name: &str) -> chrono_tz::Tz {
    name.parse().unwrap_or(chrono_tz::UTC)
}
