//! Reading the log as one of its audience: pages of it, or along with it ([`Follower`]).

mod follow;
mod tail;

pub use follow::{Filter, Follower, Step};
pub use tail::Feeds;

use super::page::{Page, Slice};
use super::user::User;
use crate::caller::UserKey;
use crate::db::row::SqlOf;
use crate::db::statement::sql;
use crate::error::Result;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;
use std::sync::LazyLock;
use uuid::Uuid;

crate::row! {
    /// An event's own columns, as far as its audience sees them.
    pub struct EventRow from events {
        pub firm_id: Uuid,
        pub position: i64,
        pub id: Uuid,
        pub type_: String,
        pub occurred_at: DateTime<Utc>,
        pub subjects: Vec<Uuid>,
        pub impersonation_id: Option<Uuid>,
        pub payload: serde_json::Value,
    }
}

/// An event with the people in it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub row: EventRow,
    pub actor: Option<User>,
    pub principal: Option<User>,
}

type Row = (SqlOf<EventRow>, Nullable<SqlOf<User>>, Nullable<SqlOf<User>>);

/// The columns of an entry.
static ROW: LazyLock<String> =
    LazyLock::new(|| format!("{}, {}, {}", EventRow::columns("e"), User::columns("a"), User::columns("p")));

/// How far a firm's log has come.
pub async fn head(connection: &mut AsyncPgConnection, firm: Uuid) -> Result<i64> {
    let find = sql::<BigInt>("select position from event_heads where firm_id = ?");
    Ok(find.bind(firm).get_result(connection).await?)
}

/// A page of what someone hears of, by position: of that, what fits.
pub async fn page(
    connection: &mut AsyncPgConnection,
    recipient: UserKey,
    filter: Filter,
    page: &Page<i64>,
) -> Result<Slice<Entry>> {
    static FORWARD: LazyLock<String> = LazyLock::new(|| page_text("asc", ">"));
    static BACKWARD: LazyLock<String> = LazyLock::new(|| page_text("desc", "<"));
    let (text, nowhere): (&'static str, i64) =
        if page.backward { (&BACKWARD, i64::MAX) } else { (&FORWARD, 0) };
    let query = sql::<Row>(text).bind(filter.types).bind(filter.subjects).bind(filter.impersonation);
    let query = query.bind(recipient.firm).bind(recipient.id);
    let rows: Vec<(EventRow, Option<User>, Option<User>)> =
        query.bind(page.from.unwrap_or(nowhere)).bind(page.fetch()).load(connection).await?;
    Ok(page.of(rows.into_iter().map(|(row, actor, principal)| Entry { row, actor, principal }).collect()))
}

fn page_text(order: &str, beyond: &str) -> String {
    format!(
        "select {} from
           (select e.* from (select ?::text[] as types, ?::uuid[] as subjects, ?::uuid as impersonation) wanted
            cross join event_audience r
            join events e on e.firm_id = r.firm_id and e.position = r.position
            where (wanted.types is null or e.type = any(wanted.types))
              and (wanted.subjects is null or e.subjects && wanted.subjects)
              and (wanted.impersonation is null or e.impersonation_id = wanted.impersonation
                   or wanted.impersonation = any(e.subjects))
              and r.firm_id = ? and r.recipient_id = ? and r.position {beyond} ?
            order by r.position {order} limit ?) e
         left join users a on a.firm_id = e.actor_firm_id and a.id = e.actor_id
         left join users p on p.firm_id = e.principal_firm_id and p.id = e.principal_id
         order by e.position {order}",
        *ROW
    )
}

/// A page of what someone hears of one impersonation: so many events behind a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Actions {
    pub recipient: UserKey,
    pub impersonation: Uuid,
    pub after: i64,
    pub fetch: i64,
}

/// What was done in impersonations, a page of each, in the order in which it was done.
pub async fn actions(
    connection: &mut AsyncPgConnection,
    pages: &[Actions],
) -> Result<HashMap<Actions, Vec<Entry>>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select k.place, {}
             from unnest(?, ?, ?, ?, ?) with ordinality as k (firm_id, recipient_id, impersonation_id, after, most, place)
             cross join lateral (
               select e.* from events e
               join event_audience r on r.firm_id = e.firm_id and r.position = e.position and r.recipient_id = k.recipient_id
               where e.firm_id = k.firm_id and e.impersonation_id = k.impersonation_id and e.position > k.after
               order by e.position limit k.most) e
             left join users a on a.firm_id = e.actor_firm_id and a.id = e.actor_id
             left join users p on p.firm_id = e.principal_firm_id and p.id = e.principal_id
             order by k.place, e.position",
            *ROW
        )
    });
    type Placed = (BigInt, SqlOf<EventRow>, Nullable<SqlOf<User>>, Nullable<SqlOf<User>>);
    let ids = |id: fn(&Actions) -> Uuid| pages.iter().map(id).collect::<Vec<_>>();
    let find = sql::<Placed>(&FIND).bind(ids(|page| page.recipient.firm)).bind(ids(|page| page.recipient.id));
    let find = find.bind(ids(|page| page.impersonation));
    let find = find.bind(pages.iter().map(|page| page.after).collect::<Vec<_>>());
    let find = find.bind(pages.iter().map(|page| page.fetch).collect::<Vec<_>>());
    let rows: Vec<(i64, EventRow, Option<User>, Option<User>)> = find.load(connection).await?;
    let mut found: HashMap<_, Vec<_>> = pages.iter().map(|page| (*page, Vec::new())).collect();
    for (place, row, actor, principal) in rows {
        // Ordinality counts from one.
        let page = usize::try_from(place - 1).ok().and_then(|place| pages.get(place));
        if let Some(entries) = page.and_then(|page| found.get_mut(page)) {
            entries.push(Entry { row, actor, principal });
        }
    }
    Ok(found)
}
